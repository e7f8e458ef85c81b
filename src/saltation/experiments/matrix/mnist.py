"""MNIST by a convolutional network on the matrix mode of a chip, fine-tuned in the loop."""

from saltation.experiments.matrix.commandline import command_of

__all__ = ["command"]

command = command_of(
    "mnist-mac",
    """Train a convolutional network on MNIST, and fine-tune it in the loop of emulated chips.

    Its convolution has 20 kernels of 10 x 10 pixels at steps of 5, behind it are layers of 128 and 10.
    """,
)
