"""The fast matrix mode around its matrix products: activations before them, saturation, noise and rounding after.

Everything is float32, one vector after another, so that it stays where the processor has it at hand.
"""

import numpy as np

from saltation.kernels.chip.flow import KNEE
from saltation.kernels.chip.random import nearly_normal, scramble
from saltation.kernels.inlining import inlined

_STEP = np.uint64(0x9E3779B97F4A7C15)
_ONE, _ZERO = np.float32(1.0), np.float32(0.0)
_THIRD = np.float32(4.0 / 27.0)
_KNEE = np.float32(KNEE)
_LOWEST, _HIGHEST = np.float32(-128.0), np.float32(127.0)

# Rows of `columns`.
CENTRE = 0  # of the readout's range, less the result of no input
HALF = 1  # of the range
INVERSE = 2  # 1 / HALF
SCALE = 3  # of the input, for the column's own time constant
OFFSET = 4
SIGMA = 5
COLUMN_ROWS = 6


def lengthen(activations, offset, first, stop, out):
    """Lengths of pulses ``[vector, input]``: ``a + offset`` where there is an event."""
    for b in range(first, stop):
        for i in range(offset.size):
            a = activations[b, i]
            out[b - first, i] = np.float32(a) + offset[i] if a > 0 else _ZERO


@inlined
def compressed(x):
    """What a line passes on, by its mean level in saturations: ``f(x)`` as in the flow of circuits."""
    x = min(x, _KNEE)
    return x - _THIRD * x * x * x


def cubes(jump, moments, keep, sends, out):
    """Integrals ``[line]`` of the expected cube of lines, in time constants of theirs.

    Inputs come one after another, the whole of it ``sends`` times; each makes a line jump by ``jump [input, line]``
    times its activation, which is random with the cumulants ``moments [3]``.  Between events a line keeps the part
    ``keep [line]``.  Cumulants of a sum are sums: those of a line after an event are what is left of them, and those of
    the event.  The second time is as all those after it.
    """
    inputs, lines = jump.shape
    for c in range(lines):
        twice, thrice = keep[c] * keep[c], keep[c] * keep[c] * keep[c]
        passed = (1.0 - thrice) / 3.0
        first, second, third, total, before = 0.0, 0.0, 0.0, 0.0, 0.0
        for _ in range(min(sends, 2)):
            before = total
            for i in range(inputs):
                q = jump[i, c]
                first = first * keep[c] + q * moments[0]
                second = second * twice + q * q * moments[1]
                third = third * thrice + q * q * q * moments[2]
                total += passed * (first * first * first + 3.0 * first * second + third)
        after = thrice * (first * first * first + 3.0 * first * second + third) / 3.0
        out[c] = total + max(sends - 2, 0) * (total - before) + after


def finish(lines, level, columns, key, number, out):
    """Results ``[vector, output]`` of the sums of both lines ``[vector, 2 output]``.

    ``level [2 output]`` is the sum at which a line is at its saturation on average.  Noise is that of the numbers of
    the vectors, from ``number`` on, and of the columns.
    """
    outputs = out.shape[1]
    draw = np.empty(outputs, np.float32)
    inverse = _ONE / level
    for b in range(out.shape[0]):
        base = scramble(key + np.uint64(number + b) * _STEP)
        for j in range(outputs):
            draw[j] = np.float32(nearly_normal(scramble(base + np.uint64(j) * _STEP)))
        for j in range(outputs):
            up = level[j] * compressed(lines[b, j] * inverse[j])
            down = level[outputs + j] * compressed(lines[b, outputs + j] * inverse[outputs + j])
            z = (columns[SCALE, j] * (up - down) - columns[CENTRE, j]) * columns[INVERSE, j]
            square = z * z
            fourth = square * square
            z /= np.sqrt(np.sqrt(np.sqrt(_ONE + fourth * fourth)))
            y = columns[CENTRE, j] + columns[HALF, j] * z + columns[OFFSET, j] + columns[SIGMA, j] * draw[j]
            out[b, j] = np.int8(min(max(np.rint(y), _LOWEST), _HIGHEST))
