"""The grid backend by itself: convergence to the exact one, runs in pieces, threads, EventProp, refusals."""

import itertools

import numpy as np
import pytest

import saltation as sal
from reference import networks
from saltation.errors import GradientError, NetworkError, ParameterError, SimulationError, UnknownNameError

DURATION = 0.03
BATCH = 3
LOOP = {"recurrent": True, "delay": "pre", "refractory": True}
MODELS = ("lif", "lif_two", "alif", "lif_twice", "leaky")


def stimulus(seed=5, batch=BATCH):
    return {"in": networks.stimulus(3, batch, np.random.default_rng(seed), duration=DURATION)}


STEPS = (4e-5, 2e-5, 1e-5, 5e-6)


def trains(run, name="a"):
    """Spike times of each neuron in each sample."""
    size = run.plan.populations[name].size
    return {(b, n): t[u == n] for b, (t, u) in enumerate(run.spikes[name].to_lists()) for n in range(size)}


def in_whole_steps(net):
    """Delays and refractory times on the coarsest grid: what they are moved by is the same for all spikes."""
    delays = {key: np.rint(p.delay / STEPS[0]) * STEPS[0] for key, p in net.projections.items()}
    return net.replace(delay=delays, t_refrac={"a": np.rint(net.populations["a"].t_refrac / STEPS[0]) * STEPS[0]})


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "options", [{}, {"recurrent": True, "delay": "pre", "refractory": True}], ids=["forward", "loop"]
)
def test_spike_times_and_voltages_converge_with_the_first_order(model, options):
    net, given = in_whole_steps(networks.random_network(3, model, **options)), stimulus(batch=64)
    record = {"out": (sal.MaxVoltage(), sal.VoltageIntegral())}
    exact = sal.simulate(net, given, DURATION, record=record)
    runs = [sal.simulate(net, given, DURATION, record=record, backend=sal.Grid(dt)) for dt in STEPS]
    # a spike that barely happens may be missing on a grid: neurons with as many spikes in all runs are compared, and
    # the voltages of samples all of whose neurons are
    expected, found = trains(exact), [trains(run) for run in runs]
    matched = [at for at, times in expected.items() if all(each[at].size == times.size for each in found)]
    n_spikes, n_matched = exact.spikes["a"].n_events, sum(expected[at].size for at in matched)
    assert n_matched > 0.85 * n_spikes > 250
    whole = [b for b in range(64) if all((b, n) in matched for n in range(4))]
    assert len(whole) > 40
    errors = {
        "times": [np.mean(np.concatenate([np.abs(each[at] - expected[at]) for at in matched])) for each in found],
        "maximum": [np.abs(run.voltage["out"][0] - exact.voltage["out"][0])[whole].mean() for run in runs],
        "integral": [np.abs(run.voltage["out"][1] - exact.voltage["out"][1])[whole].mean() for run in runs],
    }
    for name, means in errors.items():
        order = np.polyfit(np.log(STEPS), np.log(means), 1)[0]
        assert 0.8 < order < 1.2, (name, order)
    assert errors["times"][0] < 5 * STEPS[0]


