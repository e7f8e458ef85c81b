"""Circuits that change while they run: membranes are brought up to date as they were, and go on as they are then.

Voltages, lines and adaptations carry over; what changes is where they go from there.  Membranes that stay as they are
are not touched.
"""

import math

from saltation.kernels.chip.advance import bare_circuits, bare_state, expect, predict, redraw
from saltation.kernels.chip.flow import advance
from saltation.kernels.chip.records import HEAPED, RELEASE, STATE_ROWS, WINDOW


def leave(circuits, state, members, t):
    """Bring membranes to time ``t``, as they were."""
    circuits, state = bare_circuits(circuits), bare_state(state)
    for m in members:
        advance(circuits, state, m, t)


def enter(circuits, state, members, key, addresses, room):
    """Have membranes go on as they are now; there is room on the heap for each of them."""
    circuits, state = bare_circuits(circuits), bare_state(state)
    index = int(state.clock[WINDOW])
    limit = (index + 1) * circuits.window
    size = int(state.clock[HEAPED])
    for m in members:
        redraw(circuits, state, key, index, m)
        # one that is held stays so until it is released
        if state.membrane[m * STATE_ROWS + RELEASE] == -math.inf:
            predict(circuits, state, m, limit, room[0], room[1])
            size = expect(state, size, m, addresses)
    state.clock[HEAPED] = size
