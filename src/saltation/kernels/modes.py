"""A neuron's state as amplitudes of its exponentials, which need no exponential of their own to be moved.

Without input every variable of an integrate-and-fire neuron is a sum of exponentials,

    V - v_leak = u exp(-t/tau_mem) - sum over receptors of  c i exp(-t/tau_syn),    c = tau_syn / (tau_mem - tau_syn),

and an arrival adds ``w`` to ``i`` and ``c w`` to ``u``.  Held by all neurons for one common time, the amplitudes
``y = (u, i...)`` stay what they are until something arrives, and what an arrival adds is the same for all it reaches.
The time constants have to be apart, or ``c`` would blow up what cancels.

The functions here are those of two receptors; `ONE` has those of one.
"""

from saltation.kernels.physics.exponentials import decay

HELPERS = ("amplitudes", "state_of", "fading", "scaled", "inverse", "push_of", "pushed", "take", "put")


def amplitudes(p, x):
    """Amplitudes of state ``x``, for the time at which it is."""
    return x[0] - p[1] + (x[1] * (p[7] / p[10]) + x[2] * (p[7] / p[11])), x[1], x[2]


def state_of(p, y):
    """State of amplitudes ``y`` that have been brought to its time."""
    return p[1] + (y[0] - (y[1] * (p[7] / p[10]) + y[2] * (p[7] / p[11]))), y[1], y[2]


def fading(p, s):
    """What is left of each amplitude after ``s``."""
    return decay(-s * p[7]), decay(-s * p[8]), decay(-s * p[9])


def scaled(y, f):
    """Amplitudes times factors."""
    return y[0] * f[0], y[1] * f[1], y[2] * f[2]


def inverse(f):
    """One over each factor."""
    return 1.0 / f[0], 1.0 / f[1], 1.0 / f[2]


def push_of(p, receptor, up):
    """What an arrival of weight 1 at a receptor adds to the amplitudes, brought back by the factors ``up``."""
    if receptor == 0:
        return (p[7] / p[10]) * up[0], up[1], 0.0 * up[2]
    return (p[7] / p[11]) * up[0], 0.0 * up[1], up[2]


def pushed(y, w, push):
    """Amplitudes behind an arrival of weight ``w``."""
    return y[0] + w * push[0], y[1] + w * push[1], y[2] + w * push[2]


def take(cells, m):
    """Amplitudes of neuron ``m``."""
    return cells[m, 0], cells[m, 1], cells[m, 2]


def put(cells, m, y):
    """Write the amplitudes of neuron ``m``."""
    cells[m, 0] = y[0]
    cells[m, 1] = y[1]
    cells[m, 2] = y[2]


def _amplitudes_one(p, x):
    return x[0] - p[1] + x[1] * (p[6] / p[8]), x[1]


def _state_of_one(p, y):
    return p[1] + (y[0] - y[1] * (p[6] / p[8])), y[1]


def _fading_one(p, s):
    return decay(-s * p[6]), decay(-s * p[7])


def _scaled_one(y, f):
    return y[0] * f[0], y[1] * f[1]


def _inverse_one(f):
    return 1.0 / f[0], 1.0 / f[1]


def _push_of_one(p, receptor, up):
    return (p[6] / p[8]) * up[0], up[1]


def _pushed_one(y, w, push):
    return y[0] + w * push[0], y[1] + w * push[1]


def _take_one(cells, m):
    return cells[m, 0], cells[m, 1]


def _put_one(cells, m, y):
    cells[m, 0] = y[0]
    cells[m, 1] = y[1]


ONE = {
    "amplitudes": _amplitudes_one,
    "state_of": _state_of_one,
    "fading": _fading_one,
    "scaled": _scaled_one,
    "inverse": _inverse_one,
    "push_of": _push_of_one,
    "pushed": _pushed_one,
    "take": _take_one,
    "put": _put_one,
}