@pytest.mark.parametrize("model", MODELS)
def test_a_run_in_pieces_is_the_run(model):
    net = networks.random_network(3, model, recurrent=True, delay="pre", refractory=True)
    given, backend = stimulus()["in"], sal.Grid(5e-4)
    record = {"a": sal.SpikeTrain(), "out": sal.Voltage([0.0, 5e-3, 10e-3])}
    whole = sal.simulate(net, {"in": given}, DURATION, record=record, backend=backend)
    state, counts, last = None, [], []
    for piece in range(3):
        inside = [(t - 0.01 * piece, u) for t, u in given.to_lists()]
        # an event at a boundary belongs to the piece before
        chosen = [(t > 2.5e-4 if piece else t > -1.0) & (t <= 10.25e-3) for t, _ in inside]
        part = [(np.clip(t[c], 0, 10e-3), u[c]) for (t, u), c in zip(inside, chosen, strict=True)]
        run = sal.simulate(
            net, {"in": sal.Spikes.from_lists(part, n_units=3)}, 10e-3, state=state, record=record, backend=backend
        )
        state = run.state
        counts.append(run.voltage["a"][:, 1:] if piece else run.voltage["a"])
        last.append(run.voltage["out"][:, -1])
    np.testing.assert_array_equal(np.concatenate(counts, axis=1), whole.voltage["a"])
    assert whole.spikes["a"].n_events > 5
    np.testing.assert_allclose(last[0], whole.voltage["out"][:, 2], rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(state.voltage("out"), last[-1], rtol=1e-10, atol=1e-13)


def driven():
    rng = np.random.default_rng(2)
    net = sal.Network()
    net.add("in", sal.Input(3))
    net.add("too", sal.Input(2))
    net.add("hid", sal.LIF(4, tau_mem=10e-3, tau_syn=5e-3))
    net.add("out", sal.LI(2))
    net.connect("in", "hid", weight=rng.normal(1.0, 1.0, (3, 4)), delay=[0.0, 3e-3, 7e-3])
    net.connect("too", "hid", weight=rng.normal(1.0, 1.0, (2, 4)), delay=2e-3)
    net.connect("in", "out", weight=rng.normal(size=(3, 2)), delay=1e-3)
    net.connect("hid", "out", weight=rng.normal(size=(4, 2)), delay=1e-3)
    return net, {"in": rng.normal(size=(2, 21, 3)), "too": rng.normal(size=(2, 21, 2))}


@pytest.mark.parametrize("cuts", [(0, 10, 20), (0, 2, 4, 5, 20), tuple(range(21))])
def test_values_on_their_way_arrive_in_the_next_piece(cuts):
    net, values = driven()
    points = {"out": lambda n: sal.Voltage(1e-3 * np.arange(n + 1)), "hid": lambda _: sal.SpikeTrain()}
    backend = sal.Grid(1e-3)
    whole = sal.simulate(net, values, 20e-3, backend=backend, record={k: v(20) for k, v in points.items()})
    state, found, spikes = None, [], 0
    for first, last in itertools.pairwise(cuts):
        part = {name: value[:, first : last + (last == 20)] for name, value in values.items()}
        record = {k: v(last - first) for k, v in points.items()}
        run = sal.simulate(net, part, (last - first) * 1e-3, backend=backend, record=record, state=state)
        state, spikes = run.state, spikes + run.spikes["hid"].n_events
        found.append(run.voltage["out"][:, first > 0 :])
    assert np.allclose(np.concatenate(found, axis=1), whole.voltage["out"], rtol=0.0, atol=1e-12)
    assert spikes == whole.spikes["hid"].n_events > 5


def test_the_gradient_of_a_piece_takes_values_on_their_way():
    net, values = driven()
    first = sal.simulate(net, {k: v[:, :5] for k, v in values.items()}, 5e-3, backend=sal.Grid(1e-3))
    assert {name: kept.shape[1] for name, kept in first.state.values.items()} == {"in": 7, "too": 2}
    rest = {"in": values["in"][:, 5:9], "too": sal.Spikes.empty(2, 2)}
    bar = np.random.default_rng(3).normal(size=(2, 2))

    def second(weight):
        changed = net.replace(weight={("in", "out"): weight})
        return sal.simulate(
            changed, rest, 4e-3, backend=sal.Grid(1e-3), record={"out": sal.Voltage([4e-3])}, state=first.state
        )

    weight = net.projections["in", "out"].weight
    run = second(weight)
    gradient = run.gradient(voltage={"out": bar[:, None]})
    for at in np.ndindex(weight.shape):
        moved = weight.copy()
        moved[at] += 1.0
        # the voltage is linear in its weights
        wanted = float((bar * (second(moved).voltage["out"][:, 0] - run.voltage["out"][:, 0])).sum())
        assert np.isclose(gradient.weight["in", "out"][at], wanted, rtol=1e-9)
    each = run.gradient(voltage={"out": bar[:, None]}, per_sample=True)
    assert np.allclose(each.weight["in", "out"].sum(axis=0), gradient.weight["in", "out"])


def test_values_on_their_way_are_of_one_grid():
    net, values = driven()
    state = sal.simulate(net, values, 20e-3, backend=sal.Grid(1e-3)).state
    assert "values on their way of ['in', 'too']" in repr(state)
    rest = {"in": sal.Spikes.empty(2, 3), "too": sal.Spikes.empty(2, 2)}
    with pytest.raises(ParameterError, match=r"go on with the same Grid.dt; got 0.0005 s"):
        sal.simulate(net, rest, 5e-3, backend=sal.Grid(0.5e-3), state=state)
    for backend in (sal.Exact(), sal.Grid(1e-3, gradient="eventprop")):
        with pytest.raises(ParameterError, match=r"values of in, too on their way, which only a grid delivers"):
            sal.simulate(net, rest, 5e-3, backend=backend, state=state)
    other = sal.Network()
    other.add("too", sal.Input(2))
    for name in ("hid", "out"):
        other.add(name, net.populations[name])
        other.connect("too", name, weight=np.ones((2, net.populations[name].size)))
    with pytest.raises(NetworkError, match="values of 'in', which is no Input of 3 units"):
        sal.simulate(other, {"too": rest["too"]}, 5e-3, backend=sal.Grid(1e-3), state=state)


def test_threads_change_nothing_and_samples_know_nothing_of_one_another():
    net, given = networks.random_network(3, "lif", n=40, recurrent=True), stimulus(batch=64)
    record = {"out": sal.MaxVoltage(), "a": sal.SpikeTrain()}
    runs = [sal.simulate(net, given, DURATION, backend=sal.Grid(1e-4, threads=t), record=record) for t in (1, 3)]
    bars = {"out": np.random.default_rng(0).normal(size=(64, 2)), "a": np.ones(runs[0].voltage["a"].shape)}
    one, three = (run.gradient(voltage=bars) for run in runs)
    np.testing.assert_array_equal(runs[0].voltage["out"], runs[1].voltage["out"])
    for key, value in one.weight.items():
        np.testing.assert_array_equal(value, three.weight[key])
    each = runs[0].gradient(voltage=bars, per_sample=True)
    for kind in ("weight", "tau_mem", "v_th"):
        for key, value in getattr(one, kind).items():
            np.testing.assert_allclose(getattr(each, kind)[key].sum(axis=0), value, rtol=1e-10, atol=1e-12)
    alone = sal.simulate(net, {"in": given["in"][7:8]}, DURATION, backend=sal.Grid(1e-4), record=record)
    np.testing.assert_array_equal(alone.voltage["out"][0], runs[0].voltage["out"][7])


def test_eventprop_at_the_spikes_of_the_grid_is_that_of_the_exact_model_there():
    net, given, rng = (
        networks.random_network(3, "lif", recurrent=True, delay="scalar"),
        stimulus(),
        np.random.default_rng(1),
    )
    record = {"out": sal.MaxVoltage()}
    run = sal.simulate(net, given, DURATION, record=record, backend=sal.Grid(1e-4, gradient="eventprop"))
    grid = sal.simulate(net, given, DURATION, backend=sal.Grid(1e-4))
    np.testing.assert_array_equal(run.spikes["a"].times, grid.spikes["a"].times)
    seen = sal.simulate(net, given, DURATION, record=record, observed={"a": grid.spikes["a"]})
    bars = {"a": rng.normal(size=run.spikes["a"].n_events)}, {"out": rng.normal(size=(BATCH, 2))}
    one, other = run.gradient(*bars), seen.gradient(*bars)
    np.testing.assert_array_equal(one.weight["in", "a"], other.weight["in", "a"])
    np.testing.assert_array_equal(one.delay["a", "a"], other.delay["a", "a"])
    # what is observed elsewhere takes the place of what the grid would find
    observed = sal.simulate(
        net, given, DURATION, backend=sal.Grid(1e-4, gradient="eventprop"), observed={"a": sal.Spikes.empty(BATCH, 4)}
    )
    assert observed.spikes["a"].n_events == 0


def test_more_spikes_than_there_was_room_for():
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("out", sal.LIF(2))
    net.connect("in", "out", weight=[[2000.0, 1000.0]])
    given = {"in": sal.Spikes.from_lists([([0.0], [0]), ([5e-3], [0])])}
    run = sal.simulate(net, given, 20e-3, backend=sal.Grid(1e-5))
    assert run.spikes["out"].n_events > 1000
    for b in range(2):
        alone = sal.simulate(net, {"in": given["in"][b : b + 1]}, 20e-3, backend=sal.Grid(1e-5))
        np.testing.assert_array_equal(run.spikes["out"].sample(b), alone.spikes["out"].sample(0))


def test_a_window_of_parts_of_steps_ends_with_the_window():
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("out", sal.LIF(1))
    net.connect("in", "out", weight=[[2000.0]])
    # it arrives at 9 ms, and the spike is at the last grid point, 10 ms, which is the end of the window
    run = sal.simulate(net, {"in": sal.Spikes.from_lists([([8.8e-3], [0])])}, 9.8e-3, backend=sal.Grid(1e-3))
    assert run.spikes["out"].n_events > 0
    assert run.spikes["out"].times.max() == run.duration
    with pytest.raises(GradientError, match="whole steps"):
        _ = run.state


def test_what_overflows_fails():
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("out", sal.LI(1))
    net.connect("in", "out", weight=[[1e308]])
    given = {"in": sal.Spikes.from_lists([([0.0, 1e-3, 2e-3], [0, 0, 0]), ([], [])])}
    with pytest.raises(SimulationError, match="NOT_FINITE"):
        sal.simulate(net, given, 10e-3, backend=sal.Grid(1e-3))
    run = sal.simulate(net, given, 10e-3, backend=sal.Grid(1e-3), throw=False, record={"out": sal.MaxVoltage()})
    np.testing.assert_array_equal(run.status, [int(sal.Status.NOT_FINITE), 0])
    with pytest.raises(GradientError, match="samples 0 failed"):
        run.gradient(voltage={"out": np.ones((2, 1))})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dt": 0.0}, "dt"),
        ({"dt": -1e-3}, "dt"),
        ({"dt": 1e-3, "surrogate": "superspike"}, "SuperSpike"),
        ({"dt": 1e-3, "gradient": "exact"}, "'surrogate' or 'eventprop'"),
        ({"dt": 1e-3, "detach_reset": "no"}, r"detach_reset must be True or False; got 'no'"),
        ({"dt": 1e-3, "detach_reset": 1}, "detach_reset"),
        ({"dt": 1e-3, "detach_reset": None}, "detach_reset"),
        ({"dt": 1e-3, "checkpoint": 0}, "checkpoint"),
        ({"dt": 1e-3, "threads": 1.5}, "threads"),
        ({"dt": 1e-3, "threads": True}, "threads"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ParameterError, match=message):
        sal.Grid(**arguments)


def test_a_numpy_bool_is_a_bool():
    assert sal.Grid(1e-3, detach_reset=np.bool_(True)).detach_reset


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("dt", "needed"), [(1e-30, r"3e\+28"), (1e-12, r"3e\+10"), (5e-324, "inf")])
@pytest.mark.parametrize("gradient", ["surrogate", "eventprop"])
def test_too_many_steps(dt, needed, gradient):
    net = networks.random_network(3, "lif")
    with pytest.raises(ParameterError, match=rf"at most 2147483647 steps; got {needed} steps.*larger dt"):
        sal.simulate(net, stimulus(), DURATION, backend=sal.Grid(dt, gradient=gradient))


