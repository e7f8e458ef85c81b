"""`to_avalanche`, `from_avalanche`: streams of tasks as benchmarks of Avalanche, and the other way round."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from saltation.continual.streams import Ints, Part, Scenario, Source, Stream, Task
from saltation.errors import MissingDependencyError, ParameterError

__all__ = ["from_avalanche", "task_masked", "to_avalanche"]

_PARTS: tuple[Part, Part] = ("train", "test")
# How many examples are read twice to find out whether they are the same.
_TWICE = 32


def to_avalanche(stream: Stream, *, dtype: torch.dtype | None = None) -> Any:
    """Make a benchmark of Avalanche of a stream, that its strategies train on and evaluate.

    ::

        train_stream[i], test_stream[i] = task i,    task label = i in the scenario "task", and 0 in the others

    Inputs are made when a batch asks for them, out of the arrays of the stream, which are not copied. Labels are those
    of the stream. Which of them compete is a matter of the module there: in the scenario "task", give `task_masked`, or
    one with a head for each task.

    Parameters
    ----------
    stream : Stream
        The tasks.
    dtype : torch.dtype, optional
        Of the inputs; by default that of new modules, ``torch.get_default_dtype()``.

    Returns
    -------
    avalanche.benchmarks.scenarios.CLScenario
        With ``train_stream`` and ``test_stream``; experiences have task labels and the timeline of classes.

    Raises
    ------
    MissingDependencyError
        If Avalanche is not installed.

    References
    ----------
    Carta et al., Avalanche: a PyTorch library for deep continual learning, 2023, arXiv:2302.01766.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.continual import Arrays, split_classes, to_avalanche
    >>> stream = split_classes(Arrays(np.eye(4), np.arange(4), np.eye(4), np.arange(4)), 2)
    >>> benchmark = to_avalanche(stream)  # doctest: +SKIP
    >>> [experience.task_label for experience in benchmark.train_stream]  # doctest: +SKIP
    [0, 1]
    """
    if not isinstance(stream, Stream):
        raise ParameterError(f"to_avalanche.stream must be a saltation.continual.Stream; got {type(stream).__name__}")
    benchmarks, utils = _need("avalanche.benchmarks"), _need("avalanche.benchmarks.utils")
    own = torch.get_default_dtype() if dtype is None else dtype
    parts: dict[str, list[Any]] = {part: [] for part in _PARTS}
    for i, task in enumerate(stream.tasks):
        for part in _PARTS:
            y = task.source.labels(part).tolist()
            label = utils.ConstantSequence(i if stream.scenario == "task" else 0, len(y))
            known = [utils.DataAttribute(y, "targets"), utils.TaskLabels(label)]
            examples = [_Examples(task, part, own)]
            parts[part].append(utils.TaskAwareSupervisedClassificationDataset(examples, data_attributes=known))
    return benchmarks.with_task_labels(benchmarks.with_classes_timeline(benchmarks.benchmark_from_datasets(**parts)))


@final
class _Examples(Dataset[tuple[Tensor, int]]):
    """One part of a task, an example at a time."""

    def __init__(self, task: Task, part: Part, dtype: torch.dtype) -> None:
        self._source, self._labels, self._dtype = task.source, task.source.labels(part), dtype
        self._part: Part = part

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, k: int) -> tuple[Tensor, int]:
        x = self._source.inputs(self._part, np.array([k]))[0]
        return torch.from_numpy(np.ascontiguousarray(x)).to(self._dtype), int(self._labels[k])


def from_avalanche(benchmark: Any) -> Stream:
    """Take a benchmark of Avalanche as a stream.

    ::

        task i = train_stream[i], test_stream[i]

    The scenario is "task" where there are several task labels, "domain" where there is one and all experiences have the
    same classes, and "class" otherwise. A class that occurs under several task labels becomes one label for each of
    them, numbered in their order; otherwise labels stay. Inputs are read from the datasets, transformed as they are
    there, when they are asked for, and are not kept.

    Parameters
    ----------
    benchmark : avalanche.benchmarks.scenarios.CLScenario
        With a ``train_stream`` and a ``test_stream`` of as many experiences: labelled arrays or tensors of one shape.

    Raises
    ------
    ParameterError
        If there is not a test for each training, an experience has several task labels or is empty, or a training and
        its test differ in the task label; when inputs are read, if they are no numbers of one shape, change from one
        reading to the next, or have other labels than the dataset says.

    Examples
    --------
    >>> from saltation.continual import from_avalanche
    >>> from avalanche.benchmarks.classic import SplitMNIST  # doctest: +SKIP
    >>> stream = from_avalanche(SplitMNIST(5))  # doctest: +SKIP
    """
    sides: dict[Part, list[Any]] = {}
    for part in _PARTS:
        found = getattr(benchmark, f"{part}_stream", None)
        if found is None:
            raise ParameterError(
                "from_avalanche.benchmark must have a train_stream and a test_stream; got a "
                f"{type(benchmark).__name__} without {part}_stream"
            )
        sides[part] = list(found)
    n = len(sides["train"])
    if not n or len(sides["test"]) != n:
        raise ParameterError(
            f"from_avalanche: each training experience needs a test of its own; got {n} and {len(sides['test'])}; a "
            "benchmark of new instances, with one test for all, has no accuracy matrix: give each task its test by "
            "benchmark_from_datasets"
        )
    labels = [_task_label(i, sides["train"][i], sides["test"][i]) for i in range(n)]
    targets: list[dict[Part, Ints]] = [{part: _targets(i, sides[part][i].dataset) for part in _PARTS} for i in range(n)]
    classes: dict[int, set[int]] = {label: set() for label in sorted(set(labels))}
    for label, own in zip(labels, targets, strict=True):
        classes[label] |= {int(y) for each in own.values() for y in np.unique(each)}
    numbers = _numbers(classes)
    tasks: list[Task] = []
    for i, (label, own) in enumerate(zip(labels, targets, strict=True)):
        table = np.full(max(numbers[label]) + 1, -1)
        table[list(numbers[label])] = list(numbers[label].values())
        source = _Read(i, {part: sides[part][i].dataset for part in _PARTS}, own, table)
        # in the scenario "task", all classes of the task label compete
        chosen = (
            sorted(classes[label]) if len(classes) > 1 else sorted({int(y) for y in np.concatenate([*own.values()])})
        )
        tasks.append(Task(f"experience {i}", tuple(numbers[label][c] for c in chosen), source))
    scenario: Scenario = "domain" if len({task.classes for task in tasks}) == 1 else "class"
    count = 1 + max(number for each in numbers.values() for number in each.values())
    return Stream(tuple(tasks), count, scenario if len(classes) == 1 else "task")


def _task_label(i: int, train: Any, test: Any) -> int:
    """The one task label of an experience and its test."""
    found: list[int] = []
    for part, experience in zip(_PARTS, (train, test), strict=True):
        known = getattr(experience.dataset, "targets_task_labels", None)
        labels = {0} if known is None else {int(label) for label in known.uniques}
        if len(labels) != 1:
            raise ParameterError(
                f"from_avalanche: an experience must be of one task; got {part}_stream[{i}] with the task labels "
                f"{sorted(labels)}; split it by task before"
            )
        found += labels
    if found[0] != found[1]:
        raise ParameterError(
            "from_avalanche: a training experience and its test must be of the same task; got the task labels "
            f"{found[0]} and {found[1]} at {i}; bring both streams into one order"
        )
    return found[0]


def _targets(i: int, dataset: Any) -> Ints:
    known = getattr(dataset, "targets", None)
    if known is None or not len(dataset):
        raise ParameterError(
            f"from_avalanche: experience {i} must hold labelled examples, one or more, in a dataset with 'targets'; "
            f"got a {type(dataset).__name__} of {len(dataset)}"
        )
    labels = np.array([int(y) for y in known], np.int64)
    if labels.min() < 0:
        raise ParameterError(f"from_avalanche: labels must be from 0 on; got {labels.min()} in experience {i}")
    return labels


def _numbers(classes: dict[int, set[int]]) -> dict[int, dict[int, int]]:
    """For each task label, what its classes are called: as they are, where none occurs under two of them."""
    if len(set[int]().union(*classes.values())) == sum(map(len, classes.values())):
        return {label: {c: c for c in sorted(own)} for label, own in classes.items()}
    begin = np.cumsum([0] + [len(own) for own in classes.values()])
    return {
        label: {c: int(at) + k for k, c in enumerate(sorted(own))}
        for at, (label, own) in zip(begin, classes.items(), strict=False)
    }


@final
class _Read(Source):
    """Examples that are read from two datasets."""

    def __init__(self, task: int, datasets: dict[Part, Any], targets: dict[Part, Ints], numbers: Ints) -> None:
        self._task, self._datasets, self._targets, self._numbers = task, datasets, targets, numbers

    def labels(self, part: Part) -> Ints:
        return self._numbers[self._targets[part]]

    def inputs(self, part: Part, chosen: Ints | None = None) -> npt.NDArray[Any]:
        which = range(len(self._targets[part])) if chosen is None else chosen.tolist()
        x = self._some(part, which)
        again = self._some(part, list(which)[:_TWICE])
        if not np.array_equal(x[: len(again)], again, equal_nan=True):
            raise ParameterError(
                f"from_avalanche: inputs must be the same at each reading; got others in the {part} part of experience "
                f"{self._task}: it has a transformation at random, of which an array would hold one; take "
                "dataset.eval(), or replace it"
            )
        return x

    def _some(self, part: Part, which: Sequence[int]) -> npt.NDArray[Any]:
        read: list[npt.NDArray[Any]] = []
        for k in which:
            x, y = self._datasets[part][k][:2]
            if int(y) != self._targets[part][k]:
                raise ParameterError(
                    f"from_avalanche: labels must be those of dataset.targets; got {int(y)} for "
                    f"{self._targets[part][k]} at {k} of the {part} part of experience {self._task}: a "
                    "target_transform changes them; renumber the targets instead"
                )
            read.append(np.asarray(x))
            if read[-1].shape != read[0].shape or read[-1].dtype.kind not in "biuf":
                raise ParameterError(
                    "from_avalanche: inputs must be arrays or tensors of numbers, of one shape; got "
                    f"{type(x).__name__} {read[-1].shape} at {k} of the {part} part of experience {self._task}; add a "
                    "transformation, such as ToTensor"
                )
        return np.stack(read)


def task_masked(module: nn.Module, stream: Stream) -> nn.Module:
    """Make a module for the strategies of Avalanche in which only the labels of the task compete.

    ::

        h_c = module(x)_c  where c is a label of the task, and -inf elsewhere

    What `learn` does for a stream of the scenario "task".

    Parameters
    ----------
    module : torch.nn.Module
        From inputs to logits, one for each label of the stream; it is trained, and not copied.
    stream : Stream
        The stream that `to_avalanche` was given, so that the task labels are the numbers of its tasks.

    Raises
    ------
    ParameterError
        If the stream is of another scenario.
    MissingDependencyError
        If Avalanche is not installed.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from saltation.continual import Arrays, split_classes, task_masked
    >>> stream = split_classes(Arrays(np.eye(4), np.arange(4), np.eye(4), np.arange(4)), 2)
    >>> module = task_masked(torch.nn.Linear(4, 4), stream)  # doctest: +SKIP
    >>> module(torch.eye(4), torch.zeros(4, dtype=torch.int64)).isfinite().sum(dim=1).tolist()  # doctest: +SKIP
    [2, 2, 2, 2]
    """
    if stream.scenario != "task":
        raise ParameterError(
            f"task_masked.stream must be of the scenario 'task'; got {stream.scenario!r}, where all labels compete: "
            "give Avalanche the module as it is"
        )
    competes = torch.zeros((len(stream), stream.labels), dtype=torch.bool)
    for i, task in enumerate(stream.tasks):
        competes[i, list(task.classes)] = True

    # What a module gets the task labels by. Here, since Avalanche need not be installed.
    @final
    class TaskMasked(_need("avalanche.models").MultiTaskModule):
        def __init__(self) -> None:
            nn.Module.__init__(self)
            self.known_train_tasks_labels: set[int] = set()
            self.max_class_label = 0
            self.module = module
            self.register_buffer("competes", competes)

        def forward(self, x: Tensor, task_labels: Tensor | int | None) -> Any:
            # without task labels, of each task known, as modules with heads answer
            if task_labels is None:
                return self.forward_all_tasks(x)
            return self.module(x).masked_fill(~self.competes[task_labels], -torch.inf)

        def forward_single_task(self, x: Tensor, task_label: int) -> Tensor:
            return self.forward(x, task_label)

    return TaskMasked()


def _need(module: str) -> Any:
    """Import a part of Avalanche.

    Raises
    ------
    MissingDependencyError
        If it is not installed; where something that it needs is missing, that error is shown.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name not in ("avalanche", module):
            raise
        raise MissingDependencyError(
            "saltation.continual.to_avalanche and task_masked need avalanche, which is not installed: pip install "
            "avalanche-lib"
        ) from error
