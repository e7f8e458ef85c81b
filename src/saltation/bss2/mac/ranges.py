"""Ranges of the matrix mode: what one hemisphere of a chip multiplies at once, and in how many bits."""

from typing import Final

ACTIVATION_MAX: Final = 31
"""Largest activation: 5 bits without sign; a 0 sends no event."""
WEIGHT_MAX: Final = 63
"""Largest magnitude of a weight: 6 bits, and the sign by which row of a pair it is in."""
OUTPUT_MIN: Final = -128
"""Smallest result: 8 bits, saturating."""
OUTPUT_MAX: Final = 127
"""Largest result."""
INPUTS: Final = 128
"""Signed inputs of a hemisphere: a pair of rows, one driver, each."""
OUTPUTS: Final = 256
"""Outputs of a hemisphere: a column of synapses each."""
