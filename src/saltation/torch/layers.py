"""`LIF`, `ALIF` and `LI`: single layers that compose in ``nn.Sequential`` through spike times.

Each is a network of an input and one population, and runs by the same operation as `SNN`. The gradient with
respect to the times of its input is exact, so that a stack of layers has the gradient of the whole network.
"""

from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from saltation import model
from saltation.engine import Backend
from saltation.engine.observation import Probe, Record
from saltation.errors import ParameterError
from saltation.model import Connectivity, DelayOf, Input, MaxVoltage, Network, Population, SpikeTrain, VoltageSamples
from saltation.model.checks import SECONDS, integer, number, suggest
from saltation.torch.calling import Events, Observed, call
from saltation.torch.module import NetworkModule, set_up
from saltation.torch.output import Output
from saltation.torch.specification import Slot
from saltation.torch.spikes import Spikes

Shape = tuple[int, ...]
Weights = npt.ArrayLike | Tensor | Callable[[Shape], npt.ArrayLike | Tensor]
"""Initial weights, or a function of their shape that draws them."""


@final
class LIF(NetworkModule):
    r"""A layer of `saltation.LIF` neurons: spikes to spikes.

    ::

        tau_mem dV/dt = v_leak - V + I,    tau_syn dI/dt = -I
        I_n := I_n + weight[m, n]    at t + delay[m, n], for a spike of input m at t
        V := v_reset                 at V = v_th, a spike

    Parameters
    ----------
    n_in, n_out : int
        Number of inputs and of neurons.
    duration : float
        Length of the window in seconds.
    weight : array_like or callable, optional
        Initial weights ``[n_in, n_out]``, or a function of this shape. None draws ``w ~ N(6 / n_in, 9 / n_in)`` from
        torch's generator: with the default constants, inputs that spike at once bring about half of the neurons to
        their threshold.
    delay : array_like, (), [n_in] or [n_in, n_out]
        Delays in seconds.
    recurrent : array_like or callable, optional
        Initial weights ``[n_out, n_out]`` among the neurons; None for none.
    recurrent_delay : array_like, (), [n_out] or [n_out, n_out]
        Delays of these in seconds.
    connectivity : Sparse, Conv1d, Conv2d, SumPool2d or Pooled, optional
        Which synapses lead from the inputs to the neurons, None for all; ``weight`` is then of its ``weight_shape``,
        and the default weights count the synapses of a neuron, on average, in place of ``n_in``.
    delay_of : {None, "axon", "synapse"}
        What each of several delays belongs to, where the shape leaves that open; see `saltation.Network.connect`.
    trainable : sequence of str
        Kinds of parameters that are trained, as in `SNN`.
    backend : Exact or Grid, optional
        How to run it.
    **parameters
        Parameters of the neurons, such as ``tau_mem=20e-3``; see `saltation.LIF`.

    The module's parameters are called ``weight``, ``delay``, ``recurrent_weight``, ``recurrent_delay``, and
    by the names of those of the neurons.

    Raises
    ------
    ParameterError
        If an argument is not allowed.

    References
    ----------
    Wunderlich and Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> import torch
    >>> from saltation.torch import LIF, Spikes
    >>> layer = LIF(2, 3, duration=40e-3, weight=[[9.0, 0.1, 5.0]] * 2, tau_mem=10e-3, trainable=("weight", "v_th"))
    >>> [name for name, _ in layer.named_parameters()]
    ['weight', 'v_th']
    >>> layer(Spikes.from_latencies(torch.tensor([[1e-3, 2e-3]]))).counts()
    tensor([[7, 0, 3]])
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        duration: float,
        weight: Weights | None = None,
        delay: npt.ArrayLike = 0.0,
        recurrent: Weights | None = None,
        recurrent_delay: npt.ArrayLike = 0.0,
        connectivity: Connectivity | None = None,
        delay_of: DelayOf | None = None,
        trainable: Sequence[str] = ("weight",),
        backend: Backend | None = None,
        **parameters: Any,
    ) -> None:
        weights = _driving(weight) if connectivity is None else _driving_listed(weight, connectivity)
        loop = (recurrent, recurrent_delay)
        net = _network(model.LIF, n_in, n_out, parameters, weights, delay, *loop, connectivity, delay_of)
        set_up(self, net, trainable, _trains(backend), backend, _name)
        self.duration = number("LIF", "duration", duration, minimum=0.0, strict=True, hint=SECONDS)

    def forward(self, spikes: Events, *, observed: Events | None = None) -> Spikes:
        """Run the layer on spikes; ``observed`` ones take the place of its own."""
        return _spikes(_run(self, self.duration, spikes, observed))


@final
class ALIF(NetworkModule):
    r"""A layer of `saltation.ALIF` neurons, whose threshold adapts: spikes to spikes.

    ::

        tau_mem dV/dt = v_leak - V + I,    tau_syn dI/dt = -I,    tau_adapt da/dt = -a
        V := v_reset, a := a + beta    at V = v_th + a, a spike

    Parameters
    ----------
    n_in, n_out, duration, weight, delay, recurrent, recurrent_delay, connectivity, delay_of, trainable, backend
        As in `LIF`.
    **parameters
        Parameters of the neurons, such as ``tau_adapt=100e-3, beta=0.2``; see `saltation.ALIF`.

    Raises
    ------
    ParameterError
        If an argument is not allowed.

    References
    ----------
    Bellec et al., Nature Communications 11, 3625 (2020), doi:10.1038/s41467-020-17236-y.

    Examples
    --------
    >>> import torch
    >>> from saltation.torch import ALIF, Spikes
    >>> layer = ALIF(1, 2, duration=40e-3, weight=[[9.0, 0.5]], beta=5.0)
    >>> layer(Spikes.from_latencies(torch.tensor([[1e-3]]))).counts()
    tensor([[1, 0]])
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        duration: float,
        weight: Weights | None = None,
        delay: npt.ArrayLike = 0.0,
        recurrent: Weights | None = None,
        recurrent_delay: npt.ArrayLike = 0.0,
        connectivity: Connectivity | None = None,
        delay_of: DelayOf | None = None,
        trainable: Sequence[str] = ("weight",),
        backend: Backend | None = None,
        **parameters: Any,
    ) -> None:
        weights = _driving(weight) if connectivity is None else _driving_listed(weight, connectivity)
        loop = (recurrent, recurrent_delay)
        net = _network(model.ALIF, n_in, n_out, parameters, weights, delay, *loop, connectivity, delay_of)
        set_up(self, net, trainable, _trains(backend), backend, _name)
        self.duration = number("ALIF", "duration", duration, minimum=0.0, strict=True, hint=SECONDS)

    def forward(self, spikes: Events, *, observed: Events | None = None) -> Spikes:
        """Run the layer on spikes; ``observed`` ones take the place of its own."""
        return _spikes(_run(self, self.duration, spikes, observed))