@pytest.mark.filterwarnings("error")
def test_times_of_too_many_steps():
    net = networks.random_network(3, "lif")
    net = net.replace(t_refrac={"a": 1e3})  # for ever, as far as the window goes
    silence = {"in": sal.Spikes.empty(1, 3)}
    assert sal.simulate(net, silence, 1e-9, backend=sal.Grid(1e-10)).spikes["a"].n_events == 0
    with pytest.raises(ParameterError, match=r"at most 2\*\*53 steps; got 1e\+23 steps.*larger dt"):
        sal.simulate(net, silence, 1e-17, backend=sal.Grid(1e-20))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["c16", "c8", "U8", "O", "M8[s]"])
def test_values_that_are_not_real_numbers(dtype):
    net = networks.random_network(3, "lif")
    values = np.ones((1, 3, 3)).astype("i8").astype(dtype)
    with pytest.raises(ParameterError, match=r"stimulus\['in'\] must be Spikes, or numbers.*real; got the dtype"):
        sal.simulate(net, {"in": values}, 2e-3, backend=sal.Grid(1e-3))


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i4", "u1", "?"])
def test_values_of_any_real_dtype(dtype):
    net, values = networks.random_network(3, "lif"), np.ones((1, 3, 3))
    runs = [
        sal.simulate(net, {"in": each}, 2e-3, backend=sal.Grid(1e-3), record={"out": sal.MaxVoltage()})
        for each in (values, values.astype(dtype))
    ]
    np.testing.assert_array_equal(runs[0].voltage["out"], runs[1].voltage["out"])


