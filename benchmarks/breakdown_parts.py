"""The parts of a run by themselves, in the loops that the kernels use: see ``breakdown.py``."""

import math

import numpy as np

from saltation.kernels.bits import natural
from saltation.kernels.cache import compile_kernel
from saltation.kernels.physics import lif
from saltation.kernels.physics.exponentials import decay, minus_log
from saltation.kernels.records import TAPE_INTS, Spiked, Tape
from saltation.kernels.sorting import RANKED, rank_span

# v_th 1, v_leak 0, v_reset 0, no hold, tau_mem 20 ms, tau_syn 10 ms, and what follows from them
P = tuple(float(value) for value in lif.derive((1.0, 0.0, 0.0, 0.0, 20e-3, 10e-3)))


def _updates(rows, rounds):
    p = P
    picked = 0
    for i in range(rounds):
        g = lif.gap_ratio_two(p, 1e-3 + 1e-9 * i)
        for m in range(rows.shape[1]):
            x = rows[0, m], rows[1, m]
            picked += lif.near_ratio_two(p, x, g)
        for m in range(rows.shape[1]):
            x = lif.flow(p, (rows[0, m], rows[1, m]), g)
            rows[0, m] = x[0]
            rows[1, m] = x[1] + rows[2, m]
    return picked


def _updates_back(rows, rounds):
    p = P
    for i in range(rounds):
        g = lif.gap_ratio_two(p, 1e-3 + 1e-9 * i)
        for m in range(rows.shape[1]):
            rows[3, m] += rows[1, m]
            rows[4, m] = rows[2, m] * lif.arrival_pull(p, (rows[0, m], rows[1, m]), 0)
        for m in range(rows.shape[1]):
            x = lif.flow_back(p, g, (rows[0, m], rows[1, m]))
            rows[5, m] += rows[0, m] * (1.0 - g[0])
            rows[0, m] = x[0]
            rows[1, m] = x[1]


def _roots(rows, rounds):
    for _ in range(rounds):
        for m in range(rows.shape[1]):
            q = rows[0, m]
            u0 = 2.0 + rows[1, m] - q
            root = math.sqrt(u0 * u0 - 4.0 * rows[1, m] * (1.0 - q))
            y = 2.0 * (1.0 - q) / (u0 + root)
            e = 1.0 - 0.5 * y
            rows[5, m] = minus_log(e, (1.0 - e) - 0.5 * y) * 20e-3


def _exponentials(rows, rounds):
    for _ in range(rounds):
        for m in range(rows.shape[1]):
            rows[5, m] = decay(-rows[1, m])


def _sorts(spikes, rounds):
    tape = Tape(spikes, np.zeros((TAPE_INTS, spikes.shape[1]), np.int64))
    n = spikes.shape[1]
    spiked = Spiked(np.empty(n), np.empty(n, np.int64), np.empty(n, np.int64))
    scratch = np.empty(RANKED + 8)
    for i in range(rounds):
        rank_span(tape, 24 * i, 24 * i + 24, spiked, 0, scratch)


def _bytes_written(to, given):
    for i in range(to.size):
        to[natural(i)] = given[natural(i)]


updates = compile_kernel(_updates)
updates_back = compile_kernel(_updates_back)
roots = compile_kernel(_roots)
exponentials = compile_kernel(_exponentials)
sorts = compile_kernel(_sorts)
bytes_written = compile_kernel(_bytes_written)