@final
class LI(NetworkModule):
    r"""A layer of `saltation.LI` neurons, a readout: spikes to voltages.

    ::

        tau_mem dV/dt = v_leak - V + I,    tau_syn dI/dt = -I
        y = max of V,  or V at given times,  or the integral of V

    Parameters
    ----------
    n_in, n_out : int
        Number of inputs and of neurons.
    duration : float
        Length of the window in seconds.
    readout : MaxVoltage, Voltage or VoltageIntegral, optional
        What to return of the voltage; ``MaxVoltage()`` by default.
    weight : array_like or callable, optional
        Initial weights ``[n_in, n_out]``, or a function of this shape. None draws ``w ~ N(0, 1 / n_in)`` from
        torch's generator.
    delay, connectivity, delay_of, trainable, backend
        As in `LIF`.
    **parameters
        Parameters of the neurons, such as ``tau_mem=20e-3``; see `saltation.LI`.

    Raises
    ------
    ParameterError
        If an argument is not allowed.

    References
    ----------
    Wunderlich and Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> import torch
    >>> from saltation import Voltage
    >>> from saltation.torch import LI, Spikes
    >>> layer = LI(2, 3, duration=40e-3, readout=Voltage([10e-3, 20e-3]))
    >>> layer(Spikes.from_latencies(torch.tensor([[1e-3, 2e-3]]))).shape
    torch.Size([1, 2, 3])
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        duration: float,
        readout: Probe | None = None,
        weight: Weights | None = None,
        delay: npt.ArrayLike = 0.0,
        connectivity: Connectivity | None = None,
        delay_of: DelayOf | None = None,
        trainable: Sequence[str] = ("weight",),
        backend: Backend | None = None,
        **parameters: Any,
    ) -> None:
        weights = _balanced(weight) if connectivity is None else _balanced_listed(weight, connectivity)
        net = _network(model.LI, n_in, n_out, parameters, weights, delay, None, 0.0, connectivity, delay_of)
        set_up(self, net, trainable, {"out": MaxVoltage() if readout is None else readout}, backend, _name)
        self.duration = number("LI", "duration", duration, minimum=0.0, strict=True, hint=SECONDS)

    def forward(self, spikes: Events, *, observed: VoltageSamples | None = None) -> Tensor:
        """Run the layer on spikes, and read it out; ``observed`` voltages take the place of its own."""
        return _run(self, self.duration, spikes, observed).voltages["out"]


# ------------------------------------------------------------------------------------------------ private
def _run(layer: NetworkModule, duration: float, spikes: Events, observed: Events | VoltageSamples | None) -> Output:
    seen: Observed | None = None if observed is None else {"out": observed}
    return call(layer._specification, layer._key, layer._tensors(), {"in": spikes}, duration, seen, True)


def _trains(backend: Backend | None) -> Record:
    """What a layer that spikes records: its spike train, where the gradient of those behind it comes back along it."""
    return {"out": SpikeTrain()} if backend is not None and backend.surrogate_gradients else {}


def _spikes(output: Output) -> Spikes:
    spikes = output.spikes["out"]
    if not output.voltages:
        return spikes
    return Spikes(spikes.times, spikes.units, spikes.offsets, spikes.n_units, output.voltages["out"])


def _name(slot: Slot) -> str:
    return f"recurrent_{slot.kind}" if slot.target == ("out", "out") else slot.kind


def _driving(weight: Weights | None) -> Weights:
    """Weights of which the sum over all inputs is 6 ± 3, about what reaches the threshold."""
    if weight is not None:
        return weight
    return lambda shape: 6.0 / shape[0] + 3.0 / shape[0] ** 0.5 * torch.randn(shape, dtype=torch.float64)


def _driving_listed(weight: Weights | None, connectivity: Connectivity) -> Weights:
    return _driving(weight) if weight is not None else lambda shape: _drawn(connectivity, shape, 6.0, 3.0)


def _balanced_listed(weight: Weights | None, connectivity: Connectivity) -> Weights:
    return _balanced(weight) if weight is not None else lambda shape: _drawn(connectivity, shape, 0.0, 1.0)


def _drawn(connectivity: Connectivity, shape: Shape, mean: float, std: float) -> Tensor:
    """Weights of which those of the synapses of one neuron sum up to ``mean`` ± ``std``, on average."""
    n = connectivity.synapses()[0].size / connectivity.n_post
    return mean / n + std / n**0.5 * torch.randn(shape, dtype=torch.float64)


def _balanced(weight: Weights | None) -> Weights:
    if weight is not None:
        return weight
    return lambda shape: torch.randn(shape, dtype=torch.float64) / shape[0] ** 0.5


def _network(
    kind: type[Any],
    n_in: int,
    n_out: int,
    parameters: dict[str, Any],
    weight: Weights,
    delay: npt.ArrayLike,
    recurrent: Weights | None,
    recurrent_delay: npt.ArrayLike,
    connectivity: Connectivity | None,
    delay_of: DelayOf | None,
) -> Network:
    owner = kind.__name__
    n_pre, n_post = (integer(owner, name, n, minimum=1) for name, n in (("n_in", n_in), ("n_out", n_out)))
    known = [name for name in kind.__slots__ if name != "size"]
    for name in parameters:
        if name not in known:
            raise ParameterError(
                f"{owner}.{name} must be an argument of the layer or a parameter of its neurons; {suggest(name, known)}"
            )
    neurons: Population = kind(n_post, **parameters)
    net = Network()
    net.add("in", Input(n_pre))
    net.add("out", neurons)
    shape = (n_pre, n_post) if connectivity is None else connectivity.weight_shape
    values = _initial(f"{owner}.weight", weight, shape)
    net.connect("in", "out", weight=values, delay=delay, connectivity=connectivity, delay_of=delay_of)
    if recurrent is not None:
        values = _initial(f"{owner}.recurrent", recurrent, (n_post, n_post))
        net.connect("out", "out", weight=values, delay=recurrent_delay)
    return net


def _initial(where: str, weight: Weights, shape: Shape) -> npt.NDArray[Any]:
    drawn = weight(shape) if callable(weight) else weight
    values = drawn.detach().cpu().numpy() if isinstance(drawn, Tensor) else np.asarray(drawn)
    if values.shape != shape:
        raise ParameterError(f"{where} must be of shape {shape}; got {values.shape}")
    return values
