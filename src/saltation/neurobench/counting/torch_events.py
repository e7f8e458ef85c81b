"""A call of a layer of ours among those of PyTorch: what went in, and what came out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
from torch import Tensor

from saltation import model
from saltation.engine.grid import Grid
from saltation.engine.grid_table import steps
from saltation.errors import ParameterError
from saltation.torch.module import NetworkModule
from saltation.torch.output import Output
from saltation.torch.spikes import Spikes, as_spikes

Floats = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A call of a module of ours.

    Attributes
    ----------
    network : Network
        With the values of the call.
    spikes : dict of str to saltation.Spikes
        Of its populations, inputs among them.
    drive : dict of str to ndarray, [batch, step, unit]
        Values of the inputs that are driven by such, at every point of a grid.
    duration : float
        Length of the window in seconds.
    """

    network: model.Network
    spikes: Mapping[str, model.Spikes]
    drive: Mapping[str, Floats]
    duration: float


def events_of(name: str, module: NetworkModule, args: Any, kwargs: Any, output: Any) -> Call:
    """Take a call apart, from its arguments and its output.

    Raises
    ------
    ParameterError
        If a sample failed, whose spikes are not all there.
    """
    net, backend = module.network(), module._specification.backend
    found: dict[str, Any] = {}
    if isinstance(output, Output):
        failed = output.status.nonzero().flatten().tolist()
        if failed:
            raise ParameterError(
                f"count_torch: {name} must have no failed samples; got {len(failed)}, the first {failed[0]}; their "
                "spikes are not all there; mend the cause, or run the others alone"
            )
        found |= output.spikes
        found |= args[0] if args else kwargs["stimulus"]
        duration = float(args[1] if len(args) > 1 else kwargs["duration"])
    else:
        found["in"] = args[0] if args else kwargs["spikes"]
        if isinstance(output, Spikes):
            found["out"] = output
        duration = float(module.duration)  # type: ignore[arg-type]
    spikes: dict[str, model.Spikes] = {}
    drive: dict[str, Floats] = {}
    for key, value in found.items():
        population = net.populations[key]
        events = None if isinstance(value, Tensor) else as_spikes(value, population.size).to_numpy()
        values = value if isinstance(value, Tensor) else getattr(value, "train", None)
        step = backend.dt if isinstance(backend, Grid) and backend.surrogate_gradients else None
        if step is None or values is None or not isinstance(population, model.Input):
            driven = False
        else:
            driven = events is None or not _same(events, values, step)
        if driven and values is not None:
            drive[key] = values.detach().cpu().double().numpy()
        elif events is not None:
            spikes[key] = events
    return Call(net, spikes, drive, duration)


def _same(events: model.Spikes, train: Tensor, dt: float) -> bool:
    """Whether values on a grid are zeros and ones, and no more than events at its points."""
    given = train.detach().cpu().numpy()
    counts = np.zeros(given.shape)
    at = steps(events.times, dt)
    if at.size and at.max() >= given.shape[1]:
        return False
    np.add.at(counts, (events.sample_index(), at, events.units), 1.0)
    return bool(counts.max(initial=0.0) <= 1.0 and np.array_equal(counts, given))
