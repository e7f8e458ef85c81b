"""Gradients by central differences of the engine itself, fourth order, with a step swept over three decades."""

from dataclasses import dataclass

import numpy as np

import saltation as sal

STEPS = (3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 3e-7)
NODES = ((-2.0, 1.0 / 12.0), (-1.0, -2.0 / 3.0), (1.0, 2.0 / 3.0), (2.0, -1.0 / 12.0))
SCALES = {"weight": 1.0, "v_th": 1.0, "v_leak": 1.0, "v_reset": 1.0, "v_init": 1.0, "beta": 1.0}


@dataclass
class Difference:
    """``value`` by entry, with its own error estimate; ``skipped`` entries changed the raster."""

    value: dict
    skipped: int
    entries: int


def raster(run):
    """What must not change: the order of units in every sample of every population."""
    return [(name, s.offsets.tobytes(), s.units.tobytes()) for name, s in run.spikes.items()]


def _changed(net, stim, kind, key, index, step):
    """Network and stimulus with one entry moved."""
    if kind == "input_times":
        spikes = stim[key]
        times = spikes.times.copy()
        times[index] += step
        return net, {**stim, key: sal.Spikes(times, spikes.units, spikes.offsets, spikes.n_units)}
    record = net.projections[key] if kind in ("weight", "delay") else net.populations[key]
    value = np.array(getattr(record, kind), np.float64)
    value[index] += step
    return net.replace(**{kind: {key: value}}), stim


def entries(net, stim):
    """Every entry of every parameter: ``(kind, key, index)``."""
    found = []
    for kind in ("weight", "delay"):
        for key, p in net.projections.items():
            found += [(kind, key, index) for index in np.ndindex(getattr(p, kind).shape)]
    for name, population in net.populations.items():
        for kind, value in population.parameters().items():
            found += [(kind, name, index) for index in np.ndindex(value.shape)]
    for name, spikes in stim.items():
        found += [("input_times", name, (i,)) for i in range(spikes.n_events)]
    return found


def entry(gradient, kind, key, index):
    """One entry of a gradient."""
    return float(getattr(gradient, kind)[key][index])


def gradient(net, stim, loss, run, chosen, base):
    """Differences of ``loss(run(net, stim))`` in the chosen entries; the best of the steps by its own spread."""
    want = raster(base)
    value, skipped = {}, 0
    for kind, key, index in chosen:
        scale = SCALES.get(kind, 1e-2)
        estimates = []
        for relative in STEPS:
            step = relative * scale
            total = 0.0
            for node, coefficient in NODES:
                try:
                    moved = run(*_changed(net, stim, kind, key, index, node * step))
                except sal.errors.ParameterError:
                    total = None
                    break
                if raster(moved) != want:
                    total = None
                    break
                total += coefficient * loss(moved)
            if total is not None:
                estimates.append(total / step)
        if len(estimates) < 3:
            skipped += 1
            continue
        spread = np.abs(np.diff(estimates))
        best = int(np.argmin(np.maximum(spread[:-1], spread[1:]))) + 1 if spread.size > 1 else int(np.argmin(spread))
        value[kind, key, index] = estimates[best]
    return Difference(value, skipped, len(chosen))
