"""What ``wide_adjoint`` does with rows of neurons: pick, undo and move back those of a gap side by side."""

# ruff: noqa: F821  the physics of a model is bound to these names when a kernel is specialised
# pyright: reportUndefinedVariable=false

from saltation.kernels.backward import end_of_hold, undo_spike
from saltation.kernels.bits import natural
from saltation.kernels.receptors import receptor_of
from saltation.kernels.records import (
    FIRST_RELEASE,
    GAP,
    PREVIOUS,
    RELEASE,
    TIME,
    UNIT,
)
from saltation.kernels.rows import list_chosen, whole

HELPERS = (
    "total_of",
    "collect_all",
    "start_back",
    "pick_back",
    "gather_back",
    "undo_row",
    "glide_row",
    "glide_all",
    "finish_all",
)


def total_of(values):
    """Sum of a row, in eight strands that do not wait for one another."""
    n = values.size
    a = b = c = d = e = f = g = h = 0.0
    for i in range(0, n - 7, 8):
        a += values[i]
        b += values[i + 1]
        c += values[i + 2]
        d += values[i + 3]
        e += values[i + 4]
        f += values[i + 5]
        g += values[i + 6]
        h += values[i + 7]
    for i in range(n - n % 8, n):
        a += values[i]
    return ((a + b) + (c + d)) + ((e + f) + (g + h))


def collect_all(n, parameters, p, weights, row, receptor, adjoint, pulls, timed, grad, by_weight):
    """Gradients for the weights of an arrival at all neurons; ``dL/dt`` of the arrival."""
    for m in range(n):
        w = weights[natural(row + m)]
        r = receptor_of(receptor, w)
        lam = load(adjoint, 0, m)
        by_weight[natural(row + m)] += current(lam, r)
        pulls[m] = w * arrival_pull(own(parameters, p, m), lam, r)
    if timed:
        for m in range(n):
            w = weights[natural(row + m)]
            companion_arrive(load_companion(adjoint, N_STATE, m), receptor_of(receptor, w), w, grad, m)
    return total_of(pulls)


def start_back(n, begin, end, tape, index, spike_times, by_spike, release, latest, until, side):
    """Lay out a sample's cotangents by its tape, and what each neuron did last; whether any is held at some time."""
    held = 0
    for m in range(n):
        latest[m] = -1
        side[FIRST_RELEASE, m] = release[m]
        held += release[m] > 0.0
    for k in range(begin, end):
        at = natural(k)
        latest[natural(tape.ints[UNIT, at])] = k - begin
        by_spike[natural(begin + index[at])] = spike_times[at]
        held += tape.floats[RELEASE, at] > tape.floats[TIME, at]
    for m in range(n):
        until[m] = end_of_hold(m, begin, latest, tape, side)
    return held > 0


def pick_back(e, lo, hi, k, begin, holds, until, tape, picked, seen):
    """Neurons with a spike or the end of a hold in the gap before event ``e``, the latest spike of which is ``k``.

    Returns ``(their number, the latest spike before the gap)``; ``seen`` is zero before and after.
    """
    found = 0
    if holds:
        for m in range(until.size):
            picked[m] = (until[m] > lo) & (until[m] <= hi)
        found = list_chosen(picked)
        for j in range(found):
            seen[natural(picked[j])] = 1
    while k >= begin and tape.ints[GAP, natural(k)] == e:
        m = natural(tape.ints[UNIT, natural(k)])
        if seen[m] == 0:
            seen[m] = 1
            picked[natural(found)] = m
            found += 1
        k -= 1
    for j in range(found):
        seen[natural(picked[j])] = 0
    return found, k


def gather_back(e, hi, begin, found, latest, until, tape, adjoint, moving, spans, picked, settled, done, rest, aside):
    """Divide those picked: whose latest spike in the gap comes first, backwards, and who is held or let go there.

    The first go to the front of ``moving``, ``spans`` and ``picked``, the second are put aside as by ``undo_row``.
    Returns the numbers of both.
    """
    active = 0
    for j in range(found):
        m = natural(picked[j])
        lam = load(adjoint, 0, m)
        c = load_companion(adjoint, N_STATE, m)
        spike = latest[m]
        at = natural(begin + spike if spike >= 0 else 0)
        if spike >= 0 and tape.ints[GAP, at] == e and (until[m] > hi or until[m] == tape.floats[TIME, at]):
            front = natural(active)
            store(moving, 0, front, lam)
            store_companion(moving, N_STATE, front, c)
            spans[front] = hi - tape.floats[TIME, at]
            picked[front] = m
            active += 1
            continue
        place = natural(j - active)
        store(done, 0, place, lam)
        store_companion(done, N_STATE, place, c)
        rest[place] = hi
        settled[place] = m
        aside[place] = j - active
    return active, found - active


