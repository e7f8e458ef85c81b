"""Scalar physics of the neuron models: plain functions of floats and tuples, no arrays, no objects.

A neuron model is one module with the functions listed in :data:`saltation.kernels.specialise.CONTRACT`: the
flow between events, the next threshold crossing, the jump at a spike, and the transposes of flow and jump.
The kernels call them by name and know nothing else of a model.  Every function runs undecorated (tests do), and
compiled from inside the kernels.
"""
