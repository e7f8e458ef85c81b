"""Training with JAX: the network as a pure function, its gradient by `jax.value_and_grad`, Adam of Optax."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

try:
    import optax
except ModuleNotFoundError as error:
    if error.name != "optax":
        raise
    from saltation.errors import MissingDependencyError

    raise MissingDependencyError(
        'yinyang with JAX needs Optax, which is not installed: pip install "saltation[jax]"'
    ) from error

from saltation.errors import SimulationError
from saltation.experiments.on_chip import uncounted, with_runs, without_runs
from saltation.experiments.yinyang.learner import Learner, Step, check_finite, make_clip, with_norms, without_norms
from saltation.experiments.yinyang.settings import Settings
from saltation.experiments.yinyang.task import PROJECTIONS, initial_weights, make_backend, make_network
from saltation.jax import Output, Status, build, capacities, max_over_time_cross_entropy, ttfs_cross_entropy
from saltation.jax import Spikes as Padded
from saltation.model import Spikes

__all__ = ["JaxLearner"]

Floats = npt.NDArray[np.float64]

# Room for the spikes of now, beyond those of the first batch; where training needs more, there will be more.
_MARGIN = 2.0


@final
class JaxLearner(Learner):
    """Training in JAX, in float64; the losses are those of `NumpyLearner` but for rounding.

    Shapes are static: populations have room for twice the spikes of the first batch.  A batch that needs more is run
    again with more room, on a chip with the same noise, so that nothing depends on it.

    Examples
    --------
    >>> from saltation.experiments.yinyang import Settings
    >>> from saltation.experiments.yinyang.learner_jax import JaxLearner
    >>> JaxLearner(Settings(hidden=20)).weights()["weight_in_hid"].shape
    (5, 20)
    """

    def __init__(self, settings: Settings, threads: int | None = None) -> None:
        self._settings = settings
        self._backend = make_backend(settings, threads)
        self._weights: Any = initial_weights(settings)
        self._network = make_network(settings, self._weights)
        self._clip = make_clip(settings, self._weights)
        self._adam = optax.scale_by_adam()
        self._memory: Any = self._adam.init(self._weights)
        self._room: dict[str, int] = {}
        self._update: Any = None
        self._compiled = False

    def warm_up(self, stimulus: Spikes, labels: npt.NDArray[np.int64]) -> None:
        """Run a batch and its gradient."""
        with uncounted(self._backend):
            self._run(stimulus, labels, 0.0)

    def step(self, stimulus: Spikes, labels: npt.NDArray[np.int64], learning_rate: float) -> Step:
        """Run a batch and update the weights."""
        loss, observed, status, gradients, weights, memory = self._run(stimulus, labels, learning_rate)
        if np.any(np.asarray(status) == Status.BACKEND):
            raise SimulationError("the backend could not run the batch; its own error is in the log")
        check_finite("the loss", loss)
        for name, gradient in gradients.items():
            check_finite(f"the gradient of {name}", gradient)
        for name, weight in weights.items():
            check_finite(f"{name}, after the update,", weight)
        if self._clip is not None:
            self._clip.remember({name: np.linalg.norm(gradient) for name, gradient in gradients.items()})
        self._weights, self._memory = weights, memory
        return Step(float(loss), np.asarray(observed))

    def weights(self) -> dict[str, Floats]:
        """Give the weights of now."""
        return {name: np.array(self._weights[name]) for name in PROJECTIONS}

    def state(self) -> Any:
        """Give the state of the optimiser and of clipping, and of a chip the number of its runs."""
        memory = self._memory
        arrays = {part: {name: np.array(tree[name]) for name in PROJECTIONS} for part, tree in _parts(memory).items()}
        return with_norms(with_runs({"count": int(memory.count), **arrays}, self._backend), self._clip)

    def restore(self, weights: Mapping[str, Floats], state: Any) -> None:
        """Take up earlier weights and state."""
        self._weights = {name: np.array(weights[name]) for name in PROJECTIONS}
        memory = without_runs(without_norms(state, self._clip), self._backend)
        kept = {part: {name: np.array(memory[part][name]) for name in PROJECTIONS} for part in ("mu", "nu")}
        self._memory = optax.ScaleByAdamState(count=np.asarray(memory["count"], np.int32), **kept)

    def _run(self, stimulus: Spikes, labels: npt.NDArray[np.int64], learning_rate: float) -> Any:
        given = Padded.from_numpy(stimulus)
        if not self._compiled:
            self._make_room(stimulus)
        before = with_runs(None, self._backend)
        limits = dict.fromkeys(PROJECTIONS, math.inf) if self._clip is None else self._clip.limits()
        while True:
            *results, counts = self._updated(given, labels, learning_rate, limits)
            if all(int(counts[name].max()) <= room for name, room in self._room.items()):
                return results
            # the batch has not been run: a chip counts on from before it
            without_runs(before, self._backend)
            self._make_room(stimulus)

    def _updated(self, *given: Any) -> Any:
        try:
            return self._update(self._weights, self._memory, *given)
        except jax.errors.JaxRuntimeError as error:
            # Ctrl-C while JAX calls back comes out as an error like any other
            if "KeyboardInterrupt" in str(error):
                raise KeyboardInterrupt from error
            raise

    def _make_room(self, stimulus: Spikes) -> None:
        """Compile the update, event by event with room for the spikes of this batch and more."""
        if self._settings.backend == "grid" and self._settings.surrogate_gradients:
            self._compile()
            return
        weights: dict[Any, Floats] = {PROJECTIONS[name]: np.asarray(weight) for name, weight in self._weights.items()}
        network = self._network.replace(weight=weights)
        given = network, {"in": stimulus}, self._settings.duration
        with uncounted(self._backend):
            wanted = capacities(*given, margin=_MARGIN, backend=self._backend)
        self._room = {name: max(room, self._room.get(name, 0)) for name, room in wanted.items()}
        self._compile()

    def _compile(self) -> None:
        _, apply = build(self._network, capacity=self._room, duration=self._settings.duration, backend=self._backend)
        self._compiled = True
        self._update = jax.jit(partial(_update, apply, self._adam, self._settings))


def _update(
    apply: Any,
    adam: Any,
    settings: Settings,
    weights: Any,
    memory: Any,
    given: Padded,
    labels: Any,
    learning_rate: Any,
    limits: Any,
) -> Any:
    """Loss, readout, gradients, the weights and the optimiser's memory after the update, and numbers of spikes."""

    def loss(weights: Any) -> tuple[jax.Array, Output]:
        out = apply(weights, {"in": given})
        if settings.readout == "max_voltage":
            return max_over_time_cross_entropy(out.voltage("out"), labels), out
        first = out.first_spike("out")
        return ttfs_cross_entropy(first, labels, tau0=settings.tau0, tau1=settings.tau1, alpha=settings.alpha), out

    (value, out), gradients = jax.value_and_grad(loss, has_aux=True)(weights)
    change, memory = adam.update(jax.tree.map(_shortened, gradients, limits), memory)
    moved = jax.tree.map(lambda weight, step: weight - learning_rate * step, weights, change)
    counts = {name: spikes.count for name, spikes in out.spikes.items()}
    observed = out.voltage("out") if settings.readout == "max_voltage" else out.first_spike("out")
    return value, observed, out.status, gradients, moved, memory, counts


def _shortened(gradient: jax.Array, limit: Any) -> jax.Array:
    norm = jnp.sqrt(jnp.vdot(gradient, gradient))
    return gradient * jnp.where(norm > limit, limit / norm, 1.0)


def _parts(memory: Any) -> dict[str, Any]:
    return {"mu": memory.mu, "nu": memory.nu}
