"""`Images`: small grey pictures with their classes, and their division into sets."""

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError

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
        Class of each, from 0 on.
    names : tuple of str
        Name of each class.
    brightest : int
        The largest value a pixel can have.

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
        """Check that there is a label for each picture, and a name for each label."""
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
        If so many cannot be held out.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.data import Images, split
    >>> images = Images(np.zeros((10, 2, 2), np.uint8), np.arange(10), tuple("0123456789"))
    >>> [len(part) for part in split(images, 3)]
    [7, 3]
    """
    if not 1 <= held_out < len(images):
        raise ParameterError(
            f"split: held_out must be from 1 to {len(images) - 1}, since there are {len(images)} pictures; got "
            f"{held_out}"
        )
    order = np.random.default_rng(seed).permutation(len(images))
    return images[order[:-held_out]], images[order[-held_out:]]
