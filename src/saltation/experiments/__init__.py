"""Experiments: one runnable module each, started with ``saltation run <name>``.

A module registers here and holds a click command named `command`; it is imported when it is run, not
before. The first line of its docstring is what ``saltation list`` shows.
"""

EXPERIMENTS = {
    "chip-adex": "saltation.experiments.chip.adex",
    "chip-fi": "saltation.experiments.chip.fi",
    "chip-neuron": "saltation.experiments.chip.neuron",
    "chip-range": "saltation.experiments.chip.weights",
    "chip-readout": "saltation.experiments.chip.readout",
    "mnist": "saltation.experiments.mnist",
    "yinyang": "saltation.experiments.yinyang",
}
