"""What ``wide`` does with rows of neurons: pick, fire and move those of a gap side by side."""

# ruff: noqa: F821  the physics of a model is bound to these names when a kernel is specialised
# pyright: reportUndefinedVariable=false

import math

from saltation.kernels.bits import natural
from saltation.kernels.forward import coast, emit
from saltation.kernels.receptors import receptor_of
from saltation.kernels.records import (
    COUNT,
    LATEST,
)
from saltation.kernels.rows import list_chosen, whole

HELPERS = (
    "fill_lanes",
    "start_lanes",
    "end_lanes",
    "arrive_all",
    "pick",
    "burst",
    "settle",
    "gather_row",
    "fire_row",
    "climb_all",
    "flow_row",
    "flow_all",
)


def fill_lanes(n, x, release, marks):
    """Idle lanes behind the last neuron: no voltage, so that no comparison with it holds."""
    for m in range(n, x.shape[1]):
        x[0, m] = math.nan
        release[m] = -math.inf
        marks[LATEST, m] = -1


def start_lanes(begin, start, x, release, marks):
    """Bring the neurons of a sample into row ``begin`` of the initial state; whether any is held."""
    n = start.x.shape[2]
    for i in range(N_STATE):
        for m in range(n):
            x[i, m] = start.x[begin, i, m]
    held = 0
    for m in range(n):
        release[m] = start.release[begin, m]
        held += start.release[begin, m] > 0.0
        marks[COUNT, m] = start.count[begin, m]
        marks[LATEST, m] = -1
    return held > 0


def end_lanes(b, x, release, marks, x_end, release_end, count_end):
    """Write down the state at the end of a sample; how many of its numbers overflowed."""
    n = count_end.shape[1]
    wrong = 0
    for i in range(N_STATE):
        for m in range(n):
            x_end[b, i, m] = x[i, m]
            wrong += not abs(x[i, m]) < math.inf
    for m in range(n):
        release_end[b, m] = release[m]
        count_end[b, m] = marks[COUNT, m]
    return wrong


def arrive_all(n, x, weights, row, receptor):
    """An arrival at all neurons."""
    for m in range(n):
        w = weights[natural(row + m)]
        store(x, 0, m, arrive(load(x, 0, m), receptor_of(receptor, w), w))


def pick(parameters, p, g, gaps, x, release, holds, t, t1, picked):
    """Neurons that need a look of their own between ``t`` and ``t1``; their number.

    Where parameters differ, the factors of the gap are written to ``gaps``.
    """
    n = x.shape[1]
    found = 0
    if SHARED:
        for m in range(n):
            may = near(p, load(x, 0, m), g)
            picked[m] = may
            found += may
    else:
        for m in range(n):
            q = load_parameters(parameters, m)
            factors = gap(q, t1 - t)
            store_gap(gaps, m, factors)
            may = near(q, load(x, 0, m), factors)
            picked[m] = may
            found += may
    if holds:
        found = 0
        for m in range(n):
            may = (release[m] <= t) & (picked[m] != 0) | (release[m] > t) & (release[m] <= t1)
            picked[m] = may
            found += may
    if found == 0:
        return 0
    return list_chosen(picked)


def burst(p, m, x, t, t1, event, k, k_stop, base, limit, release, marks, tape, watch):
    """Take neuron ``m``, held at ``t``, through its holds and spikes before ``t1``.

    Returns ``(state, its time, spikes so far)``: after the last of them, or at ``t1`` if it is held then; -1 spikes
    if the tape is full.
    """
    latest = marks[LATEST, m]
    until = release[m]
    while True:
        if until > t:
            end = min(until, t1)
            x = coast(p, m, x, until, latest, t, end, -1, tape.floats, watch)
            t = end
            if until > t1:
                break
        s = crossing(p, x, t1 - t) if may_cross(p, x) else math.inf
        if not s < math.inf:
            break
        if k >= k_stop:
            return x, t, -1
        t = min(t + s, t1)
        marks[COUNT, m] += 1
        ends = limit[m] > 0 and marks[COUNT, m] >= limit[m]
        x, until = emit(p, m, climb(p, x, s), -math.inf, t, event, k, latest, base, ends, tape, watch)
        latest = k
        k += 1
    release[m] = until
    marks[LATEST, m] = latest
    return x, t, k


