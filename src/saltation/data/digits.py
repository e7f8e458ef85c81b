"""The handwritten digits of scikit-learn: 1,797 grey pictures of 8 x 8 pixels, which come with that package.

They are the test set of the UCI data set "Optical recognition of handwritten digits", and small enough for a test.

References
----------
E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository (1998), DOI
10.24432/C50P49.
"""

from typing import Any

import numpy as np

from saltation.data.images import Images, split
from saltation.errors import MissingDependencyError, ParameterError

__all__ = ["digits"]

_HELD_OUT = 360


def digits(part: str, seed: int = 0) -> Images:
    """Read the digits of scikit-learn.

    Parameters
    ----------
    part : {"train", "test"}
        1,437 or 360 of them. There is no official division: the seed decides.
    seed : int
        Of the division.

    Returns
    -------
    Images
        Pictures whose pixels are from 0 to 16, and labels.

    Raises
    ------
    MissingDependencyError
        If scikit-learn is not installed.

    Examples
    --------
    >>> from saltation.data import digits
    >>> len(digits("train")), digits("test").pixels.shape
    (1437, (360, 8, 8))
    """
    if part not in ("train", "test"):
        raise ParameterError(f"digits: part must be 'train' or 'test'; got {part!r}")
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingDependencyError(
            'The digits come with scikit-learn, which is not installed: pip install "saltation[data]"'
        ) from error
    loaded: Any = load_digits()
    images = Images(loaded.images.astype(np.uint8), loaded.target.astype(np.int64), tuple("0123456789"), brightest=16)
    training, test = split(images, _HELD_OUT, seed)
    return training if part == "train" else test
