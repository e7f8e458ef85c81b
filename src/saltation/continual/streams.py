"""Streams of tasks out of one set of labelled arrays: permuted, rotated, and split by classes."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, final

import numpy as np
import numpy.typing as npt

from saltation.continual.rotation import rotate
from saltation.errors import ParameterError
from saltation.model.checks import describe, explain, float_array, integer, number

__all__ = ["Arrays", "Stream", "Task", "class_incremental", "permuted", "rotated", "split_classes"]

Ints: TypeAlias = npt.NDArray[np.int64]
Part = Literal["train", "test"]
Scenario = Literal["domain", "task", "class"]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Arrays:
    """Labelled examples to train on and to test with.

    Parameters
    ----------
    x, x_test : ndarray, [n, ...]
        Inputs, the same shape of each in both.
    y, y_test : ndarray of int, [n]
        Labels, from 0 on.

    Raises
    ------
    ParameterError
        If lengths, shapes or dtypes do not fit.

    Examples
    --------
    >>> from saltation.continual import Arrays
    >>> from saltation.data import digits
    >>> train, test = digits("train"), digits("test")
    >>> Arrays(train.values(), train.labels, test.values(), test.labels).labels
    10
    """

    x: npt.NDArray[Any]
    y: Ints
    x_test: npt.NDArray[Any]
    y_test: Ints

    def __post_init__(self) -> None:
        """Check that there is a label for each input, and that both parts are alike."""
        for name in ("", "_test"):
            x, y = np.asarray(getattr(self, f"x{name}")), np.asarray(getattr(self, f"y{name}"))
            if (
                y.dtype.kind not in "iu"
                or x.dtype.kind not in "biuf"
                or x.ndim < 2
                or y.shape != x.shape[:1]
                or not len(y)
                or y.min() < 0
            ):
                must = "numbers [n, ...] and integers >= 0 [n], at least one"
                raise ParameterError(explain(f"Arrays.x{name} and y{name}", must, f"{describe(x)} and {describe(y)}"))
            if x.dtype.kind == "f" and not np.isfinite(x).all():
                raise ParameterError(f"Arrays.x{name} must be finite; got NaN or infinity in it")
            object.__setattr__(self, f"x{name}", x)
            object.__setattr__(self, f"y{name}", y.astype(np.int64))
        if self.x.shape[1:] != self.x_test.shape[1:]:
            raise ParameterError(
                f"Arrays.x_test must be of the shape of x, [n, {', '.join(map(str, self.x.shape[1:]))}]; got "
                f"{self.x_test.shape}"
            )
        if (self.x.dtype.kind == "f") != (self.x_test.dtype.kind == "f"):
            raise ParameterError(
                f"Arrays.x and x_test must both be integers or both be floating-point numbers; got {self.x.dtype} and "
                f"{self.x_test.dtype}; one of them has probably been scaled and the other not"
            )

    @property
    def labels(self) -> int:
        """Number of labels."""
        return int(max(self.y.max(), self.y_test.max())) + 1


class Source(ABC):
    """Examples of a task, all or some of them; abstract."""

    @abstractmethod
    def labels(self, part: Part) -> Ints:
        """Give the labels of "train" or "test", [n]."""

    @abstractmethod
    def inputs(self, part: Part, chosen: Ints | None = None) -> npt.NDArray[Any]:
        """Give the inputs of all examples, or of those with these numbers, [n, ...]."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Changed(Source):
    """Those of a data set, changed: other inputs, or some of the examples only, whose labels may be numbered anew."""

    arrays: Arrays
    change: Callable[[npt.NDArray[Any]], npt.NDArray[Any]] | None = None
    kept: dict[Part, Ints] | None = None
    numbers: Ints | None = None

    def labels(self, part: Part) -> Ints:
        y = self._own(part)[1]
        y = y if self.kept is None else y[self.kept[part]]
        return y if self.numbers is None else self.numbers[y]

    def inputs(self, part: Part, chosen: Ints | None = None) -> npt.NDArray[Any]:
        x = self._own(part)[0]
        if self.kept is not None:
            chosen = self.kept[part] if chosen is None else self.kept[part][chosen]
        x = x if chosen is None else x[chosen]
        return x if self.change is None else self.change(x)

    def _own(self, part: Part) -> tuple[npt.NDArray[Any], Ints]:
        return (self.arrays.x, self.arrays.y) if part == "train" else (self.arrays.x_test, self.arrays.y_test)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One task of a stream; its arrays are made when they are asked for.

    Attributes
    ----------
    name : str
        What it is.
    classes : tuple of int
        Labels that occur in it, after any renumbering.
    source : Source
        Where its examples come from.
    """

    name: str
    classes: tuple[int, ...]
    source: Source = field(repr=False)

    def part(self, part: Part) -> tuple[npt.NDArray[Any], Ints]:
        """Give inputs and labels of "train" or "test"."""
        if part not in ("train", "test"):
            raise ParameterError(f"Task.part must be 'train' or 'test'; got {part!r}")
        return self.source.inputs(part), self.source.labels(part)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """Tasks in their order, and what is known of them when they are tested.

    Attributes
    ----------
    tasks : tuple of Task
        In their order.
    labels : int
        Number of outputs that a network for it needs.
    scenario : {"domain", "task", "class"}
        "domain": all tasks have the same labels. "task": each has its own, and which task it is is known, so that only
        its labels compete. "class": each has its own, and all labels seen or not compete.

    References
    ----------
    van de Ven, Tuytelaars and Tolias, Three types of incremental learning, Nature Machine Intelligence 4, 1185 (2022),
    doi:10.1038/s42256-022-00568-3.
    """

    tasks: tuple[Task, ...]
    labels: int
    scenario: Scenario

    def __len__(self) -> int:
        return len(self.tasks)

    def allowed(self, task: int) -> tuple[int, ...] | None:
        """Labels that compete in a task; None for all."""
        return self.tasks[task].classes if self.scenario == "task" else None


def permuted(arrays: Arrays, tasks: int, seed: int, *, first: bool = True) -> Stream:
    """Make tasks out of a permutation of the input's numbers, another one in each, the same for all its examples.

    Parameters
    ----------
    arrays : Arrays
        The data set.
    tasks : int
        Number of tasks.
    seed : int
        Of the permutations; the first ones are the same for any number of tasks.
    first : bool
        Whether the first task is permuted too, as in the paper on the tangent ensemble; often it is not.

    References
    ----------
    Goodfellow et al., An empirical investigation of catastrophic forgetting in gradient-based neural networks, 2013,
    arXiv:1312.6211.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.continual import Arrays, permuted
    >>> arrays = Arrays(np.arange(6).reshape(2, 3), np.array([0, 1]), np.arange(3).reshape(1, 3), np.array([1]))
    >>> [task.part("test")[0].tolist() for task in permuted(arrays, 2, seed=2, first=False).tasks]
    [[[0, 1, 2]], [[2, 0, 1]]]
    """
    integer("permuted", "tasks", tasks, minimum=1)
    rng = np.random.default_rng(integer("permuted", "seed", seed))
    size = int(np.prod(arrays.x.shape[1:]))
    orders = [np.arange(size) if i == 0 and not first else rng.permutation(size) for i in range(tasks)]
    classes = tuple(range(arrays.labels))
    made = [Task(f"permutation {i}", classes, _Changed(arrays, _permutation(order))) for i, order in enumerate(orders)]
    return Stream(tuple(made), arrays.labels, "domain")


def rotated(arrays: Arrays, degrees: Sequence[float], *, outside: float = 0.0) -> Stream:
    """Make tasks out of a rotation of pictures, by so many degrees counterclockwise in each.

    Parameters
    ----------
    arrays : Arrays
        Pictures [n, height, width], or square ones row after row, [n, side * side].
    degrees : sequence of float
        Angles of the tasks.
    outside : float
        What the pictures are taken to be outside: the value of their background.

    Raises
    ------
    ParameterError
        If the inputs are no pictures.

    References
    ----------
    Lopez-Paz and Ranzato, Gradient episodic memory for continual learning, 2017, arXiv:1706.08840.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.continual import Arrays, rotated
    >>> arrays = Arrays(np.arange(4.0).reshape(1, 2, 2), np.array([0]), np.arange(4.0).reshape(1, 2, 2), np.array([0]))
    >>> rotated(arrays, [0, 90]).tasks[1].part("test")[0].tolist()
    [[[1.0, 3.0], [0.0, 2.0]]]
    """
    angles = float_array("rotated", "degrees", degrees, shapes=((None,),))
    outside = number("rotated", "outside", outside)
    shape = arrays.x.shape[1:]
    if len(shape) == 1:
        shape = (math.isqrt(shape[0]),) * 2
    if len(shape) != 2 or math.prod(shape) != math.prod(arrays.x.shape[1:]) or not angles.size:
        raise ParameterError(
            "rotated needs pictures [n, height, width], or square ones [n, side * side], and one angle or more; got "
            f"inputs {arrays.x.shape} and {angles.size} angles"
        )
    classes = tuple(range(arrays.labels))
    turns = [_Changed(arrays, _rotation(float(angle), shape, outside)) for angle in angles]
    made = [Task(f"{angle:g} degrees", classes, turn) for angle, turn in zip(angles, turns, strict=True)]
    return Stream(tuple(made), arrays.labels, "domain")


def split_classes(
    arrays: Arrays, per_task: int, *, scenario: Literal["task", "domain"] = "task", order: Sequence[int] | None = None
) -> Stream:
    """Make tasks out of a few classes each.

    Parameters
    ----------
    arrays : Arrays
        The data set.
    per_task : int
        Number of classes in each task; the number of labels must be a multiple of it.
    scenario : {"task", "domain"}
        "task": the classes keep their labels, and only those of the task compete. "domain": they are numbered anew from
        0 in each task, so that the network has to find out which of two kinds an example is of.
    order : sequence of int, optional
        Labels in the order in which they come; by default from 0 on.

    Raises
    ------
    ParameterError
        If the number does not divide that of labels, or the order is none of all labels.

    References
    ----------
    Zenke, Poole and Ganguli, Continual learning through synaptic intelligence, 2017, arXiv:1703.04200.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.continual import Arrays, split_classes
    >>> arrays = Arrays(np.eye(4), np.arange(4), np.eye(4), np.arange(4))
    >>> [task.part("train")[1].tolist() for task in split_classes(arrays, 2).tasks]
    [[0, 1], [2, 3]]
    >>> [task.part("train")[1].tolist() for task in split_classes(arrays, 2, scenario="domain").tasks]
    [[0, 1], [0, 1]]
    """
    if scenario not in ("task", "domain"):
        raise ParameterError(
            f"split_classes.scenario must be 'task' or 'domain'; got {scenario!r}; class_incremental makes the third"
        )
    groups = _groups("split_classes", arrays, per_task, order)
    made: list[Task] = []
    for group in groups:
        numbers = dict(zip(group, group if scenario == "task" else range(per_task), strict=True))
        made.append(_of_classes("split_classes", arrays, numbers))
    return Stream(tuple(made), arrays.labels if scenario == "task" else per_task, scenario)


def class_incremental(arrays: Arrays, per_task: int, *, order: Sequence[int] | None = None) -> Stream:
    """Make tasks that bring a few new classes each; all labels compete at all times.

    The hardest of the three scenarios: without a memory of earlier examples, most methods know the last task only.
    Arguments as those of `split_classes`.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.continual import Arrays, class_incremental
    >>> stream = class_incremental(Arrays(np.eye(4), np.arange(4), np.eye(4), np.arange(4)), 2, order=[3, 1, 0, 2])
    >>> [task.classes for task in stream.tasks], stream.allowed(0)
    ([(3, 1), (0, 2)], None)
    """
    groups = _groups("class_incremental", arrays, per_task, order)
    made = [_of_classes("class_incremental", arrays, dict(zip(group, group, strict=True))) for group in groups]
    return Stream(tuple(made), arrays.labels, "class")


def _of_classes(owner: str, arrays: Arrays, numbers: dict[int, int]) -> Task:
    """Make a task of some labels, given with the numbers that they get.

    Raises
    ------
    ParameterError
        If there is nothing to train on, or nothing to test with.
    """
    name = f"classes {', '.join(map(str, numbers))}"
    kept: dict[Part, Ints] = {
        "train": np.flatnonzero(np.isin(arrays.y, list(numbers))),
        "test": np.flatnonzero(np.isin(arrays.y_test, list(numbers))),
    }
    for part, found in kept.items():
        if not found.size:
            raise ParameterError(
                f"{owner}: each task needs an example or more in both parts; got none of {name} in the {part} part; "
                "number the labels from 0 on without gaps, or take more of them in a task"
            )
    table = np.full(arrays.labels, -1)
    table[list(numbers)] = list(numbers.values())
    return Task(name, tuple(numbers.values()), _Changed(arrays, None, kept, table))


def _groups(owner: str, arrays: Arrays, per_task: int, order: Sequence[int] | None) -> list[tuple[int, ...]]:
    n, size = arrays.labels, integer(owner, "per_task", per_task, minimum=1)
    chosen = list(range(n)) if order is None else [int(label) for label in order]
    if sorted(chosen) != list(range(n)) or n % size:
        raise ParameterError(
            f"{owner}: order must hold each label from 0 to {n - 1} once, and per_task divide {n}; got {chosen} and "
            f"{size}"
        )
    return [tuple(chosen[at : at + size]) for at in range(0, n, size)]


def _permutation(order: Ints) -> Callable[[npt.NDArray[Any]], npt.NDArray[Any]]:
    return lambda x: x.reshape(len(x), -1)[:, order].reshape(x.shape)


def _rotation(degrees: float, shape: tuple[int, ...], outside: float) -> Callable[[npt.NDArray[Any]], npt.NDArray[Any]]:
    return lambda x: rotate(x.reshape(len(x), *shape), degrees, outside).reshape(x.shape)