def settle(m, state, t, t1, release, place, settled, done, rest, held):
    """Put neuron ``m``, which does not spike again before ``t1``, in a place aside in its state at ``t``."""
    store(done, 0, place, state)
    rest[place] = t1 - t
    held[place] = 1.0 if release[m] > t else 0.0
    settled[place] = m


def gather_row(found, t, t1, release, x, moving, now, left, picked, settled, done, rest, back):
    """Divide those picked: who is free at ``t`` goes to the front of ``moving``, ``now``, ``left`` and ``picked``.

    Who is held there, and let go before ``t1``, is put aside as by ``fire_row``.  Returns the numbers of both.
    """
    active = 0
    for j in range(found):
        m = natural(picked[j])
        if release[m] > t:
            place = natural(j - active)
            store(done, 0, place, load(x, 0, m))
            rest[place] = t
            settled[place] = m
            back[place] = j - active
            continue
        front = natural(active)
        store(moving, 0, front, load(x, 0, m))
        now[front] = t
        left[front] = t1 - t
        picked[front] = m
        active += 1
    return active, found - active


def fire_row(
    parameters,
    common,
    hits,
    hit,
    t1,
    event,
    k,
    base,
    limit,
    release,
    there,
    times,
    moving,
    now,
    left,
    picked,
    n_settled,
    settled,
    done,
    rest,
    held,
    back,
    marks,
    tape,
    watch,
):
    """Write the spikes of a round on the tape from ``k`` on, without branches.

    Who may spike again goes to the front of the rows ``moving``, ``now``, ``left`` and ``picked``, the others are put
    aside.  Returns ``(number who may, number held, number of those who are let go before t1, number put aside)``;
    ``back`` receives where the third are among those put aside, and their ``rest`` the time and not what is left of it.
    """
    again = 0
    n_back = 0
    n_held = 0
    for i in range(hits):
        j = natural(hit[i])
        m = natural(picked[j])
        p = own(parameters, common, m)
        at = min(now[j] + times[j], t1)
        count = marks[COUNT, m] + 1
        ends = (limit[m] > 0) & (count >= limit[m])
        x = load(there, 0, j)
        y, until = emit(p, m, x, -math.inf, at, event, k + i, marks[LATEST, m], base, ends, tape, watch)
        marks[COUNT, m] = count
        marks[LATEST, m] = k + i
        release[m] = until
        stays = until > at
        returns = stays & (until <= t1)
        more = may_cross(p, y) & (not stays)
        front = natural(again)
        aside = natural(n_settled)
        store(moving, 0, front, y)
        now[front] = at
        left[front] = t1 - at
        picked[front] = m
        store(done, 0, aside, y)
        rest[aside] = at if returns else t1 - at
        held[aside] = 1.0 if stays else 0.0
        settled[aside] = m
        back[natural(n_back)] = n_settled
        again += more
        n_held += stays
        n_back += returns
        n_settled += not more
    return again, n_held, n_back, n_settled


def climb_all(mine, common, x, active, times, there):
    """States at the crossings."""
    for j in range(whole(active)):
        p = own(mine, common, j)
        store(there, 0, j, climb(p, load(x, 0, j), times[j]))


def flow_row(mine, common, settled, x, rest, held):
    """Flow of the neurons that spiked over what is left of the gap; ``held``: with the voltage held."""
    for j in range(whole(settled)):
        p = own(mine, common, j)
        v = x[0, j]
        store(x, 0, j, flow(p, load(x, 0, j), gap(p, rest[j])))
        x[0, j] = v if held[j] > 0.0 else x[0, j]


def flow_all(parameters, p, g, gaps, x, release, holds, t):
    """Flow of all neurons over a gap; those that are held at its start are held to its end."""
    n = x.shape[1]
    if not SHARED:
        for m in range(n):
            held = release[m] > t
            v = x[0, m]
            store(x, 0, m, flow(load_parameters(parameters, m), load(x, 0, m), load_gap(gaps, m)))
            x[0, m] = v if held else x[0, m]
    elif holds:
        for m in range(n):
            held = release[m] > t
            v = x[0, m]
            store(x, 0, m, flow(p, load(x, 0, m), g))
            x[0, m] = v if held else x[0, m]
    else:
        for m in range(n):
            store(x, 0, m, flow(p, load(x, 0, m), g))
