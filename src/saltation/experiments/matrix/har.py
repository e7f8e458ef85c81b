"""Activities of people from the sensors of their phones, on the matrix mode of a chip, fine-tuned in the loop."""

from saltation.experiments.matrix.commandline import command_of

__all__ = ["command"]

command = command_of(
    "har",
    """Train a network on HAPT-6, and fine-tune it in the loop of emulated chips.

    Windows of 2.56 s of accelerometer and gyroscope become 99 features, and a hidden layer of 64 tells six activities
    of daily living. Test subjects are not among those of training.
    """,
)
