"""Layers of the matrix mode, beside those of ``torch.nn``, by the names that they have in hxtorch."""

from saltation.bss2.perceptron.nn.activation import ConvertingReLU, ReLU
from saltation.bss2.perceptron.nn.base import Layer, MACLayer
from saltation.bss2.perceptron.nn.conv import Conv1d, Conv2d, ConvNd, ExpandedConv1d
from saltation.bss2.perceptron.nn.linear import Linear
from saltation.bss2.perceptron.nn.scaling import clamp_weight_, scale_input, scale_weight

__all__ = [
    "Conv1d",
    "Conv2d",
    "ConvNd",
    "ConvertingReLU",
    "ExpandedConv1d",
    "Layer",
    "Linear",
    "MACLayer",
    "ReLU",
    "clamp_weight_",
    "scale_input",
    "scale_weight",
]
