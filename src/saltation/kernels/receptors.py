"""Which receptor takes an arrival."""

from saltation.kernels.inlining import inlined
from saltation.kernels.records import BY_SIGN


@inlined
def receptor_of(receptor, w):
    """The receptor of an arrival of weight ``w``: the one given, or that of the weight's sign."""
    if receptor == BY_SIGN:
        return 0 if w >= 0.0 else 1
    return receptor
