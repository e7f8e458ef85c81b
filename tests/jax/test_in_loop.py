"""Networks on an emulated chip under JAX: each call one run, in the order of the program, and its own gradient."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import saltation as sal
from reference.smooth import flat, gradient, loss
from saltation.bss2 import Backend, Chip
from saltation.errors import GradientError, ParameterError, SimulationError
from saltation.jax import Spikes, Status, build, capacities
from saltation.jax.kept import USED, WAITING, KeptRuns

DURATION, BATCH, N_IN, HIDDEN = 40e-3, 3, 12, 16
RECORD = {"out": (sal.MaxVoltage(), sal.Voltage([10e-3, 20e-3])), "hid": sal.VoltageIntegral()}


def network():
    rng = np.random.default_rng(0)
    net = sal.Network()
    net.add("in", sal.Input(N_IN))
    net.add("hid", sal.LIF(HIDDEN, tau_mem=8e-3, tau_syn=6e-3, t_refrac=2e-3))
    net.add("out", sal.LI(3, tau_mem=8e-3, tau_syn=6e-3))
    net.connect("in", "hid", weight=rng.normal(0.5, 0.3, (N_IN, HIDDEN)).clip(-1.0, 1.0))
    net.connect("hid", "out", weight=rng.normal(0.0, 0.2, (HIDDEN, 3)).clip(-0.7, 0.7))
    return net


def stimulus(seed=1, batch=BATCH):
    return sal.Spikes.from_latencies(np.random.default_rng(seed).uniform(1e-3, 25e-3, (batch, N_IN)))


@pytest.fixture(scope="module")
def calibration():
    return Backend(Chip(1)).calibration(network())


@pytest.fixture
def chip(calibration):
    """A backend with a chip of its own, on which nothing has run."""
    return lambda **options: Backend(Chip(1), calibration, **options)


def close(a, b):
    scale = np.abs(b).max(initial=1e-9, where=np.isfinite(b))
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12 * scale)


def by_hand(backend, nets, events, record=RECORD):
    """Runs of the engine one after another."""
    return [
        sal.simulate(net, {"in": e}, DURATION, backend=backend, record=record)
        for net, e in zip(nets, events, strict=True)
    ]


def moved(net, factor):
    return net.replace(weight={key: factor * each.weight for key, each in net.projections.items()})


def params_of(init, factor):
    return {name: factor * value for name, value in init().items()}


def settle():
    """Wait for what JAX runs in the background."""
    jax.effects_barrier()


# --------------------------------------------------------------------------------------------- numbers
@pytest.mark.parametrize("how", ["eager", "jit"])
def test_spikes_voltages_and_gradients_are_those_of_the_engine(chip, how):
    net, events, backend = network(), stimulus(), chip(seed=5)
    first, second = by_hand(chip(seed=5), [net] * 2, [events] * 2)
    assert first.spikes["hid"] != second.spikes["hid"]
    init, apply = build(net, capacity=120, record=RECORD, duration=DURATION, backend=backend)
    padded = Spikes.from_numpy(events, capacity=N_IN + 2)

    def of(params, times):
        out = apply(params, {"in": Spikes(times, padded.units, padded.count, N_IN)})
        return loss(out), out

    both = jax.value_and_grad(of, argnums=(0, 1), has_aux=True)
    both = jax.jit(both) if how == "jit" else both
    there = np.isfinite(padded.times)
    for run in (first, second):
        (_, out), (by_params, by_times) = both(init(), padded.times)
        assert out.status.tolist() == [0] * BATCH
        assert out.spikes["hid"].to_numpy() == run.spikes["hid"] and out.spikes["in"].to_numpy() == events
        for a, b in zip(
            (*out.voltage("out"), out.voltage("hid")), (*run.voltage["out"], run.voltage["hid"]), strict=True
        ):
            np.testing.assert_array_equal(a, b)
        expected = gradient(run)
        for name, value in by_params.items():
            close(value, flat(expected)[name])
            assert np.abs(value).max() > 0.0
        close(np.asarray(by_times)[there], expected.input_times["in"])
        assert not np.asarray(by_times)[~there].any()
    settle()
    assert backend.chip.runs == 2


def test_surrogate_gradients_are_those_of_the_engine(chip):
    net, events = network(), stimulus()
    grid = sal.Grid(1e-3, surrogate=sal.SuperSpike(5.0))
    (run,) = by_hand(chip(adjoint=grid), [net], [events], {"out": sal.MaxVoltage()})
    backend = chip(adjoint=grid)
    init, apply = build(net, capacity=120, duration=DURATION, backend=backend, trainable=("weight", "tau_mem"))
    of = jax.jit(jax.grad(lambda p: jnp.square(apply(p, {"in": events}).voltage("out")).sum()))
    found, expected = of(init()), flat(run.gradient(voltage={"out": 2 * run.voltage["out"]}))
    assert set(found) == {"weight_in_hid", "weight_hid_out", "tau_mem_hid", "tau_mem_out"}
    for name, value in found.items():
        close(value, expected[name])
        assert np.abs(value).max() > 0.0
    settle()
    assert backend.chip.runs == 1


def test_events_need_not_be_in_order(chip):
    net, events = network(), stimulus()
    (run,) = by_hand(chip(), [net], [events])
    padded = Spikes.from_numpy(events)
    order = np.random.default_rng(3).permutation(N_IN)
    init, apply = build(net, capacity=120, record=RECORD, duration=DURATION, backend=chip())
    times, units = padded.times[:, order], padded.units[:, order]
    found = jax.grad(lambda t: loss(apply(init(), {"in": Spikes(t, units, padded.count, N_IN)})))(times)
    close(np.asarray(found)[:, np.argsort(order)].ravel(), gradient(run).input_times["in"])


# ------------------------------------------------------------------------------------------ once for each call
def test_each_call_is_one_run_however_it_is_transformed(chip):
    net, events, backend = network(), stimulus(), chip()
    init, apply = build(net, capacity=120, duration=DURATION, backend=backend)

    def of(params):
        return apply(params, {"in": events}).voltage("out").sum()

    def steps(params):
        move = lambda p, g: p - 1e-3 * g  # noqa: E731
        return jax.lax.scan(lambda p, _: (jax.tree.map(move, p, jax.grad(of)(p)), of(p)), params, None, 3)

    ways = {
        "a call": (of, 1),
        "jit": (jax.jit(of), 1),
        "grad": (jax.grad(of), 1),
        "jit of grad": (jax.jit(jax.grad(of)), 1),
        "grad of jit": (jax.grad(jax.jit(of)), 1),
        "value_and_grad": (jax.jit(jax.value_and_grad(of)), 1),
        "its result is not used": (jax.jit(lambda p: (of(p), 0.0)[1]), 1),
        "its gradient is not used": (jax.jit(lambda p: jax.value_and_grad(of)(p)[0]), 1),
        "twice the same": (jax.jit(lambda p: of(p) + of(p)), 2),
        "rows of a Jacobian": (jax.jit(jax.jacrev(lambda p: apply(p, {"in": events}).voltage("out")[0])), 1),
        "a loop of steps": (jax.jit(steps), 6),
        "of what is known already": (jax.jit(lambda p: of(init()) + p["weight_hid_out"].sum()), 1),
        "a branch not taken": (
            jax.jit(lambda p: jax.lax.cond(p["weight_hid_out"].sum() > 1e9, of, lambda _: 0.0, p)),
            0,
        ),
        "shapes alone": (lambda p: jax.eval_shape(of, p), 0),
    }
    for name, (function, runs) in ways.items():
        for _ in range(2):  # compiled, and from the cache
            before = backend.chip.runs
            jax.block_until_ready(function(init()))
            settle()
            assert backend.chip.runs - before == runs, name


def test_calls_in_a_program_come_in_its_order_and_gradients_belong_to_their_run(chip):
    net, one, other = network(), stimulus(1), stimulus(2)
    runs = by_hand(chip(), [net, moved(net, 0.9), net], [one, other, one])
    init, apply = build(net, capacity=120, record=RECORD, duration=DURATION, backend=chip())

    @jax.jit
    def all_of_them(params):
        of = lambda p, events: loss(apply(p, {"in": events}))  # noqa: E731
        value = jax.value_and_grad(of)
        # the second uses nothing of the first
        return value(params, one), value(jax.tree.map(lambda w: 0.9 * w, params), other), value(params, one)

    for (_, found), run in zip(all_of_them(init()), runs, strict=True):
        expected = gradient(run)
        for name, each in found.items():
            close(each, flat(expected)[name])


def test_rows_of_a_jacobian_are_of_one_run(chip):
    net, events = network(), stimulus()
    (run,) = by_hand(chip(), [net], [events], {"out": sal.MaxVoltage()})
    init, apply = build(net, capacity=120, duration=DURATION, backend=chip())
    found = jax.jacrev(lambda p: apply(p, {"in": events}).voltage("out")[1])(init())
    for row in range(3):
        bar = np.zeros((BATCH, 3))
        bar[1, row] = 1.0
        close(found["weight_in_hid"][row], run.gradient(voltage={"out": bar}).weight["in", "hid"])


@pytest.mark.parametrize("how", ["eager", "jit"])
def test_vmap_runs_one_after_another(chip, how):
    net, one, other = network(), stimulus(1), stimulus(2)
    padded = [Spikes.from_numpy(events) for events in (one, other)]
    times = jnp.stack([each.times for each in padded])
    units = jnp.stack([each.units for each in padded])
    factors = (1.0, 0.9, 0.8)

    def make():
        backend = chip()
        init, apply = build(net, capacity=120, record=RECORD, duration=DURATION, backend=backend)

        def of(params, times, units):
            return loss(apply(params, {"in": Spikes(times, units, padded[0].count, N_IN)}))

        several = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(params_of(init, f) for f in factors))
        return backend, init(), several, jax.value_and_grad(of)

    def check(found, nets, events):
        for i, run in enumerate(by_hand(chip(), nets, events)):
            for name, each in found.items():
                close(each.reshape(-1, *each.shape[-2:])[i], flat(gradient(run))[name])

    finish = jax.jit if how == "jit" else lambda function: function
    backend, params, _, both = make()
    _, found = finish(jax.vmap(both, (None, 0, 0)))(params, times, units)
    check(found, [net] * 2, [one, other])
    settle()
    assert backend.chip.runs == 2
    _, _, several, both = make()
    _, found = finish(jax.vmap(both, (0, None, None)))(several, times[1], units[1])
    check(found, [moved(net, f) for f in factors], [other] * 3)
    backend, _, several, both = make()
    inner = jax.vmap(both, (None, 0, 0))
    _, found = finish(jax.vmap(inner, (0, None, None)))(several, times, units)
    check(found, [moved(net, f) for f in factors for _ in range(2)], [one, other] * 3)
    settle()
    assert backend.chip.runs == 6


@pytest.mark.filterwarnings("ignore::saltation.errors.ChipWarning")  # a voltage at the end of the CADC still teaches
def test_a_training_lowers_the_loss(chip):
    optax = pytest.importorskip("optax")
    net, backend, rng = network(), chip(rows=2), np.random.default_rng(4)
    # three patterns, each four times with jitter
    times = np.tile(rng.uniform(1e-3, 25e-3, (3, N_IN)), (4, 1)) + rng.uniform(0.0, 2e-3, (12, N_IN))
    events, labels = sal.Spikes.from_latencies(times), jnp.asarray(np.arange(12) % 3)
    init, apply = build(net, capacity=150, duration=DURATION, backend=backend)

    def of(params):
        return sal.jax.max_over_time_cross_entropy(5.0 * apply(params, {"in": events}).voltage("out"), labels)

    adam = optax.adam(0.03)

    def step(state, _):
        params, memory = state
        value, found = jax.value_and_grad(of)(params)
        change, memory = adam.update(found, memory)
        return (optax.apply_updates(params, change), memory), value

    _, losses = jax.lax.scan(step, (init(), adam.init(init())), None, 20)
    settle()
    assert backend.chip.runs == 20 and np.mean(losses[-4:]) < 0.8 * np.mean(losses[:4])


# ------------------------------------------------------------------------------------- runs that are kept
def on_a_grid(**options):
    """A small network, quick to run, by the same way."""
    init, apply = build(
        network(), capacity=120, duration=DURATION, backend=sal.Grid(1e-3, gradient="eventprop"), **options
    )
    events = Spikes.from_numpy(stimulus())
    return init(), lambda params: apply(params, {"in": events}).voltage("out").sum()


def test_evaluations_are_not_kept():
    params, of = on_a_grid()
    _, back = jax.vjp(of, params)
    evaluate = jax.jit(of)
    for _ in range(WAITING + 1):
        evaluate(params)
        of(params)
    assert float(jnp.abs(back(1.0)[0]["weight_in_hid"]).max()) > 0.0


def test_a_run_that_is_forgotten_is_said_to_be():
    params, of = on_a_grid()
    backs = [jax.vjp(of, params)[1] for _ in range(WAITING + 1)]
    backs[1](1.0)
    with pytest.raises(GradientError, match=rf"call 1 of {WAITING + 1}: up to {WAITING} calls wait"):
        backs[0](1.0)
    for back in backs[2 : 2 + USED]:
        back(1.0)
        back(1.0)
    with pytest.raises(GradientError, match=rf"and {USED} are kept after it"):
        backs[1](1.0)


def test_kept_runs():
    kept = KeptRuns(waiting=2, used=1)
    calls = [kept.keep([f"{i}a", f"{i}b"]) for i in range(3)]
    assert len(kept) == 2 and kept.find(calls[1], 1) == "1b" and kept.find(calls[1], 0) == "1a"
    assert kept.find(calls[2], 0) == "2a" and len(kept) == 1
    for call in calls[:2]:
        with pytest.raises(GradientError, match="is not kept any more"):
            kept.find(call, 0)


# ------------------------------------------------------------------------------------------- what goes wrong
def all_nan(tree):
    return all(bool(jnp.isnan(leaf).all()) for leaf in jax.tree.leaves(tree))


def test_too_many_spikes(chip):
    net, events, backend = network(), Spikes.from_numpy(stimulus()), chip()
    (run,) = by_hand(chip(), [net], [stimulus()])
    needed = run.spikes["hid"].per_sample()
    room = int(np.sort(needed)[-2])
    assert room < needed.max()
    init, apply = build(net, capacity=room, duration=DURATION, backend=backend)
    with pytest.raises(
        SimulationError, match=rf"at least \{{'hid': {needed.max()}\}}; got \{{'hid': {room}\}}"
    ) as caught:
        apply(init(), {"in": events})
    assert caught.value.samples == (int(needed.argmax()),)
    backend.chip.skip_to(0)
    out = jax.jit(apply)(init(), {"in": events})
    assert out.status.tolist() == [Status.CAPACITY if n > room else Status.OK for n in needed]
    assert out.spikes["hid"].count.tolist() == needed.tolist()
    assert all_nan((out.spikes["hid"].times[needed.argmax()], out.voltage("out")[needed.argmax()]))
    fine = int(needed.argmin())
    assert np.isfinite(out.voltage("out")[fine]).all()
    # of the samples that are well alone
    assert all_nan(jax.jit(jax.grad(lambda p: apply(p, {"in": events}).voltage("out")[fine].sum()))(init()))


def test_values_and_events_that_cannot_be(chip):
    net, backend = network(), chip()
    init, apply = build(net, capacity=120, duration=DURATION, backend=backend)
    given = {"in": Spikes.from_numpy(stimulus())}
    wrong = init() | {"weight_in_hid": jnp.full((N_IN, HIDDEN), jnp.nan)}
    with pytest.raises(ParameterError, match="out of its range"):
        apply(wrong, given)
    out = jax.jit(apply)(wrong, given)
    assert out.status.tolist() == [Status.PARAMETER] * BATCH and all_nan(out.voltage("out"))
    assert jax.jit(apply)(init(), given, -1.0).status.tolist() == [Status.PARAMETER] * BATCH
    assert backend.chip.runs == 0
    padded = Spikes.from_numpy(stimulus())
    for bad in (-1e-3, np.nan, 2 * DURATION):
        late = {"in": Spikes(padded.times.at[1, 0].set(bad), padded.units, padded.count, N_IN)}
        with pytest.raises(SimulationError, match="STIMULUS") as caught:
            apply(init(), late)
        assert caught.value.samples == (1,)
        out = jax.jit(apply)(init(), late)
        assert out.status.tolist() == [0, Status.STIMULUS, 0] and np.isfinite(out.voltage("out")[0]).all()
    assert all_nan(jax.grad(lambda p: jax.jit(apply)(p, late).voltage("out")[0].sum())(init()))


def test_what_has_no_gradient(chip):
    net, events = network(), Spikes.from_numpy(stimulus())
    init, apply = build(net, capacity=120, backend=chip())

    def of(params):
        return jnp.square(apply(params, {"in": events}, DURATION).voltage("out")).sum()

    with pytest.raises(GradientError, match="no derivative"):
        jax.jacfwd(jax.grad(of))(init())
    with pytest.raises(GradientError, match="no derivative"):
        jax.jit(jax.grad(lambda p: jax.grad(of)(p)["weight_in_hid"].sum()))(init())
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(of, (init(),), (init(),))
    with pytest.raises(NotImplementedError, match="checkpoint"):
        jax.grad(jax.checkpoint(of))(init())
    with pytest.raises(GradientError, match="duration"):
        jax.grad(lambda t: apply(init(), {"in": events}, t).voltage("out").sum())(DURATION)
    init, apply = build(net, capacity=120, duration=DURATION, backend=chip(adjoint=sal.Grid(1e-3)))
    with pytest.raises(GradientError, match="whole steps"):
        jax.grad(lambda p: apply(p, {"in": events}).spikes["hid"].times[0, 0])(init())
    with pytest.raises(GradientError, match=r"times of events.*adjoint=Exact\(\)"):
        jax.grad(lambda t: apply(init(), {"in": Spikes(t, events.units, events.count, N_IN)}).voltage("out").sum())(
            events.times
        )


def test_what_a_chip_does_not_take(chip):
    net, events = network(), {"in": Spikes.from_numpy(stimulus())}
    with pytest.raises(ParameterError, match=r"build\.capacity must give the room"):
        build(net, backend=chip())
    init, apply = build(net, capacity=120, duration=DURATION, backend=chip(), record={"hid": sal.SpikeTrain()})
    with pytest.raises(ParameterError, match=r"SpikeTrain\(\) is on a grid"):
        jax.jit(apply)(init(), events)
    init, apply = build(net, capacity=120, duration=DURATION, backend=chip())
    with pytest.raises(ParameterError, match=r"stimulus\['in'\] must be saltation"):
        apply(init(), {"in": np.zeros((BATCH, 41, N_IN))})
    with jax.enable_x64(False), pytest.raises(ParameterError, match="jax_enable_x64"):
        build(net, capacity=120, backend=chip(adjoint=sal.Grid(1e-3)))


def late(tree):
    """The same, while it is still being computed: what depends on it runs in the background."""
    x = jnp.ones((1500, 1500))
    return jax.tree.map(jax.jit(lambda w: w + 0.0 * (x @ x).sum()), tree)


@pytest.mark.parametrize("background", [False, True])
def test_an_error_of_the_chip_is_told_and_the_next_call_runs(chip, caplog, background):
    net, backend, events = network(), chip(), {"in": Spikes.from_numpy(stimulus())}
    init, apply = build(
        net.replace(delay={("in", "hid"): 1e-3}), capacity=120, duration=DURATION, backend=backend, record=RECORD
    )
    with pytest.raises(sal.errors.SaltationError, match="delay") as caught:
        apply(init(), events)
    params = late(init()) if background else init()
    both = jax.jit(jax.value_and_grad(lambda p: (lambda out: (loss(out), out))(apply(p, events)), has_aux=True))
    (value, out), found = both(params)
    assert jnp.isnan(value) and all_nan((found, out.voltages, out.spikes["hid"].times))
    assert out.status.tolist() == [Status.BACKEND] * BATCH and out.spikes["hid"].units.max() == -1
    assert str(caught.value) in caplog.text
    init, apply = build(net, capacity=120, duration=DURATION, backend=backend)
    assert jax.jit(apply)(init(), events).status.tolist() == [0] * BATCH


def test_a_gradient_that_fails_in_a_program_is_told(chip, caplog):
    events = {"in": Spikes.from_numpy(stimulus())}
    init, apply = build(network(), capacity=120, duration=DURATION, backend=chip(adjoint=sal.Grid(1e-3)))
    of = jax.jit(jax.grad(lambda p: apply(p, events).spikes["hid"].times[0, 0]))
    assert all_nan(of(late(init()))) and "whole steps" in caplog.text
    assert np.isfinite(jax.jit(apply)(init(), events).voltage("out")).all()


def test_versions_of_jax_that_would_lose_runs_are_refused(monkeypatch):
    monkeypatch.setattr(jax, "__version__", "0.8.1")
    build(network(), capacity=120)
    with pytest.raises(sal.errors.MissingDependencyError, match=r"with jax 0\.8\.1.*install 0\.8\.2"):
        build(network(), capacity=120, backend=sal.Grid(1e-3, gradient="eventprop"))


def test_suggested_capacities_count_as_a_run(chip):
    backend = chip()
    room = capacities(network(), {"in": stimulus()}, DURATION, backend=backend)
    assert set(room) == {"hid"} and backend.chip.runs == 1
    (run,) = by_hand(chip(), [network()], [stimulus()])
    assert room["hid"] >= run.spikes["hid"].per_sample().max()


ON_ONE_PROCESSOR = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import jax, numpy as np, saltation as sal
jax.config.update("jax_enable_x64", True)
net = sal.Network()
net.add("in", sal.Input(784)); net.add("out", sal.LI(40))
net.connect("in", "out", weight=np.ones((784, 40)))
events = np.random.default_rng(0).uniform(0.0, 30e-3, (60, 784))
events = sal.jax.Spikes.from_latencies(events)
init, apply = sal.jax.build(net, duration=40e-3, backend=sal.Grid(1e-3, gradient="eventprop"))
step = jax.jit(jax.value_and_grad(lambda p: apply(p, {"in": events}).voltage("out").sum()))
late = jax.jit(lambda w, x: w + 0.0 * (x @ x).sum())
x = jax.numpy.ones((1500, 1500))
for _ in range(3):
    # what is still being computed when the call comes makes it wait in the background
    params = jax.tree.map(lambda w: late(w, x), init())
    value, found = jax.block_until_ready(step(params))
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs an operating system that pins processes")
def test_one_processor_is_enough():
    # JAX would wait for itself where a callback has large arguments
    done = subprocess.run([sys.executable, "-c", ON_ONE_PROCESSOR], capture_output=True, text=True, timeout=100)
    assert done.stdout == "done\n", done.stderr


def test_places_without_a_spike_have_no_say(chip):
    """A usual loss has a derivative of NaN where there is no spike: 0 times that of infinity."""
    init, apply = build(network(), capacity=40, duration=DURATION, backend=chip())
    given = Spikes.from_numpy(stimulus())

    def by_where(params):
        times = apply(params, {"in": given}).spikes["hid"].times
        return jnp.where(jnp.isfinite(times), times * jnp.exp(-times / 1e-2), 0.0).sum()

    params = init()
    found = jax.grad(by_where)(params)
    record = {"out": sal.MaxVoltage()}  # what build records too
    out = sal.simulate(network(), {"in": stimulus()}, DURATION, backend=chip(), record=record)
    times = out.spikes["hid"].times
    expected = out.gradient({"hid": np.exp(-times / 1e-2) * (1.0 - times / 1e-2)}).weight["in", "hid"]
    close(np.asarray(found["weight_in_hid"]), expected)
    assert np.abs(expected).max() > 0.0
