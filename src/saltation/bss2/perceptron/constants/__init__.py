"""Ranges and sizes of the matrix mode, by the names that they have in hxtorch."""

from saltation.bss2.mac.ranges import ACTIVATION_MAX, INPUTS, OUTPUT_MAX, OUTPUT_MIN, OUTPUTS, WEIGHT_MAX
from saltation.bss2.perceptron.constants import defaults

__all__ = [
    "defaults",
    "hardware_matrix_height",
    "hardware_matrix_width",
    "input_activation_max",
    "input_activation_min",
    "output_activation_max",
    "output_activation_min",
    "synaptic_weight_max",
    "synaptic_weight_min",
]

synaptic_weight_min, synaptic_weight_max = -WEIGHT_MAX, WEIGHT_MAX
input_activation_min, input_activation_max = 0, ACTIVATION_MAX
output_activation_min, output_activation_max = OUTPUT_MIN, OUTPUT_MAX
hardware_matrix_height, hardware_matrix_width = INPUTS, OUTPUTS
