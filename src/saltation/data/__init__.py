"""Data sets: generated ones as they are, file-based ones read from where the user keeps them."""

from saltation.data.yinyang import which_class, yinyang

__all__ = ["which_class", "yinyang"]
