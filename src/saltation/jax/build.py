"""`build`: a network as a pair of pure functions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from saltation import model
from saltation.engine import Backend, Exact, Grid, simulate
from saltation.engine.arguments import check_duration
from saltation.engine.backends import check_backend
from saltation.engine.observation import Record
from saltation.engine.training import parameter_name, probes_of, trained_kinds
from saltation.errors import ParameterError
from saltation.jax.chain import Chain, check_capacity
from saltation.jax.gate import refuse_in_loop
from saltation.jax.grid import GridChain, check_values
from saltation.jax.in_loop import LoopChain
from saltation.jax.output import Output
from saltation.jax.part import Slot
from saltation.jax.precision import require_float64
from saltation.jax.spikes import Spikes, as_spikes
from saltation.model import Input, Network
from saltation.model.checks import number, suggest

Params = dict[str, jax.Array]
Init = Callable[..., Params]
Apply = Callable[..., Output]


def build(
    network: Network,
    *,
    capacity: int | Mapping[str, int] | None = None,
    record: Record | None = None,
    trainable: Sequence[str] = ("weight",),
    duration: float | None = None,
    backend: Backend | None = None,
) -> tuple[Init, Apply]:
    """Make a network into two pure functions, trained by exact gradients.

    ::

        spikes, voltages = apply(params, stimulus, duration)
        dL/d(params, input times) = EventProp(dL/dt of spikes, dL/dv of voltages)

    ``init(key=None)`` gives the parameters: a dict of the trained arrays, called as those of `saltation.torch.SNN`
    after their kind and whose they are (``weight_in_hid``, ``tau_mem_hid``), with the network's values; with a ``key``
    of ``jax.random`` the weights are permuted within each projection, which draws new ones of the same distribution.
    ``apply(params, stimulus, duration=None)`` runs the network in ``[0, duration]`` and gives an `Output`.  Both may be
    used under ``jit``, ``grad``, ``value_and_grad`` and ``vmap``.

    Parameters
    ----------
    network : Network
        Structure and initial values.
    capacity : int or dict of str to int
        Room for the spikes that a population emits in a sample, since shapes are static under ``jit``; an int is for
        each population.  `capacities` suggests it; a population with ``max_spikes`` needs none.
    record : dict of str to probe or tuple of probes, optional
        Voltages to record, as in `saltation.simulate`; by default ``MaxVoltage()`` of every `saltation.LI` population.
    trainable : sequence of str
        Kinds of parameters that are trained: "weight", "delay", "tau_mem", "tau_syn", "tau_syn_exc", "tau_syn_inh",
        "tau_adapt", "beta", "v_th", "v_leak", "v_reset", "t_refrac", "v_init".
    duration : float, optional
        Length of the window in seconds, where ``apply`` is not told.
    backend : Exact, Grid or saltation.bss2.Backend, optional
        How to run it.  Of `saltation.Exact`, ``max_events``, and the threads where kernels run through Python.  With
        `saltation.Grid` it is differentiated through its steps, in the dtype of the parameters; populations need no
        capacity, the duration has to be a number, inputs may be values ``[batch, step, unit]``, and spikes are what
        ``SpikeTrain()`` records.  On an emulated chip, and with ``Grid(dt, gradient="eventprop")``, the network runs
        once for each call of ``apply``, in the order of the program, and the gradient is that of this very run; under
        ``vmap`` it runs once for each element, one after another.

    Returns
    -------
    init, apply : callable
        As above.

    A sample whose run fails, for one because a population has more spikes than there is room for, raises a
    `SimulationError` that says what is needed; under ``jit`` its status is set, and all its observations and all
    gradients are NaN.

    Raises
    ------
    ParameterError
        If an argument is not allowed, or JAX is set to float32.

    References
    ----------
    Wunderlich and Pehle, Event-based backpropagation can compute exact gradients for spiking neural networks,
    Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> import jax
    >>> import saltation as sal
    >>> net = sal.Network()
    >>> _ = net.add("in", sal.Input(2)); _ = net.add("hid", sal.LIF(3)); _ = net.add("out", sal.LI(2))
    >>> _ = net.connect("in", "hid", weight=sal.normal((2, 3), 6.0, 1.0, seed=1))
    >>> _ = net.connect("hid", "out", weight=sal.normal((3, 2), 0.0, 1.0, seed=2))
    >>> init, apply = sal.jax.build(net, capacity={"hid": 20}, trainable=("weight", "tau_mem"))
    >>> stimulus = {"in": sal.jax.Spikes.from_latencies([[1e-3, 2e-3]])}
    >>> gradient = jax.jit(jax.grad(lambda p: apply(p, stimulus, 60e-3).voltage("out").sum()))(init())
    >>> sorted(gradient)
    ['tau_mem_hid', 'tau_mem_out', 'weight_hid_out', 'weight_in_hid']
    """
    chosen = check_backend(backend)
    if not (isinstance(chosen, Grid) and chosen.surrogate_gradients):
        require_float64("build")
    if not isinstance(network, Network):
        raise ParameterError(f"build.network must be a saltation.Network; got {type(network).__name__}")
    kinds = trained_kinds(network, trainable, chosen)
    recorded = probes_of(network, record)
    names = _parameter_names(network, kinds)
    given = {slot: _value(network, slot) for slot in names.values()}
    shapes = {slot: value.shape for slot, value in given.items()}
    chain = make_chain(network, shapes, recorded, capacity, chosen)
    if duration is not None:
        check_duration(duration)

    def init(key: Any = None) -> Params:
        params = {name: jnp.asarray(given[slot]) for name, slot in names.items()}
        if key is None:
            return params
        kept = {name: value for name, value in params.items() if names[name][0] == "weight"}
        keys = jax.random.split(key, max(len(kept), 1))
        drawn = {name: jax.random.permutation(k, kept[name].ravel()) for k, name in zip(keys, kept, strict=False)}
        return params | {name: value.reshape(params[name].shape) for name, value in drawn.items()}

    default = duration

    def apply(params: Params, stimulus: Mapping[str, Any], duration: Any = None) -> Output:
        length = default if duration is None else duration
        if length is None:
            raise ParameterError("apply.duration must be given, here or to build; got None; it is in seconds")
        moved = _checked_params(params, names, shapes)
        events = _checked_stimulus(chain, stimulus)
        if isinstance(chain, GridChain):
            if isinstance(length, Tracer):
                raise ParameterError(
                    "apply.duration must be a number, and not traced, on a grid: it sets the number of steps; give it "
                    "to build, or make it a static argument of jit"
                )
            return chain.run(moved, events, check_duration(length))
        return chain.run(moved, events, chain.window(length))

    return init, apply


def make_chain(
    network: Network, shapes: Mapping[Slot, tuple[int, ...]], recorded: Any, capacity: Any, backend: Backend
) -> Chain | GridChain | LoopChain:
    """Make what runs a network with a backend.

    Raises
    ------
    ParameterError
        If a capacity is missing.
    MissingDependencyError
        If the version of JAX cannot run this backend.
    """
    if isinstance(backend, Grid) and backend.surrogate_gradients:
        return GridChain(network.replace(), recorded, backend)
    rooms = check_capacity("build", network, capacity)
    if isinstance(backend, Exact):
        return Chain(network.replace(), shapes, recorded, rooms, backend)
    refuse_in_loop(jax.__version__)
    return LoopChain(network.replace(), shapes, recorded, rooms, backend)


def capacities(
    network: Network,
    stimulus: Mapping[str, Any],
    duration: float,
    *,
    margin: float = 2.0,
    backend: Backend | None = None,
) -> dict[str, int]:
    """Suggest capacities: run the network once, and leave room for more spikes than its fullest sample has.

    ::

        capacity = margin * (largest number of spikes in a sample) + number of neurons / 4,  rounded up

    Parameters
    ----------
    network : Network
        As for `build`.
    stimulus : dict of str to Spikes
        A typical one: `saltation.Spikes` or `saltation.jax.Spikes` of each input.
    duration : float
        Length of the window in seconds.
    margin : float
        How many times the spikes of now there should be room for, >= 1: training changes their number.
    backend : Exact or another, optional
        How to run it; a chip counts it among its runs.

    Returns
    -------
    dict of str to int
        By population that spikes; never more than its ``max_spikes`` allow.

    Raises
    ------
    ParameterError
        If an argument is not allowed.

    Examples
    --------
    >>> import saltation as sal
    >>> net = sal.Network()
    >>> _ = net.add("in", sal.Input(1)); _ = net.add("hid", sal.LIF(4))
    >>> _ = net.connect("in", "hid", weight=[[9.0, 9.0, 9.0, 0.1]])
    >>> sal.jax.capacities(net, {"in": sal.Spikes.from_lists([([0.0], [0])])}, 20e-3)
    {'hid': 7}
    """
    number("capacities", "margin", margin, minimum=1.0)
    if not isinstance(stimulus, Mapping):
        raise ParameterError(
            f"capacities.stimulus must be a dict of input population to Spikes; got {type(stimulus).__name__}"
        )
    events = {name: value.to_numpy() if isinstance(value, Spikes) else value for name, value in stimulus.items()}
    run = simulate(network, events, duration, backend=backend)
    found: dict[str, int] = {}
    for name, population in network.populations.items():
        if not population.spiking or isinstance(population, Input):
            continue
        most = int(run.spikes[name].per_sample().max(initial=0))
        room = int(np.ceil(margin * most + population.size / 4))
        limit = getattr(population, "max_spikes", None)
        found[name] = room if limit is None else min(room, int(np.broadcast_to(limit, population.size).sum()))
    return found


# ------------------------------------------------------------------------------------------------ private
def _parameter_names(network: Network, kinds: frozenset[str]) -> dict[str, Slot]:
    """Slots of the trained parameters by their names, in the order of `saltation.torch.SNN`."""
    slots: list[Slot] = []
    for key in network.projections:
        slots += [(kind, key) for kind in ("weight", "delay") if kind in kinds]
    for name, population in network.populations.items():
        slots += [(kind, name) for kind in population.parameters() if kind in kinds]
    names: dict[str, Slot] = {}
    for slot in slots:
        name = parameter_name(*slot)
        if name in names:
            raise ParameterError(
                f"network: the {slot[0]} of {names[name][1]!r} and of {slot[1]!r} would both be the parameter "
                f"{name!r}; rename a population, or give a projection a name"
            )
        names[name] = slot
    return names


def _value(network: Network, slot: Slot) -> Any:
    kind, target = slot
    if kind in ("weight", "delay"):
        return getattr(network.projections[target], kind)
    return getattr(network.populations[str(target)], kind)


def _checked_params(params: Any, names: Mapping[str, Slot], shapes: Mapping[Slot, tuple[int, ...]]) -> dict[Slot, Any]:
    if not isinstance(params, Mapping) or set(params) != set(names):
        got = f"{sorted(map(str, params))}" if isinstance(params, Mapping) else type(params).__name__
        raise ParameterError(f"apply.params must be what init() gives, a dict of {sorted(names)}; got {got}")
    moved: dict[Slot, Any] = {}
    for name, slot in names.items():
        value = jnp.asarray(params[name])
        if value.shape != shapes[slot]:
            raise ParameterError(f"apply.params[{name!r}] must be of shape {shapes[slot]}; got {value.shape}")
        if value.dtype not in (jnp.float32, jnp.float64):
            raise ParameterError(
                f"apply.params[{name!r}] must be of float64 or float32; got {value.dtype}; what init() gives is, and "
                "params.astype(float) makes it so"
            )
        moved[slot] = value
    return moved


def _checked_stimulus(chain: Chain | GridChain | LoopChain, stimulus: Any) -> dict[str, Any]:
    known = list(chain.inputs)
    if not isinstance(stimulus, Mapping):
        raise ParameterError(
            f"apply.stimulus must be a dict of input population to Spikes; got {type(stimulus).__name__}; the "
            f"populations are {', '.join(map(repr, known)) or 'none'}"
        )
    for name in stimulus:
        if name not in chain.inputs:
            raise ParameterError(
                f"apply.stimulus: a name must be that of an Input population; got {name!r}; {suggest(name, known)}"
            )
    given: dict[str, Any] = {}
    for name, size in chain.inputs.items():
        if name not in stimulus:
            raise ParameterError(
                f"apply.stimulus must have events for every Input population; got none for {name!r}; for silence "
                "pass saltation.Spikes.empty(batch, n_units)"
            )
        where, value = f"apply.stimulus[{name!r}]", stimulus[name]
        if isinstance(chain, GridChain) and not isinstance(value, Spikes):
            given[name] = check_values(where, value, size)
        else:
            given[name] = checked_spikes(where, value, size)
    batches = {name: events.shape[0] if hasattr(events, "shape") else events.batch for name, events in given.items()}
    if len(set(batches.values())) > 1:
        raise ParameterError(f"apply.stimulus: all batches must be equal; got {batches}")
    if 0 in batches.values():
        raise ParameterError(
            "apply.stimulus must hold at least one sample; got a batch of 0; a sample without events is "
            "saltation.Spikes.empty(1, n_units)"
        )
    return given


def checked_spikes(where: str, value: Any, size: int) -> Spikes:
    """Spikes of either kind, of a population of this size."""
    if not isinstance(value, Spikes | model.Spikes):
        raise ParameterError(
            f"{where} must be saltation.jax.Spikes or saltation.Spikes; got {type(value).__name__}; dense "
            "arrays become events by saltation.Spikes.from_dense(array, dt)"
        )
    events = as_spikes(value, size)
    if events.n_units != size:
        raise ParameterError(f"{where}.n_units must be the population's size {size}; got {events.n_units}")
    if events.times.ndim != 2 or events.times.shape != events.units.shape:
        raise ParameterError(
            f"{where}: times and units must be [batch, capacity]; got {events.times.shape} and {events.units.shape}; a "
            "single sample has a batch of 1: times[None]"
        )
    return events
