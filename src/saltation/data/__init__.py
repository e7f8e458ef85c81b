"""Data sets: generated ones as they are, file-based ones read from where the user keeps them."""

from saltation.data.digits import digits
from saltation.data.idx import read_idx
from saltation.data.images import Images, split
from saltation.data.mnist import fashion_mnist, mnist
from saltation.data.yinyang import which_class, yinyang

__all__ = ["Images", "digits", "fashion_mnist", "mnist", "read_idx", "split", "which_class", "yinyang"]