@pytest.mark.filterwarnings("error")
def test_complex_cotangents():
    net = networks.random_network(3, "lif")
    run = sal.simulate(net, stimulus(), DURATION, backend=sal.Grid(1e-3), record={"out": sal.MaxVoltage()})
    with pytest.raises(ParameterError, match=r"must be numbers of shape .*all of them real; got the dtype complex128"):
        run.gradient(voltage={"out": np.full((BATCH, 2), 1j)})


@pytest.mark.parametrize("surrogate", [sal.SuperSpike, sal.Sigmoid, sal.Triangle, sal.ATan, sal.Boxcar, sal.Gaussian])
def test_bad_surrogates(surrogate):
    with pytest.raises(ParameterError, match=surrogate.__name__):
        surrogate(0.0)


def test_what_a_grid_does_not_have():
    net, given = networks.random_network(3, "lif", delay="pre"), stimulus()
    run = sal.simulate(net, given, DURATION, backend=sal.Grid(1e-3), record={"out": sal.MaxVoltage()})
    with pytest.raises(GradientError, match="eventprop"):
        run.gradient(spike_times={"a": np.ones(run.spikes["a"].n_events)})
    with pytest.raises(GradientError, match="Exact"):
        run.jvp(weight={})
    gradient = run.gradient(voltage={"out": np.ones((BATCH, 2))})
    for kind, key in (("delay", ("in", "a")), ("t_refrac", "a"), ("input_times", "in")):
        with pytest.raises(UnknownNameError, match="not defined on a grid"):
            getattr(gradient, kind)[key]
    seen = {"a": sal.VoltageSamples([0.0], np.zeros((BATCH, 1, 4)))}
    with pytest.raises(ParameterError, match="voltages alone"):
        sal.simulate(net, given, DURATION, backend=sal.Grid(1e-3), observed=seen)
    with pytest.raises(ParameterError, match="at least one step"):
        sal.simulate(net, {"in": sal.Spikes.empty(1, 3)}, 1e-3, backend=sal.Grid(1e-2))
    with pytest.raises(ParameterError, match="grid points"):
        sal.simulate(net, {"in": np.zeros((1, 7, 3))}, DURATION, backend=sal.Grid(1e-3))
    with pytest.raises(ParameterError, match="numbers"):
        sal.simulate(net, {"in": np.zeros((1, 30, 4))}, DURATION, backend=sal.Grid(1e-3))
    with pytest.raises(ParameterError, match="finite"):
        sal.simulate(net, {"in": np.full((1, 30, 3), np.nan)}, DURATION, backend=sal.Grid(1e-3))
    with pytest.raises(ParameterError, match="event by event"):
        sal.simulate(net, {"in": np.zeros((1, 30, 3))}, DURATION)
    with pytest.raises(ParameterError, match="SpikeTrain"):
        sal.simulate(net, given, DURATION, record={"a": sal.SpikeTrain()})
    with pytest.raises(ParameterError, match="does not"):
        sal.simulate(net, given, DURATION, backend=sal.Grid(1e-3), record={"out": sal.SpikeTrain()})
    with pytest.raises(ParameterError, match="Spikes with Grid"):
        sal.simulate(net, {"in": np.zeros((1, 30, 3))}, DURATION, backend=sal.Grid(1e-3, gradient="eventprop"))
    synaptic = networks.random_network(3, "lif", delay="synapse")
    with pytest.raises(ParameterError, match="delay for each weight"):
        sal.simulate(synaptic, {"in": np.zeros((1, 30, 3))}, DURATION, backend=sal.Grid(1e-3))
