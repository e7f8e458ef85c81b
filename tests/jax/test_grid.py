"""The grid backend under JAX against the kernels: the same spikes, voltages and gradients; and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import saltation as sal
from reference import networks
from saltation.errors import GradientError, ParameterError, SimulationError

DT = 5e-4
DURATION = 0.03
BATCH = 2
CASES = {
    "feed-forward": ("lif", {}),
    "recurrent, delays of axons, two receptors": ("lif_two", {"recurrent": True, "delay": "pre"}),
    "delays of synapses": ("lif_one", {"recurrent": True, "delay": "synapse", "refractory": True}),
    "a loop, held, adapting": ("alif", {"loop": True, "delay": "scalar", "refractory": True}),
    "each its own, few spikes": ("lif", {"recurrent": True, "per_neuron": True, "max_spikes": 1}),
}
RECORD = {
    "a": (sal.Voltage([0.004, 0.011, 0.02]), sal.VoltageIntegral(), sal.SpikeTrain()),
    "out": (sal.MaxVoltage(), sal.VoltageIntegral()),
}


def trainable(net):
    kinds = {"weight"}
    for population in net.populations.values():
        kinds |= set(population.parameters())
    return tuple(sorted(kinds - {"t_refrac"}))


def as_jax(events):
    return sal.jax.as_spikes(events) if isinstance(events, sal.Spikes) else jnp.asarray(events)


def both(net, stimulus, backend, seed=0):
    """Observations and gradients of random cotangents, by the kernels and by JAX."""
    rng = np.random.default_rng(seed)
    run = sal.simulate(net, stimulus, DURATION, backend=backend, record=RECORD)
    _, bars = networks.cotangents(run, rng)
    expected = run.gradient(voltage=bars)
    kinds = trainable(net)
    init, apply = sal.jax.build(net, record=RECORD, trainable=kinds, duration=DURATION, backend=backend)

    def loss(params, stimulus):
        out = apply(params, stimulus)
        terms = jax.tree.map(lambda v, bar: (v * bar).sum(), out.voltages, bars)
        return sum(jax.tree.leaves(terms)), out

    given = {name: as_jax(events) for name, events in stimulus.items()}
    (_, out), found = jax.jit(jax.value_and_grad(loss, has_aux=True))(init(), given)
    return run, expected, out, found


def compare(run, expected, out, found, net):
    for name, values in run.voltage.items():
        for a, b in zip(values, out.voltage(name), strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-12)
    for kind in trainable(net):
        for target, value in getattr(expected, kind).items():
            name = sal.engine.training.parameter_name(kind, target)
            scale = np.abs(value).max(initial=1e-6)
            np.testing.assert_allclose(found[name], value, rtol=1e-7, atol=1e-9 * scale, err_msg=name)


@pytest.mark.parametrize("case", CASES)
def test_the_same_numbers_as_the_kernels(case):
    model, options = CASES[case]
    net = networks.random_network(3, model, **options)
    stimulus = {"in": networks.stimulus(3, BATCH, np.random.default_rng(5), duration=DURATION)}
    results = both(net, stimulus, sal.Grid(DT))
    assert results[0].spikes["a"].n_events > 3
    compare(*results, net)


@pytest.mark.parametrize("checkpoint", [7, 61])
def test_checkpoints_detached_resets_and_another_surrogate(checkpoint):
    net = networks.random_network(4, "alif", recurrent=True)
    stimulus = {"in": networks.stimulus(3, BATCH, np.random.default_rng(6), duration=DURATION)}
    backend = sal.Grid(DT, surrogate=sal.Sigmoid(3.0), detach_reset=True, checkpoint=checkpoint)
    compare(*both(net, stimulus, backend), net)


def test_listed_synapses_and_values():
    rng = np.random.default_rng(8)
    net = sal.Network()
    net.add("in", sal.Input(6))
    net.add("a", sal.LIF(4, tau_mem=10e-3, tau_syn=5e-3))
    net.add("out", sal.LI(2, tau_mem=10e-3, tau_syn=5e-3))
    sparse = sal.Sparse(rng.integers(0, 6, 14), rng.integers(0, 4, 14), (6, 4))
    net.connect("in", "a", weight=rng.normal(2, 1.5, 14), delay=rng.uniform(0, 3e-3, 6), connectivity=sparse)
    chain = sal.Conv1d((1, 4), 1, 3)
    net.connect("a", "out", weight=rng.normal(0, 1, chain.weight_shape), connectivity=chain)
    values = rng.uniform(0.0, 0.3, (BATCH, round(DURATION / DT), 6))
    run, expected, out, found = both(net, {"in": values}, sal.Grid(DT))
    assert run.spikes["a"].n_events > 3
    compare(run, expected, out, found, net)


def test_few_units_that_drive_many_are_multiplied_step_by_step():
    rng = np.random.default_rng(9)
    net = sal.Network()
    net.add("in", sal.Input(2))
    net.add("more", sal.Input(9))
    net.add("a", sal.LIF(12, tau_mem=10e-3, tau_syn_exc=5e-3, tau_syn_inh=7e-3))
    net.add("out", sal.LI(1, tau_mem=10e-3, tau_syn=5e-3))
    net.connect("in", "a", weight=rng.normal(3, 2, (2, 12)), delay=rng.uniform(0, 3e-3, (2, 12)))
    net.connect("more", "a", weight=rng.normal(1, 1, (9, 12)), delay=1e-3)
    net.connect("a", "a", weight=rng.normal(0, 0.5, (12, 12)), delay=2e-3)
    net.connect("a", "out", weight=rng.normal(0, 1, (12, 1)))
    stimulus = {
        "in": networks.stimulus(2, BATCH, rng, duration=DURATION),
        "more": networks.stimulus(9, BATCH, rng, duration=DURATION),
    }
    run, expected, out, found = both(net, stimulus, sal.Grid(DT))
    assert run.spikes["a"].n_events > 10
    compare(run, expected, out, found, net)


def test_float32_follows_the_parameters():
    net = networks.random_network(3, "lif")
    stimulus = {"in": networks.stimulus(3, BATCH, np.random.default_rng(5), duration=DURATION)}
    init, apply = sal.jax.build(net, backend=sal.Grid(DT), duration=DURATION)
    small = {name: jnp.asarray(value, jnp.float32) for name, value in init().items()}
    out = jax.jit(apply)(small, {"in": as_jax(stimulus["in"])})
    assert out.voltage("out").dtype == jnp.float32
    np.testing.assert_allclose(out.voltage("out"), apply(init(), stimulus).voltage("out"), rtol=1e-4, atol=1e-5)


def test_vmap_over_parameters():
    net = networks.random_network(3, "lif")
    stimulus = {"in": networks.stimulus(3, BATCH, np.random.default_rng(5), duration=DURATION)}
    init, apply = sal.jax.build(net, backend=sal.Grid(DT), duration=DURATION)
    several = jax.tree.map(lambda value: jnp.stack([value, 0.9 * value]), init())
    out = jax.vmap(lambda params: apply(params, stimulus).voltage("out"))(several)
    np.testing.assert_allclose(out[0], apply(init(), stimulus).voltage("out"))


def test_a_derivative_by_times_is_refused():
    net = networks.random_network(3, "lif")
    init, apply = sal.jax.build(net, backend=sal.Grid(DT), duration=DURATION)

    def loss(times):
        return apply(init(), {"in": sal.jax.Spikes.from_latencies(times)}).voltage("out").sum()

    times = jnp.array([[1e-3, 2e-3, 3e-3]])
    assert np.isfinite(loss(times))
    with pytest.raises(GradientError, match="whole steps"):
        jax.grad(loss)(times)


def test_what_is_refused():
    net = networks.random_network(3, "lif", delay="pre")
    stimulus = {"in": networks.stimulus(3, BATCH, np.random.default_rng(5), duration=DURATION)}
    with pytest.raises(ParameterError, match="whole steps"):
        sal.jax.build(net, trainable=("weight", "delay"), backend=sal.Grid(DT))
    with pytest.raises(ParameterError, match="capacity must give the room"):
        sal.jax.build(net, backend=sal.Grid(DT, gradient="eventprop"))
    with pytest.raises(ParameterError, match="SpikeTrain"):
        init, apply = sal.jax.build(net, capacity=10, record={"a": sal.SpikeTrain()})
        apply(init(), stimulus, DURATION)
    with pytest.raises(ParameterError, match="on a grid"):
        sal.jax.lif(stimulus["in"], np.ones((3, 2)), duration=DURATION, capacity=9, backend=sal.Grid(DT))
    init, apply = sal.jax.build(net, backend=sal.Grid(DT))
    with pytest.raises(ParameterError, match="not traced"):
        jax.jit(apply)(init(), {"in": as_jax(stimulus["in"])}, DURATION)
    with pytest.raises(ParameterError, match="grid points"):
        apply(init(), {"in": np.zeros((2, 5, 3))}, DURATION)
    with pytest.raises(ParameterError, match="values"):
        apply(init(), {"in": np.zeros((2, 60))}, DURATION)


def test_what_overflows_has_a_status():
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("out", sal.LI(1))
    net.connect("in", "out", weight=[[1e308]])
    init, apply = sal.jax.build(net, backend=sal.Grid(DT), duration=DURATION)
    given = {"in": sal.jax.as_spikes(sal.Spikes.from_lists([([0.0, 1e-3, 2e-3], [0, 0, 0]), ([], [])], n_units=1))}
    with pytest.raises(SimulationError, match="NOT_FINITE"):
        apply(init(), given)
    out = jax.jit(apply)(init(), given)
    np.testing.assert_array_equal(np.isnan(out.voltage("out")), [[True], [False]])
    np.testing.assert_array_equal(out.status, [int(sal.Status.NOT_FINITE), 0])


@pytest.mark.parametrize(
    ("time", "unit"), [(1.1 * DURATION, 1), (DURATION + 0.3 * DT, 1), (-1e-3, 1), (np.nan, 1), (2e-3, 3), (2e-3, -1)]
)
def test_events_that_cannot_be_laid_on_the_grid_are_not_dropped(time, unit):
    net = networks.random_network(3, "lif")
    init, apply = sal.jax.build(net, backend=sal.Grid(DT), duration=DURATION)
    times, units = jnp.array([[1e-3, time], [1e-3, 2e-3]]), jnp.array([[0, unit], [0, 1]], jnp.int32)
    given = {"in": sal.jax.Spikes(times, units, jnp.array([2, 2], jnp.int32), 3)}
    with pytest.raises(SimulationError, match="STIMULUS"):
        apply(init(), given)
    out = jax.jit(apply)(init(), given)
    gradient = jax.jit(jax.grad(lambda params: apply(params, given).voltage("out").sum()))(init())
    np.testing.assert_array_equal(out.status, [int(sal.jax.Status.STIMULUS), 0])
    np.testing.assert_array_equal(np.isnan(out.voltage("out")).all(axis=1), [True, False])
    assert all(np.isnan(value).all() for value in gradient.values())


def test_parameters_and_probes_out_of_range():
    net = networks.random_network(3, "lif")
    given = {"in": as_jax(networks.stimulus(3, BATCH, np.random.default_rng(5), duration=DURATION))}
    init, apply = sal.jax.build(net, backend=sal.Grid(DT), duration=DURATION, trainable=("tau_mem",))
    moved = init() | {"tau_mem_a": jnp.asarray(-1e-2)}
    assert (jax.jit(apply)(moved, given).status == int(sal.jax.Status.PARAMETER)).all()
    with pytest.raises(ParameterError, match="time constants"):
        apply(moved, given)
    with pytest.raises(ParameterError, match="window"):
        apply(init(), {"in": sal.Spikes.from_lists([([DURATION + 0.3 * DT], [0])] * BATCH, n_units=3)})
    late = {"out": sal.Voltage([2 * DURATION])}
    init, apply = sal.jax.build(net, backend=sal.Grid(DT), duration=DURATION, record=late)
    with pytest.raises(ParameterError, match="window"):
        apply(init(), given)


@pytest.mark.parametrize(("kind", "value"), [("v_reset", 1.5), ("v_init", 1.0), ("v_th", -1.0)])
def test_neurons_that_would_start_above_their_threshold(kind, value):
    net = networks.random_network(3, "lif")
    given = {"in": as_jax(networks.stimulus(3, BATCH, np.random.default_rng(5), duration=DURATION))}
    init, apply = sal.jax.build(net, backend=sal.Grid(DT), duration=DURATION, trainable=(kind,))
    moved = init() | {f"{kind}_a": jnp.full_like(init()[f"{kind}_a"], value)}
    assert (jax.jit(apply)(moved, given).status == int(sal.jax.Status.PARAMETER)).all()
    with pytest.raises(ParameterError, match="v_reset and the initial voltage < v_th"):
        apply(moved, given)
    # a place with a time of inf is empty, whatever its unit
    empty = sal.jax.Spikes(given["in"].times.at[0].set(jnp.inf), given["in"].units, given["in"].count, 3)
    assert (jax.jit(apply)(init(), {"in": empty}).status == 0).all()