def undo_row(
    parameters,
    common,
    e,
    lo,
    begin,
    active,
    latest,
    until,
    tape,
    side,
    moving,
    spans,
    picked,
    leak,
    leaks,
    n_settled,
    settled,
    done,
    rest,
    aside,
    timed,
    grad,
    by_spike,
):
    """Undo the latest spike of each neuron of a row, without branches.

    Who has another one in the gap goes to the front of ``moving``, ``spans`` and ``picked``, the others are put aside
    in ``done``, ``rest`` behind the begin of the gap.  Returns ``(number of the first, number of those among the others
    that are held before their spike, number put aside)``; ``aside`` receives where the second are, and their ``rest``
    the time and not what is left of it.
    """
    again = 0
    n_held = 0
    for j in range(active):
        m = natural(picked[j])
        q = own(parameters, common, m)
        at = natural(begin + latest[m])
        t = tape.floats[TIME, at]
        leak[m] += leaks[j]
        lam = load(moving, 0, j)
        c = load_companion(moving, N_STATE, j)
        lam, c = undo_spike(q, m, latest[m], lam, c, begin, tape, side, timed, grad, by_spike)
        spike = tape.ints[PREVIOUS, at]
        before = natural(begin + max(spike, 0))
        latest[m] = spike
        until[m] = end_of_hold(m, begin, latest, tape, side)
        more = (spike >= 0) & (tape.ints[GAP, before] == e) & (until[m] == tape.floats[TIME, before])
        held = (not more) & (until[m] > lo)
        front = natural(again)
        store(moving, 0, front, lam)
        store_companion(moving, N_STATE, front, c)
        spans[front] = t - until[m]
        picked[front] = m
        again += more
        back = natural(n_settled)
        store(done, 0, back, lam)
        store_companion(done, N_STATE, back, c)
        rest[back] = t if held else t - lo
        settled[back] = m
        aside[natural(n_held)] = n_settled
        n_held += held
        n_settled += not more
    return again, n_held, n_settled


def glide_row(mine, common, active, row, spans, timed, leaks):
    """Free flight of the neurons in a row, each over its own span."""
    if timed:
        for j in range(whole(active)):
            p = own(mine, common, j)
            g = gap(p, spans[j])
            h = companion_gap(p, spans[j], g)
            k = companion_back(g, h, load(row, 0, j), load_companion(row, N_STATE, j))
            store_companion(row, N_STATE, j, k)
    for j in range(whole(active)):
        p = own(mine, common, j)
        g = gap(p, spans[j])
        lam = load(row, 0, j)
        leaks[j] = lam[0] * (1.0 - g[0])
        store(row, 0, j, flow_back(p, g, lam))


def glide_all(parameters, p, s, adjoint, timed, leak):
    """Free flight of all neurons over ``s``; where one is held, ``dL/dV`` is zero and stays so."""
    n = leak.size
    g = gap(p, s)
    if timed:
        h = companion_gap(p, s, g)
        for m in range(n):
            if not SHARED:
                q = load_parameters(parameters, m)
                g = gap(q, s)
                h = companion_gap(q, s, g)
            k = companion_back(g, h, load(adjoint, 0, m), load_companion(adjoint, N_STATE, m))
            store_companion(adjoint, N_STATE, m, k)
    if SHARED:
        for m in range(n):
            lam = load(adjoint, 0, m)
            leak[m] += lam[0] * (1.0 - g[0])
            store(adjoint, 0, m, flow_back(p, g, lam))
    else:
        for m in range(n):
            q = load_parameters(parameters, m)
            factors = gap(q, s)
            lam = load(adjoint, 0, m)
            leak[m] += lam[0] * (1.0 - factors[0])
            store(adjoint, 0, m, flow_back(q, factors, lam))


def finish_all(n, parameters, p, adjoint, timed, grad, v_init, x_start):
    """The start of the window: what is left belongs to the initial state."""
    for m in range(n):
        v_init[m] += adjoint[0, m]
    if timed:
        for m in range(n):
            q = own(parameters, p, m)
            companion_start(q, load_companion(adjoint, N_STATE, m), load(x_start, 0, m), grad, m)
