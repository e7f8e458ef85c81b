"""Continual learning: pictures permuted, turned or divided, task after task, by the tangent ensemble and others.

A network is trained on one task after another and tested on all of them after each. `recipe` gives the settings of a
method; the command is ``saltation run continual``.

References
----------
Benjamin, Pehle and Daruwalla, Continual learning with the neural tangent ensemble, 2024, arXiv:2408.17394.
"""

from saltation.experiments.continual.settings import Settings, recipe

__all__ = ["Settings", "recipe"]
