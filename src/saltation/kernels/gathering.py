"""Parameters of the neurons in a row, brought side by side: what vector instructions read at once lies together."""

# ruff: noqa: F821  the physics of a model is bound to these names when a kernel is specialised
# pyright: reportUndefinedVariable=false

from saltation.kernels.bits import natural

HELPERS = ("gather_parameters",)


def gather_parameters(parameters, picked, count, mine):
    """Put parameters of the neurons of a row where ``own`` finds them by their place; nothing where all share them."""
    if not SHARED:
        for j in range(count):
            m = natural(picked[j])
            for i in range(parameters.shape[0]):
                mine[i, j] = parameters[i, m]
