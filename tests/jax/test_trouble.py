"""What goes wrong is an error outside of ``jit``, and NaN with a status inside."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import saltation as sal
from reference.smooth import loss
from saltation.errors import ParameterError, SimulationError
from saltation.jax import Spikes, Status, build, capacities, li, lif

DURATION = 6.0


def function(network, stimulus, **options):
    init, apply = build(network, duration=DURATION, **options)
    padded = stimulus if isinstance(stimulus, Spikes) else Spikes.from_numpy(stimulus)
    return init(), lambda params: apply(params, {"in": padded})


def all_nan(tree):
    return all(bool(jnp.isnan(leaf).all()) for leaf in jax.tree.leaves(tree))


def test_too_many_spikes(network, stimulus, way):
    params, apply = function(network, stimulus, capacity=2)
    needed = int(sal.simulate(network, {"in": stimulus}, DURATION).spikes["hid"].per_sample().max())
    assert needed == 3
    with pytest.raises(SimulationError, match=r"at least \{'hid': 3\}; got \{'hid': 2\}") as caught:
        apply(params)
    assert caught.value.samples == (0,)
    with pytest.raises(SimulationError, match="at least"):
        jax.grad(lambda p: loss(apply(p)))(params)
    out = jax.jit(apply)(params)
    assert out.status.tolist() == [Status.CAPACITY, Status.OK]
    assert out.spikes["hid"].count.tolist() == [3, 2]
    assert all_nan((out.spikes["hid"].times[0], out.first_spike("hid")[0], out.voltage("out")[0]))
    assert not jnp.isnan(out.first_spike("hid")[1]).any() and not jnp.isnan(out.voltage("out")[1]).any()
    assert out.spikes["hid"].failed().tolist() == [True, False]
    value, gradients = jax.jit(jax.value_and_grad(lambda p: loss(apply(p))))(params)
    assert jnp.isnan(value) and all_nan(gradients["weight_in_hid"])
    with pytest.raises(ParameterError, match="needed 3"):
        out.spikes["hid"].to_numpy()


def test_a_loss_that_looks_away_still_has_no_gradient(network, stimulus, way):
    params, apply = function(network, stimulus, capacity=2)
    # only of the sample that is well, and only of voltages
    gradients = jax.jit(jax.grad(lambda p: apply(p).voltage("out")[1].sum()))(params)
    assert all_nan(gradients)


def test_far_too_many_spikes_are_counted(way):
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("hid", sal.LIF(2, tau_mem=20e-3, tau_syn=10e-3))
    net.connect("in", "hid", weight=[[400.0, 300.0]])
    stim = sal.Spikes.from_lists([([0.0], [0])] * 2, n_units=1)
    needed = int(sal.simulate(net, {"in": stim}, 0.1).spikes["hid"].per_sample().max())
    assert needed > 100
    init, apply = build(net, capacity=1, duration=0.1)
    assert jax.jit(apply)(init(), {"in": Spikes.from_numpy(stim)}).spikes["hid"].count.tolist() == [needed] * 2


@pytest.mark.parametrize(
    ("times", "units"),
    [([-1.0], [0]), ([np.nan], [0]), ([DURATION + 1.0], [0]), ([1.0], [3]), ([1.0], [-1])],
)
def test_events_that_cannot_be(network, times, units, way):
    times, units = np.array([times, [0.5]]), np.array([units, [1]], np.int32)
    stim = Spikes(jnp.asarray(times), jnp.asarray(units), jnp.ones(2, jnp.int32), 3)
    params, apply = function(network, stim, capacity=9)
    with pytest.raises(SimulationError, match="STIMULUS"):
        apply(params)
    out = jax.jit(apply)(params)
    assert out.status.tolist() == [Status.STIMULUS, Status.OK]
    assert all_nan((out.spikes["hid"].times[0], out.voltage("out")[0]))
    assert all_nan(jax.jit(jax.grad(lambda p: loss(apply(p))))(params)["weight_hid_out"])


def test_a_window_that_ends_before_a_recorded_time(network, stimulus, way):
    events = {"in": Spikes.from_numpy(stimulus)}
    init, apply = build(network, capacity=9, record={"out": sal.Voltage([1.0, 5.0])})
    for function in (apply, jax.jit(apply, static_argnums=2)):
        with pytest.raises(ParameterError, match=r"in the window \[0, 4.0 s\]; got 5.0 s"):
            function(init(), events, 4.0)
    out = jax.jit(apply)(init(), events, 4.0)
    assert out.status.tolist() == [Status.PARAMETER] * 2 and all_nan(out.voltage("out"))
    assert jax.jit(apply)(init(), events, 5.0).status.tolist() == [Status.OK] * 2
    with pytest.raises(ParameterError, match="make the duration longer"):
        li(events["in"], np.ones((3, 1)), duration=4.0, readout=sal.Voltage([5.0]))


def test_what_is_not_real_or_no_dict(network, stimulus, way):
    params, apply = function(network, stimulus, capacity=9)
    with pytest.raises(ParameterError, match=r"weight_in_hid.* must be of float64 or float32; got complex128"):
        apply(params | {"weight_in_hid": params["weight_in_hid"] * 1j})
    with pytest.raises(ParameterError, match=r"weight_in_hid.* must be of float64 or float32; got int"):
        apply(jax.tree.map(lambda leaf: leaf.astype(int), params))
    with pytest.raises(ParameterError, match="must be a dict of input population to Spikes; got NoneType"):
        capacities(network, None, DURATION)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tau_mem_hid", -1.0),
        ("tau_syn_hid", 0.0),
        ("weight_in_hid", np.nan),
        ("delay_in_hid", -0.1),
        ("v_th_hid", -1.0),
    ],
)
def test_parameters_out_of_their_range(network, stimulus, name, value, way):
    kinds = ("weight", "delay", "tau_mem", "tau_syn", "v_th")
    params, apply = function(network, stimulus, capacity=9, trainable=kinds)
    params[name] = jnp.full_like(params[name], value)
    with pytest.raises(ParameterError, match=r"'hid' is out of its range"):
        apply(params)
    out = jax.jit(apply)(params)
    assert out.status.tolist() == [Status.PARAMETER] * 2 and all_nan(out.voltage("out"))
    assert all_nan(jax.jit(jax.grad(lambda p: loss(apply(p))))(params))


def test_a_traced_duration_out_of_its_range(network, stimulus, way):
    init, apply = build(network, capacity=9)
    out = jax.jit(apply)(init(), {"in": Spikes.from_numpy(sal.Spikes.empty(2, 3), capacity=1)}, -1.0)
    assert out.status.tolist() == [Status.PARAMETER] * 2


def test_an_event_limit(network, stimulus, way):
    params, apply = function(network, stimulus, capacity=9, backend=sal.Exact(max_events=2))
    with pytest.raises(SimulationError, match=r"EVENT_LIMIT.*max_events"):
        apply(params)
    assert jax.jit(apply)(params).status.tolist() == [Status.EVENT_LIMIT, Status.OK]


def test_under_vmap_one_failure_leaves_the_others_alone(network, stimulus, way):
    params, apply = function(network, stimulus, capacity=2)
    both = jax.tree.map(lambda value: jnp.stack([value, 0.01 * value]), params)
    gradients = jax.vmap(jax.grad(lambda p: loss(apply(p))))(both)
    assert all_nan(gradients["weight_in_hid"][0]) and not jnp.isnan(gradients["weight_in_hid"][1]).any()


# ---------------------------------------------------------------------------------------------- mistakes
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"capacity": 4, "trainable": ("wieght",)}, "trainable.*did you mean 'weight'"),
        ({"capacity": 4, "trainable": ("beta",)}, "trainable.*has no 'beta'"),
        ({"capacity": 4, "record": {"hidden": sal.MaxVoltage()}}, "record.*did you mean 'hid'"),
        ({}, r"build\.capacity must give the room.*'hid'.*capacities\("),
        ({"capacity": {"hidden": 3}}, "build.capacity.*'hidden'"),
        ({"capacity": 0}, "build.capacity"),
        ({"capacity": 2.5}, "build.capacity"),
        ({"capacity": 4, "duration": -1.0}, "duration"),
        ({"capacity": 4, "backend": 3}, "backend"),
    ],
)
def test_bad_arguments_of_build_are_named(network, arguments, message):
    with pytest.raises(ParameterError, match=message):
        build(network, **arguments)


def test_bad_arguments_of_a_call_are_named(network, stimulus):
    init, apply = build(network, capacity=4)
    params, padded = init(), Spikes.from_numpy(stimulus)
    wide = Spikes(padded.times, padded.units, padded.count, 4)
    flat = Spikes(padded.times[0], padded.units[0], padded.count[0], 3)
    for given, message in [
        (padded, "stimulus must be a dict"),
        ({}, "stimulus must have events.*'in'"),
        ({"in": padded, "hid": padded}, "stimulus.*'hid'"),
        ({"in": np.zeros((2, 3))}, r"stimulus\['in'\] must be saltation"),
        ({"in": wide}, r"stimulus\['in'\]\.n_units"),
        ({"in": flat}, r"stimulus\['in'\].*\[batch, capacity\].*times\[None\]"),
    ]:
        with pytest.raises(ParameterError, match=message):
            apply(params, given, DURATION)
    with pytest.raises(ParameterError, match="at least one sample"):
        apply(params, {"in": sal.Spikes.empty(0, 3)}, DURATION)
    for wrong, message in [
        ({}, "params must be what init"),
        (3, "params must be what init"),
        (params | {"weight_in_hid": jnp.zeros((2, 2))}, r"params\['weight_in_hid'\] must be of shape"),
    ]:
        with pytest.raises(ParameterError, match=message):
            apply(wrong, {"in": padded}, DURATION)
    with pytest.raises(ParameterError, match="duration must be given"):
        apply(params, {"in": padded})
    with pytest.raises(ParameterError, match="duration"):
        apply(params, {"in": padded}, -1.0)
    with pytest.raises(ParameterError, match=r"build\.network"):
        build({"in": 3})
    with pytest.raises(ParameterError, match="margin"):
        capacities(network, {"in": stimulus}, DURATION, margin=0.5)


def test_bad_arguments_of_layers_are_named(stimulus):
    weight = jnp.ones((3, 2))
    for call, message in [
        (lambda: lif(stimulus, weight, duration=1.0), r"lif\.capacity must give the room"),
        (lambda: lif(stimulus, jnp.ones(3), duration=1.0, capacity=2), r"lif\.weight must be of shape"),
        (lambda: lif(stimulus, jnp.ones((4, 2)), duration=6.0, capacity=2), r"lif\.spikes\.n_units"),
        (lambda: lif(stimulus, weight, duration=1.0, capacity=2, tau_mum=1.0), r"lif\.tau_mum.*did you mean 'tau_mem'"),
        (lambda: lif(stimulus, weight, duration=1.0, capacity=2, recurrent=weight), r"lif\.recurrent"),
        (lambda: lif(stimulus, weight, duration=1.0, capacity=2, v_th=jnp.ones(3)), r"lif\.v_th must be a scalar or"),
        (lambda: li(stimulus, weight, duration=1.0, readout="max"), r"li\.readout"),
        (lambda: lif(3, weight, duration=1.0, capacity=2), "as_spikes"),
    ]:
        with pytest.raises(ParameterError, match=message):
            call()


def test_without_float64_the_message_says_how_to_get_it(network, stimulus):
    with jax.enable_x64(False):
        for call in (
            lambda: build(network, capacity=4),
            lambda: Spikes.from_numpy(stimulus),
            lambda: Spikes.from_latencies([[1.0]]),
            lambda: li(stimulus, jnp.ones((3, 2)), duration=1.0),
        ):
            with pytest.raises(ParameterError, match=r'jax\.config\.update\("jax_enable_x64", True\)'):
                call()
