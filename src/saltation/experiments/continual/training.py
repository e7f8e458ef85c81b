"""`train`: one task after another, with a checkpoint after each."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, final

import numpy.typing as npt
from torch import nn

from saltation.continual import Ensemble, Learned, Learning, Method, Stream
from saltation.engine import Backend
from saltation.errors import GradientError, SimulationError
from saltation.experiments.continual.networks import make_network
from saltation.experiments.continual.problems import make_stream
from saltation.experiments.continual.settings import Settings, sub_seed
from saltation.experiments.continual.ways import beyond_limit, make_method
from saltation.experiments.results import ResultFolder
from saltation.experiments.torch_support import tensors
from saltation.experiments.training import Progress, Trained, run_epochs

__all__ = ["Outcome", "train"]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came out of a run.

    Attributes
    ----------
    stream : Stream
        The tasks.
    learned : Learned
        Accuracies, losses, and what it took.
    history : list of dict
        A record for each task.
    weights : dict of str to ndarray
        Of the module, after the last task.
    parameters : int
        How many numbers are trained.
    cut : int
        How many of them were beyond `max_delta` in the beginning, and were cut to it.
    """

    stream: Stream
    learned: Learned
    history: list[dict[str, Any]]
    weights: dict[str, npt.NDArray[Any]]
    parameters: int
    cut: int


def train(
    settings: Settings,
    folder: ResultFolder | None = None,
    *,
    on_task: Callable[[Progress], object] = lambda progress: None,
    on_epoch: Callable[[int, int], object] = lambda task, epoch: None,
) -> Outcome:
    """Train on all tasks of a stream, from where the checkpoint in `folder` is, or from the first.

    Parameters
    ----------
    settings : Settings
        The recipe.
    folder : ResultFolder, optional
        Where a checkpoint is written before the first and after each task, and read if there is one. What is then
        trained is bit for bit what it would have been without the interruption, with as many threads.
    on_task : callable
        Called at the start and after each task; its ``epoch`` is the number of tasks done.
    on_epoch : callable
        Called after each epoch with the number of the task, from 1 on, and that of its epochs so far.

    Returns
    -------
    Outcome
        As it is after the last task.

    Raises
    ------
    MissingDataError
        If the data set is not on this machine.
    GradientError
        If a loss or a gradient is not finite.
    FileFormatError
        If the checkpoint, or a file of the data set, is damaged.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from saltation.experiments.continual import recipe, train
    >>> settings = replace(recipe("sgd"), stream="permuted-digits", tasks=2, hidden=10, train_limit=64)
    >>> train(settings).learned.accuracies.shape
    (2, 2)
    """
    stream = make_stream(
        settings.stream,
        tasks=settings.tasks,
        seed=sub_seed(settings.seed, "stream"),
        degrees=settings.degrees,
        standardised=settings.network == "mlp",
        pixels=settings.pixels,
        train_limit=settings.train_limit,
        test_limit=settings.test_limit,
    )
    module, backend = make_network(settings, stream)
    cut = beyond_limit(settings, module)
    method = make_method(settings, module)
    order = sub_seed(settings.seed, "order")
    learning = Learning(method, stream, epochs=settings.epochs, batch=settings.batch, seed=order)

    def task(number: int) -> dict[str, Any]:
        try:
            accuracies = learning.task(lambda epoch: on_epoch(number, epoch))
        except (GradientError, SimulationError) as error:
            raise GradientError(
                f"continual: training stopped in task {number}, learning rate {settings.lr:g}: {error}. Start "
                "again in a new folder; the checkpoint, if there is one, is that of the last whole task"
            ) from error
        return {
            "task": number,
            "name": stream.tasks[number - 1].name,
            "losses": learning.losses[-1].tolist(),
            "accuracies": accuracies.tolist(),
            "nte": asdict(method.report()) if isinstance(method, Ensemble) else None,
        }

    learner = _Learner(module, learning, backend)
    progress = run_epochs("continual", settings.tasks, learner, None, folder, lambda: task, on_task)
    return Outcome(stream, learning.learned(), progress.history, progress.weights, _parameters(method), cut)


def _parameters(method: Method) -> int:
    return sum(p.numel() for p in method.module.parameters() if p.requires_grad)


@final
class _Learner(Trained):
    """Parameters and buffers of the module, and all else that the next tasks depend on."""

    def __init__(self, module: nn.Module, learning: Learning, backend: Backend | None) -> None:
        self._module, self._learning, self._backend = module, learning, backend

    def weights(self) -> dict[str, npt.NDArray[Any]]:
        return {name: value.numpy().copy() for name, value in self._module.state_dict().items()}

    def state(self) -> Any:
        state = self._learning.state()
        if self._backend is None:
            return state
        from saltation.experiments.on_chip import with_runs  # here, so that an MLP does not wait for the chip

        return with_runs(state, self._backend)

    def restore(self, weights: Mapping[str, npt.NDArray[Any]], state: Any) -> None:
        if self._backend is not None:
            from saltation.experiments.on_chip import without_runs

            state = without_runs(state, self._backend)
        self._module.load_state_dict(tensors(dict(weights)))
        self._learning.restore(tensors(state))
