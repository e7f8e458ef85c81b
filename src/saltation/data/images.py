"""`Images`: small grey pictures with their classes, and their division into sets."""

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import describe, explain, integer, is_array

__all__ = ["Images", "split"]


@final
@dataclass(frozen=True, slots=True)
class Images:
    """Grey pictures and their classes.

    Parameters
    ----------
    pixels : ndarray of uint8, [n, height, width]
        Brightness, from 0 to `brightest`.
    labels : ndarray of int64, [n]
        Class of each, from 0 on; other integers will do.
    names : tuple of str
        Name of each class.
    brightest : int
        The largest value a pixel can have, >= 1.

    Raises
    ------
    ParameterError
        If an array is of another dtype or shape, or a value out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.data import Images
    >>> images = Images(np.array([[[0, 51]]], np.uint8), np.array([3]), tuple("0123456789"))
    >>> images.values()
    array([[0. , 0.2]])
    """

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    names: tuple[str, ...]
    brightest: int = 255

    def __post_init__(self) -> None:
        """Check that there is a label for each picture, a name for each label, and no pixel beyond the brightest."""
        if not is_array(self.pixels) or self.pixels.dtype != np.uint8:
            hint = "brightness from 0 to 1 becomes that by np.rint(255 * pixels).astype(np.uint8)"
            raise ParameterError(explain("Images.pixels", "an array of uint8", describe(self.pixels), hint))
        if not is_array(self.labels) or self.labels.dtype.kind not in "iu":
            hint = "convert them by .astype(np.int64)"
            raise ParameterError(explain("Images.labels", "an array of integers", describe(self.labels), hint))
        if self.pixels.ndim != 3 or self.labels.shape != self.pixels.shape[:1]:
            raise ParameterError(
                f"Images: pixels must be [n, height, width] and labels [n]; got {self.pixels.shape} and "
                f"{self.labels.shape}"
            )
        if self.labels.size and not 0 <= self.labels.min() <= self.labels.max() < len(self.names):
            raise ParameterError(
                f"Images.labels must be from 0 to {len(self.names) - 1}, one for each name; got "
                f"{self.labels.min()} to {self.labels.max()}"
            )
        object.__setattr__(self, "brightest", integer("Images", "brightest", self.brightest, minimum=1))
        if self.pixels.size and self.pixels.max() > self.brightest:
            must = f"at most brightest, {self.brightest}"
            raise ParameterError(explain("Images.pixels", must, f"{self.pixels.max()}", "give a larger brightest"))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, chosen: npt.NDArray[np.int64] | slice) -> "Images":
        return Images(self.pixels[chosen], self.labels[chosen], self.names, self.brightest)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.pixels.shape[1], self.pixels.shape[2]

    def values(self) -> npt.NDArray[np.float64]:
        """Brightness from 0 to 1, row after row, [n, height * width]."""
        return self.pixels.reshape(len(self), -1) / float(self.brightest)


def split(images: Images, held_out: int, seed: int = 0) -> tuple[Images, Images]:
    """Divide at random into what is trained on and what is held out; the seed alone decides.

    Parameters
    ----------
    images : Images
        What is divided.
    held_out : int
        How many are held out, at least one and not all.
    seed : int
        Of the shuffle.

    Returns
    -------
    training, held_out : Images
        Both without a picture of the other.

    Raises
    ------
    ParameterError
        If so many cannot be held out, or an argument is no integer.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.data import Images, split
    >>> images = Images(np.zeros((10, 2, 2), np.uint8), np.arange(10), tuple("0123456789"))
    >>> [len(part) for part in split(images, 3)]
    [7, 3]
    """
    seed = integer("split", "seed", seed)
    held_out = integer("split", "held_out", held_out, minimum=1)
    if held_out >= len(images):
        raise ParameterError(
            f"split: held_out must be from 1 to {len(images) - 1}, since there are {len(images)} pictures; got "
            f"{held_out}"
        )
    order = np.random.default_rng(seed).permutation(len(images))
    return images[order[:-held_out]], images[order[-held_out:]]
