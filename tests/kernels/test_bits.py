"""Single instructions: what is compiled does what the plain function does."""

import math
import struct

import numpy as np
import pytest

from saltation.kernels import bits
from saltation.kernels.cache import compile_kernel
from saltation.kernels.rows import divide, list_chosen

RNG = np.random.default_rng(3)


def _below(floats, at, limit):
    return bits.count_below(floats, at, limit)


def _among(ints, at):
    return bits.set_among(ints, at)


def _lowest(word):
    return bits.lowest_bit(word)


def _pick(array, at):
    return array[bits.natural(at)]


def _chosen(picked):
    return list_chosen(picked)


def _divide(times, active, hit, missed):
    return divide(times, active, hit, missed)


BOTH = pytest.mark.parametrize("made", [lambda f: f, compile_kernel], ids=["plain", "compiled"])


@BOTH
def test_numbers_below_a_limit_are_counted(made):
    below = made(_below)
    floats = np.concatenate([RNG.normal(size=29), [math.inf, -math.inf, math.nan, 0.0, -0.0, 5e-324]])
    for at in range(floats.size - 7):
        for limit in (0.0, 0.3, math.inf, -math.inf, math.nan):
            assert below(floats, at, limit) == int((floats[at : at + 8] < limit).sum())


@BOTH
def test_what_is_not_zero_is_told_by_bits(made):
    among = made(_among)
    ints = RNG.integers(-1, 2, 40) * np.int64(1 << 40)
    for at in range(33):
        assert among(ints, at) == sum(1 << j for j in range(8) if ints[at + j] != 0)


@BOTH
@pytest.mark.parametrize("word", [1, 2, 3, 0b1011000, 1 << 31, 1 << 62, (1 << 62) + (1 << 40)])
def test_the_lowest_bit(made, word):
    assert made(_lowest)(word) == (word & -word).bit_length() - 1


@BOTH
def test_an_index_from_the_front(made):
    assert made(_pick)(np.arange(5.0), 3) == 3.0


@BOTH
def test_floats_and_their_bits(made):
    to, back = made(lambda x: bits.bits_of(x)), made(lambda b: bits.float_of(b))
    for x in (0.0, -1.5, math.pi, 1e300, 5e-324, math.inf):
        assert to(x) == struct.unpack("<q", struct.pack("<d", x))[0]
        assert back(to(x)) == x


@BOTH
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_the_chosen_come_to_the_front_in_order(made, share):
    chosen = (RNG.uniform(size=96) < share).astype(np.int64)
    picked = chosen.copy()
    n = made(_chosen)(picked)
    assert picked[:n].tolist() == np.flatnonzero(chosen).tolist()


@BOTH
def test_searches_are_divided(made):
    times = np.array([1.0, math.inf, 0.0, math.inf, math.inf, 2.0, 7.0])
    hit, missed = np.zeros(7, np.int64), np.zeros(7, np.int64)
    n = made(_divide)(times, 6, hit, missed)
    assert hit[:n].tolist() == [0, 2, 5] and missed[: 6 - n].tolist() == [1, 3, 4]
