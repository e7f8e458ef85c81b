"""`lif`, `alif` and `li`: single layers as pure functions, which compose through spike times.

Each runs a network of an input and one population by the same operation as `saltation.jax.build`.  Every number given
to it may be an array of JAX, traced or not, and has an exact gradient; so have the times of the spikes that come in, so
that a stack of layers has the gradient of the whole network.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from saltation import model
from saltation.engine import Exact
from saltation.engine.backends import check_backend
from saltation.engine.observation import Probe
from saltation.engine.training import TIME_CONSTANTS
from saltation.errors import ParameterError
from saltation.jax.build import checked_spikes
from saltation.jax.chain import Chain, check_capacity
from saltation.jax.output import Output
from saltation.jax.part import Slot
from saltation.jax.precision import require_float64
from saltation.jax.spikes import Spikes, as_spikes
from saltation.model import Input, MaxVoltage, Network, VoltageIntegral
from saltation.model.checks import suggest


def lif(
    spikes: Spikes | model.Spikes,
    weight: Any,
    *,
    duration: Any,
    capacity: int | None = None,
    delay: Any = 0.0,
    recurrent: Any = None,
    recurrent_delay: Any = 0.0,
    backend: Exact | None = None,
    **parameters: Any,
) -> Spikes:
    r"""A layer of `saltation.LIF` neurons: spikes to spikes.

    ::

        tau_mem dV/dt = v_leak - V + I,    tau_syn dI/dt = -I
        I_n := I_n + weight[m, n]    at t + delay[m, n], for a spike of input m at t
        V := v_reset                 at V = v_th, a spike

    Parameters
    ----------
    spikes : Spikes
        Events that come in, of `saltation.jax` or `saltation`.
    weight : Array, [n_in, n_out]
        Weights.
    duration : float
        Length of the window in seconds.
    capacity : int
        Room for the layer's spikes in a sample; may be left out where ``max_spikes`` is given.
    delay : array_like, (), [n_in] or [n_in, n_out]
        Delays in seconds.
    recurrent : Array, [n_out, n_out], optional
        Weights among the neurons; None for none.
    recurrent_delay : array_like, (), [n_out] or [n_out, n_out]
        Delays of these in seconds.
    backend : Exact, optional
        As of `build`.
    **parameters
        Parameters of the neurons, such as ``tau_mem=20e-3``; see `saltation.LIF`.

    Returns
    -------
    Spikes
        Of the layer.

    Raises
    ------
    ParameterError
        If an argument is not allowed.
    SimulationError
        If samples fail, outside of ``jit``; inside, they are NaN.

    References
    ----------
    Wunderlich and Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> from saltation.jax import Spikes, lif
    >>> stimulus = Spikes.from_latencies([[1e-3, 2e-3]])
    >>> weight = jnp.array([[9.0, 0.1, 5.0]] * 2)
    >>> lif(stimulus, weight, duration=40e-3, capacity=12, tau_mem=10e-3).counts()
    Array([[7, 0, 3]], dtype=int32)
    >>> first = lambda weight: lif(stimulus, weight, duration=40e-3, capacity=20).first()[0, 0]
    >>> bool((jax.grad(first)(weight)[:, 0] < 0.0).all())  # a stronger synapse fires earlier
    True
    """
    among = (recurrent, recurrent_delay)
    out = _run("lif", model.LIF, spikes, weight, duration, capacity, delay, among, None, backend, parameters)
    return out.spikes["out"]


def alif(
    spikes: Spikes | model.Spikes,
    weight: Any,
    *,
    duration: Any,
    capacity: int | None = None,
    delay: Any = 0.0,
    recurrent: Any = None,
    recurrent_delay: Any = 0.0,
    backend: Exact | None = None,
    **parameters: Any,
) -> Spikes:
    r"""A layer of `saltation.ALIF` neurons, whose threshold adapts: spikes to spikes.

    ::

        tau_mem dV/dt = v_leak - V + I,    tau_syn dI/dt = -I,    tau_adapt da/dt = -a
        V := v_reset, a := a + beta    at V = v_th + a, a spike

    Parameters
    ----------
    spikes, weight, duration, capacity, delay, recurrent, recurrent_delay, backend
        As of `lif`.
    **parameters
        Parameters of the neurons, such as ``tau_adapt=100e-3, beta=0.2``; see `saltation.ALIF`.

    Raises
    ------
    ParameterError
        If an argument is not allowed.
    SimulationError
        As of `lif`.

    References
    ----------
    Bellec et al., Nature Communications 11, 3625 (2020), doi:10.1038/s41467-020-17236-y.

    Examples
    --------
    >>> from saltation.jax import Spikes, alif
    >>> alif(Spikes.from_latencies([[1e-3]]), [[9.0, 0.5]], duration=40e-3, capacity=8, beta=5.0).counts()
    Array([[1, 0]], dtype=int32)
    """
    among = (recurrent, recurrent_delay)
    out = _run("alif", model.ALIF, spikes, weight, duration, capacity, delay, among, None, backend, parameters)
    return out.spikes["out"]


def li(
    spikes: Spikes | model.Spikes,
    weight: Any,
    *,
    duration: Any,
    readout: Probe | None = None,
    delay: Any = 0.0,
    backend: Exact | None = None,
    **parameters: Any,
) -> jax.Array:
    r"""A layer of `saltation.LI` neurons, a readout: spikes to voltages.

    ::

        tau_mem dV/dt = v_leak - V + I,    tau_syn dI/dt = -I
        y = max of V,  or V at given times,  or the integral of V

    Parameters
    ----------
    spikes, weight, duration, delay, backend
        As of `lif`.
    readout : MaxVoltage, Voltage or VoltageIntegral, optional
        What to return of the voltage; ``MaxVoltage()`` by default.
    **parameters
        Parameters of the neurons, such as ``tau_mem=20e-3``; see `saltation.LI`.

    Returns
    -------
    Array, [batch, n_out] or [batch, time, n_out]
        What was read out.

    Raises
    ------
    ParameterError
        If an argument is not allowed.
    SimulationError
        As of `lif`.

    References
    ----------
    Wunderlich and Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> from saltation import Voltage
    >>> from saltation.jax import Spikes, li
    >>> stimulus = Spikes.from_latencies([[1e-3, 2e-3]])
    >>> li(stimulus, [[1.0, 0.5, 0.0]] * 2, duration=40e-3, readout=Voltage([10e-3, 20e-3])).shape
    (1, 2, 3)
    """
    probe = MaxVoltage() if readout is None else readout
    if not isinstance(probe, MaxVoltage | model.Voltage | VoltageIntegral):
        raise ParameterError(f"li.readout must be MaxVoltage(), Voltage(times) or VoltageIntegral(); got {readout!r}")
    out = _run("li", model.LI, spikes, weight, duration, None, delay, (None, 0.0), probe, backend, parameters)
    return out.voltages["out"]


# ------------------------------------------------------------------------------------------------ private
def _run(
    owner: str,
    kind: type[Any],
    spikes: Spikes | model.Spikes,
    weight: Any,
    duration: Any,
    capacity: int | None,
    delay: Any,
    recurrence: tuple[Any, Any],
    probe: Probe | None,
    backend: Exact | None,
    parameters: Mapping[str, Any],
) -> Output:
    require_float64(owner)
    w = jnp.asarray(weight)
    if w.ndim != 2 or not w.size:
        raise ParameterError(f"{owner}.weight must be of shape [n_in, n_out]; got {w.shape}")
    n_in, n_out = w.shape
    events = checked_spikes(f"{owner}.spikes", as_spikes(spikes, n_in), n_in)
    moved: dict[Slot, Any] = {("weight", ("in", "out")): w}
    net = Network()
    net.add("in", Input(n_in))
    net.add("out", _neurons(owner, kind, n_out, parameters, moved))
    net.connect("in", "out", weight=np.zeros(w.shape), delay=_still("delay", ("in", "out"), delay, moved))
    recurrent, recurrent_delay = recurrence
    if recurrent is not None:
        among = jnp.asarray(recurrent)
        if among.shape != (n_out, n_out):
            raise ParameterError(f"{owner}.recurrent must be of shape {(n_out, n_out)}; got {among.shape}")
        moved["weight", ("out", "out")] = among
        held = _still("delay", ("out", "out"), recurrent_delay, moved)
        net.connect("out", "out", weight=np.zeros(among.shape), delay=held)
    rooms = check_capacity(owner, net, {} if capacity is None else {"out": capacity})
    shapes = {slot: jnp.shape(value) for slot, value in moved.items()}
    recorded = () if probe is None else (("out", (probe,), True),)
    chosen = check_backend(backend)
    if not isinstance(chosen, Exact):
        raise ParameterError(
            f"{owner}.backend must be Exact(); got {chosen!r}; saltation.jax.build(network, backend=...) runs networks "
            "on a grid"
        )
    chain = Chain(net, shapes, recorded, rooms, chosen)
    return chain.run(moved, {"in": events}, chain.window(duration))


def _still(kind: str, target: Any, value: Any, moved: dict[Slot, Any]) -> Any:
    """A number of the network; zeros in its place if it is an array of JAX, whose values come with the call."""
    if not isinstance(value, jax.Array):
        return value
    moved[kind, target] = value
    return np.zeros(value.shape)


def _neurons(owner: str, kind: type[Any], size: int, parameters: Mapping[str, Any], moved: dict[Slot, Any]) -> Any:
    """The population, with its own default or any allowed value where an array of JAX is given."""
    known = [name for name in kind.__slots__ if name != "size"]
    held: dict[str, Any] = {}
    for name, value in parameters.items():
        if name not in known:
            raise ParameterError(
                f"{owner}.{name} must be an argument of the layer or a parameter of its neurons; {suggest(name, known)}"
            )
        if not isinstance(value, jax.Array):
            held[name] = value
            continue
        if value.shape not in ((), (size,)):
            raise ParameterError(f"{owner}.{name} must be a scalar or of shape ({size},); got {value.shape}")
        moved[name, "out"] = value
        held[name] = np.full(value.shape, 1e-2 if name in TIME_CONSTANTS else _PLACEHOLDERS.get(name, 0.0))
    return kind(size, **held)


# Values that go together whatever the others are: a threshold above all that lies below it.
_PLACEHOLDERS = {"v_th": 1e300, "v_reset": -1e300, "v_leak": -1e299, "v_init": -1e300}
