"""Yin-Yang by two layers on the matrix mode of a chip, fine-tuned in the loop, as in tp_02."""

from saltation.experiments.matrix.commandline import command_of

__all__ = ["command"]

command = command_of(
    "yinyang-mac",
    """Train a network on Yin-Yang, and fine-tune it in the loop of emulated chips.

    As in the demonstration tp_02 of BrainScaleS-2: 128 hidden units, and five neurons for each of three outputs.
    """,
)
