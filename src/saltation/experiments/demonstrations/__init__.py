"""Demonstrations on the emulated chip BrainScaleS-2: experiments that check their own outcome.

Each measures through the chip's converters and counters, compares what comes out with what is expected of the chip,
and says for each expectation whether it held: ``saltation run chip-neuron``, ``chip-fi``, ``chip-range``,
``chip-readout``, ``chip-adex``.
"""
