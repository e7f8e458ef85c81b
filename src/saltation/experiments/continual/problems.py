"""`make_stream`: streams of tasks by name, over MNIST, Fashion-MNIST or digits."""

import numpy as np
import numpy.typing as npt

from saltation.continual import Arrays, Stream, class_incremental, permuted, rotated, split_classes
from saltation.data import Images, digits, fashion_mnist, mnist, split
from saltation.errors import ParameterError
from saltation.experiments.mnist.shrinking import area_average
from saltation.model.checks import integer

__all__ = ["DATASETS", "KINDS", "READERS", "STREAMS", "check_stream", "make_stream"]

DATASETS = ("mnist", "fashion", "digits")

KINDS = ("permuted", "rotated", "split", "domain", "classes")
"""Pixels permuted; pictures turned; a few classes each: with labels of their own and the task known; with labels
numbered anew; with labels of their own, all of which compete."""

STREAMS = tuple(f"{kind}-{dataset}" for kind in KINDS for dataset in DATASETS)

READERS = {"mnist": mnist, "fashion": fashion_mnist, "digits": digits}
_STANDARD = {"mnist": (0.1307, 0.3081), "fashion": (0.2860, 0.3530), "digits": (0.0, 1.0)}
_CLASSES = 10


def make_stream(
    name: str,
    *,
    tasks: int = 5,
    seed: int = 0,
    degrees: float = 180.0,
    standardised: bool = True,
    pixels: int | None = None,
    train_limit: int | None = None,
    test_limit: int | None = None,
    held_out: int | None = None,
) -> Stream:
    """Make a stream by its name.

    ::

        input = (brightness - mean) / deviation,    brightness from 0 to 1

    with the mean and the deviation of all pixels of the training pictures: 0.1307 and 0.3081 of MNIST, 0.2860 and
    0.3530 of Fashion-MNIST; those of digits are 0 and 1.

    Parameters
    ----------
    name : str
        One of `STREAMS`, such as "permuted-mnist". "permuted-": another permutation of the pixels in each task, the
        first too. "rotated-": from 0 to `degrees` in equal steps. "split-": 10 / `tasks` classes each, of which alone
        one is to be told. "domain-": so too, with labels numbered anew in each task. "classes-": all labels compete.
    tasks : int
        How many; 2 or 5 where classes are divided.
    seed : int
        Of the permutations.
    degrees : float
        Angle of the last task of a rotated stream.
    standardised : bool
        Whether mean and deviation are taken out, for networks of units; without it values are from 0 to 1, as a code
        of latencies wants them.
    pixels : int, optional
        Height and width to which pictures are made smaller, by averages over areas.
    train_limit, test_limit : int, optional
        So many pictures of the data set at most, the first ones, before they are divided among tasks.
    held_out : int, optional
        To choose settings by: tests are on so many of the training pictures, the last ones, which are not trained on.

    Returns
    -------
    Stream
        Inputs are [n, pixels], one picture row after row.

    Raises
    ------
    ParameterError
        If there is no such stream, or an argument is not allowed.
    MissingDataError
        If the data set is not on this machine.

    Examples
    --------
    >>> from saltation.experiments.continual.problems import make_stream
    >>> stream = make_stream("permuted-digits", tasks=3)
    >>> len(stream), stream.tasks[0].part("train")[0].shape
    (3, (1437, 64))
    """
    kind, dataset = check_stream(name, tasks)
    mean, deviation = _STANDARD[dataset] if standardised else (0.0, 1.0)

    def inputs(images: Images) -> npt.NDArray[np.floating]:
        values = images.values()
        if pixels is not None:
            values = area_average(images.pixels, pixels).reshape(len(images), -1) / float(images.brightest)
        return ((values - mean) / deviation).astype(np.float32) if standardised else values

    pictures = READERS[dataset]("train")
    if held_out is not None:
        pictures, test = split(pictures, integer("make_stream", "held_out", held_out, minimum=1))
    else:
        test = READERS[dataset]("test")
    train, test = (
        images[: None if limit is None else integer("make_stream", f"{part}_limit", limit, minimum=1)]
        for part, images, limit in (("train", pictures, train_limit), ("test", test, test_limit))
    )
    arrays = Arrays(inputs(train), train.labels, inputs(test), test.labels)
    if kind == "permuted":
        return permuted(arrays, tasks, seed)
    if kind == "rotated":
        return rotated(arrays, np.linspace(0.0, degrees, tasks).tolist(), outside=(0.0 - mean) / deviation)
    each = _CLASSES // tasks
    if kind == "classes":
        return class_incremental(arrays, each)
    return split_classes(arrays, each, scenario="task" if kind == "split" else "domain")


def check_stream(name: str, tasks: int) -> tuple[str, str]:
    """Give kind and data set of a stream.

    Raises
    ------
    ParameterError
        If there is no such stream, or none of so many tasks.
    """
    if name not in STREAMS:
        raise ParameterError(f"make_stream.name must be one of {', '.join(STREAMS)}; got {name!r}")
    kind, _, dataset = name.partition("-")
    integer("make_stream", "tasks", tasks, minimum=1)
    if kind not in ("permuted", "rotated") and tasks not in (2, 5):
        raise ParameterError(
            f"make_stream.tasks must be 2 or 5 where {_CLASSES} classes are divided, for two or more in each; got "
            f"{tasks}; permuted and rotated streams may have any number"
        )
    return kind, dataset
