"""Experiments: one runnable module each, started with ``saltation run <name>``.

A module registers here and holds a click command named `command`; it is imported when it is run, not
before. The first line of its docstring is what ``saltation list`` shows.
"""

EXPERIMENTS = {
    "chip-adex": "saltation.experiments.demonstrations.adex",
    "chip-fi": "saltation.experiments.demonstrations.fi",
    "chip-neuron": "saltation.experiments.demonstrations.neuron",
    "chip-range": "saltation.experiments.demonstrations.weights",
    "chip-readout": "saltation.experiments.demonstrations.readout",
    "continual": "saltation.experiments.continual",
    "har": "saltation.experiments.matrix.har",
    "mnist": "saltation.experiments.mnist",
    "mnist-mac": "saltation.experiments.matrix.mnist",
    "yinyang": "saltation.experiments.yinyang",
    "yinyang-mac": "saltation.experiments.matrix.yinyang",
}
