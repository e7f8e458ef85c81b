"""Networks on the chip: near the model where the chip is ideal, differentiated at what it observed."""

import dataclasses
import warnings

import numpy as np
import pytest

import saltation as sal
from saltation.bss2 import Backend, Chip, NeuronTarget, Noise, Physics, Variation, calibrate, place
from saltation.engine.observation import Request
from saltation.errors import CalibrationError, ChipWarning, ParameterError, PlacementError
from saltation.model import VoltageSamples

DURATION, BATCH = 40e-3, 12
# lines that hardly saturate: what is left is rounding, delays, and the finite reset
IDEAL = {
    "variation": Variation.none(),
    "noise": Noise.none(),
    "physics": Physics(line_saturation=1e5, line_swing=160.0),
}


def network(n_in=20, hidden=30, seed=0, std=0.25, mean=0.35):
    rng = np.random.default_rng(seed)
    net = sal.Network()
    net.add("in", sal.Input(n_in))
    net.add("hid", sal.LIF(hidden, tau_mem=8e-3, tau_syn=6e-3, t_refrac=2e-3))
    net.add("out", sal.LI(3, tau_mem=8e-3, tau_syn=6e-3))
    net.connect("in", "hid", weight=rng.normal(mean, std, (n_in, hidden)).clip(-1.0, 1.0))
    net.connect("hid", "out", weight=rng.normal(0.0, 0.2, (hidden, 3)).clip(-0.7, 0.7))
    return net


def stimulus(n_in=20, seed=1, batch=BATCH):
    return {"in": sal.Spikes.from_latencies(np.random.default_rng(seed).uniform(1e-3, 25e-3, (batch, n_in)))}


def first_spikes(spikes, size):
    found = np.full((spikes.batch, size), np.inf)
    np.minimum.at(found, (spikes.sample_index(), spikes.units), spikes.times)
    return found


@pytest.fixture(scope="module")
def ideal():
    return Backend(Chip(0, **IDEAL))


@pytest.mark.parametrize(("n_in", "mean"), [(20, 0.35), (200, 0.035)])
def test_an_ideal_chip_is_near_the_model(n_in, mean):
    net, events = network(n_in, mean=mean, std=0.7 * mean), stimulus(n_in)
    backend = Backend(Chip(0, **IDEAL))
    record = {"out": (sal.MaxVoltage(), sal.Voltage([10e-3, 20e-3, 30e-3]))}
    run = sal.simulate(net, events, DURATION, backend=backend, record=record)
    # the model with the weights that the chip has
    chip_net = net.replace(weight={key: p.weight for key, p in run._trace.job.plan.projections.items()})
    exact = sal.simulate(chip_net, events, DURATION, record=record)
    circuits = backend.placement(run.plan).circuits["hid"]
    assert circuits.shape[1] == (1 if n_in == 20 else 2)
    seen, wanted = (first_spikes(r.spikes["hid"], 30) for r in (run, exact))
    both = np.isfinite(seen) & np.isfinite(wanted)
    assert both.sum() > 100 and (np.isfinite(seen) != np.isfinite(wanted)).mean() < 0.1
    late = seen[both] - wanted[both]
    # input and comparator take 0.1 us each, a time stamp up to 8 ns; the calibration is off by half a reading
    assert abs(np.median(late) - 0.22e-3) < 0.4e-3 and np.quantile(np.abs(late), 0.9) < 1.5e-3
    for got, expected in zip(run.voltage["out"], exact.voltage["out"], strict=True):
        assert np.corrcoef(got.ravel(), expected.ravel())[0, 1] > 0.8
        assert np.abs(got - expected).mean() < 0.15


def test_the_gradient_is_the_models_at_what_the_chip_observed(ideal):
    net, events = network(), stimulus()
    rng = np.random.default_rng(3)
    run = sal.simulate(net, events, DURATION, backend=ideal, record={"out": sal.MaxVoltage()})
    trace = run._trace
    bars = {"spike_times": {"hid": rng.standard_normal(run.spikes["hid"].n_events)}}
    bars["voltage"] = {"out": rng.standard_normal((BATCH, 3))}
    got = run.gradient(**bars)
    # the same by hand: rounded weights, the chip's refractory times, its spikes, its readings
    plan = trace.job.plan
    by_hand = sal.Network()
    for name, population in plan.populations.items():
        by_hand.add(name, population)
    for (pre, post), projection in plan.projections.items():
        by_hand.connect(pre, post, weight=projection.weight)
    observed = {"hid": run.spikes["hid"]}
    again = sal.simulate(
        by_hand,
        events,
        DURATION,
        observed={**observed, "out": trace.job.request.measured["out"]},
        record={"out": sal.MaxVoltage()},
    )
    expected = again.gradient(**bars)
    for key in net.projections:
        np.testing.assert_array_equal(got.weight[key], expected.weight[key])
        assert np.abs(got.weight[key]).max() > 0.0
    np.testing.assert_array_equal(run.voltage["out"], again.voltage["out"])
    scale = ideal.weight_scales(net)["hid"]
    rounded = plan.projections["in", "hid"].weight * scale
    np.testing.assert_allclose(rounded, np.rint(rounded), atol=1e-9)
    assert np.abs(net.projections["in", "hid"].weight * scale - rounded).max() <= 0.5 + 1e-9
    # what the user has stays as it was
    np.testing.assert_array_equal(run.plan.projections["in", "hid"].weight, net.projections["in", "hid"].weight)


def test_the_model_has_the_refractory_times_of_the_circuits():
    net = sal.Network()
    net.add("in", sal.Input(20))
    net.add("hid", sal.LIF(30, tau_mem=8e-3, tau_syn=6e-3, t_refrac=[45e-6] * 20 + [1e-3] * 10))
    net.connect("in", "hid", weight=np.full((20, 30), 0.3))
    run = sal.simulate(net, stimulus(), DURATION, backend=Backend(Chip(0, **IDEAL), shortest_hold=40e-9))
    held = run._trace.job.plan.populations["hid"].t_refrac
    # 45 ns on the chip are 6 periods of 8 ns
    np.testing.assert_allclose(held, [48e-6] * 20 + [1e-3] * 10, rtol=1e-12)


@pytest.mark.parametrize("recorded", [{}, {"out": sal.MaxVoltage()}])
def test_surrogate_gradients_are_those_of_the_grid_at_what_the_chip_observed(recorded):
    net, events = network(), stimulus()
    grid = sal.Grid(1e-3, surrogate=sal.SuperSpike(5.0))
    backend = Backend(Chip(0, **IDEAL), adjoint=grid)
    assert backend.surrogate_gradients and not Backend(Chip(0)).surrogate_gradients
    run = sal.simulate(net, events, DURATION, backend=backend, record=recorded or {"hid": sal.MaxVoltage()})
    plan, seen = run._trace.job.plan, run._trace.job.request.measured
    assert set(seen) == {"hid", "out"} and seen["hid"].times.size > 20
    # the readings follow the model's voltages, of what spikes at the wrong side of the threshold for a moment only
    weights = {key: projection.weight for key, projection in plan.projections.items()}
    by_hand = sal.Network()
    for name, population in plan.populations.items():
        by_hand.add(name, population)
    for (pre, post), weight in weights.items():
        by_hand.connect(pre, post, weight=weight)
    observed = {"hid": (run.spikes["hid"], seen["hid"]), "out": seen["out"]}
    record = recorded or {"hid": sal.MaxVoltage()}
    if not recorded:
        observed.pop("out")
    again = sal.simulate(by_hand, events, DURATION, backend=grid, observed=observed, record=record)
    (name,) = record
    bar = np.random.default_rng(0).standard_normal(run.voltage[name].shape)
    got, expected = run.gradient(voltage={name: bar}), again.gradient(voltage={name: bar})
    for key in net.projections:
        np.testing.assert_array_equal(got.weight[key], expected.weight[key])
    assert np.abs(got.weight["in", "hid"]).max() > 0.0
    if not recorded:
        return  # the largest voltage of what spikes is that of its threshold, and has no gradient to speak of
    # and they point where those of a grid of its own do
    own = sal.simulate(by_hand, events, DURATION, backend=grid, record=record).gradient(voltage={name: bar})
    a, b = got.weight["in", "hid"].ravel(), own.weight["in", "hid"].ravel()
    assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.8


def test_readings_can_be_fewer(ideal):
    net, events = network(), stimulus()
    backend = Backend(Chip(0, **IDEAL), cadc_period=4e-6)
    run = sal.simulate(net, events, DURATION, backend=backend, record={"out": sal.MaxVoltage()})
    np.testing.assert_allclose(run._trace.job.request.measured["out"].times, np.arange(11) * 4e-3, rtol=1e-12)


def test_populations_are_where_they_are_said_to_be(ideal):
    net, events = network(), stimulus()
    with pytest.raises(
        ParameterError, match=r"Backend\.leak: no population 'hidden' is on the chip; did you mean 'hid'"
    ):
        sal.simulate(net, events, DURATION, backend=Backend(Chip(0), leak={"hidden": 50.0}))
    options = {"leak": {"hid": 60.0}, "threshold": {"hid": 180.0, "out": 110.0}}
    backend = Backend(Chip(0, **IDEAL), rows=2, **options)
    target = backend.calibration(net).target
    circuits = backend.placement(net).circuits
    assert np.all(target.of_all("leak")[circuits["hid"]] == 60.0)
    assert np.all(target.of_all("threshold")[circuits["hid"]] == 180.0)
    # weights count more or less by as much
    before, after = ideal.weight_scales(net), backend.weight_scales(net)
    assert after["hid"] / before["hid"] == pytest.approx(120 / 70, rel=0.03)
    assert after["out"] / before["out"] == pytest.approx(30 / 70, rel=0.03)


def test_uncalibrated_circuits_have_one_code():
    net, events = network(), stimulus()
    backend = Backend(Chip(3), calibrated=False)
    registers = backend.calibration(net).registers
    assert all(np.ptp(codes) == 0 for codes in registers.values())
    own = Backend(Chip(3)).calibration(net)
    assert registers["leak_v_leak"].flat[0] == int(np.median(own.registers["leak_v_leak"]))
    assert sal.simulate(net, events, DURATION, backend=backend).spikes["hid"].n_events > 0


def test_voltages_are_readings_in_units_of_the_model(ideal):
    net = network()
    at = np.array([0.0, 5e-3, 17e-3, 40e-3])
    record = {"out": (sal.Voltage(at), sal.MaxVoltage(), sal.VoltageIntegral())}
    silent = {"in": sal.Spikes.empty(2, 20)}
    run = sal.simulate(net, silent, DURATION, backend=ideal, record=record)
    sampled, largest, integral = run.voltage["out"]
    # at rest, to a reading's rounding and the calibration's last bit
    assert np.abs(sampled).max() < 3 / 70 and np.abs(largest).max() < 3 / 70
    assert np.abs(integral).max() < 3 / 70 * DURATION
    measured = run._trace.job.request.measured["out"]
    assert isinstance(measured, VoltageSamples) and np.isin(at, measured.times).all()


def test_runs_differ_by_noise_and_are_repeated_by_a_new_chip():
    net, events = network(), stimulus()

    def runs(backend):
        return [sal.simulate(net, events, DURATION, backend=backend).spikes["hid"] for _ in range(2)]

    first = Backend(Chip(3), seed=5)
    one, two = runs(first)
    assert one != two and abs(one.n_events - two.n_events) < 0.2 * one.n_events
    calibration = first.calibration(sal.simulate(net, events, DURATION, backend=first).plan)
    for again in (Backend(Chip(3), seed=5), Backend(Chip(3), calibration, seed=5)):
        assert runs(again) == [one, two]
    assert runs(Backend(Chip(3), seed=6))[0] != one and runs(Backend(Chip(4), seed=5))[0] != one


def test_only_weights_are_written_between_steps(ideal):
    net, events = network(), stimulus()
    sal.simulate(net, events, DURATION, backend=ideal)
    runs = ideal.chip.runs
    changed = net.replace(weight={("in", "hid"): net.projections["in", "hid"].weight * 0.9})
    sal.simulate(changed, events, DURATION, backend=ideal)
    assert ideal.chip.runs == runs + 1 and set(ideal.executions[0].written) == {"synapse_weight"}
    assert ideal.executions[0].settled == 0.0
    assert ideal.executions[0].hardware_time == pytest.approx(BATCH * DURATION * 1e-3)


@pytest.mark.filterwarnings("ignore::saltation.errors.ChipWarning")  # a few weights grow beyond the range
def test_torch_trains_through_it(ideal):
    torch = pytest.importorskip("torch")
    net, events = network(), stimulus()
    snn = sal.torch.SNN(net, backend=ideal, record={"out": sal.MaxVoltage()})
    labels = torch.arange(BATCH) % 3
    optimiser = torch.optim.Adam(snn.parameters(), lr=0.02)
    losses = []
    for _ in range(25):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(8.0 * snn(events, DURATION).voltage("out"), labels)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_weights_beyond_the_range_are_cut_and_it_is_said():
    net, events = network(), stimulus()
    large = net.replace(weight={("in", "hid"): np.full((20, 30), 1.6)})
    backend = Backend(Chip(0, **IDEAL))
    with pytest.warns(ChipWarning, match=r"600 of 600 weights are beyond the chip's 63 and were cut.*rows="):
        run = sal.simulate(large, events, DURATION, backend=backend)
    weights = run._trace.job.plan.projections["in", "hid"].weight * backend.weight_scales(large)["hid"]
    np.testing.assert_allclose(weights, 63.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sal.simulate(large, events, DURATION, backend=Backend(Chip(0, **IDEAL), rows=2))


def test_weights_use_more_steps_where_inputs_are_weaker():
    net, events = network(std=0.1), stimulus()
    backends = [Backend(Chip(0, **IDEAL), i_synin_gm=gm) for gm in (600, {"out": 300, "hid": 600})]
    runs = [sal.simulate(net, events, DURATION, backend=backend) for backend in backends]
    factors = [backend.weight_scales(net) for backend in backends]
    assert factors[1]["out"] == pytest.approx(2.0 * factors[0]["out"], rel=0.05)
    assert factors[1]["hid"] == pytest.approx(factors[0]["hid"], rel=0.02)
    assert abs(runs[0].spikes["hid"].n_events - runs[1].spikes["hid"].n_events) < 20
    with pytest.raises(ParameterError, match=r"i_synin_gm: no population 'hit' is on the chip; did you mean 'hid'"):
        sal.simulate(net, events, DURATION, backend=Backend(Chip(0, **IDEAL), i_synin_gm={"hit": 100}))


def test_events_that_are_lost_are_told():
    net = network()
    at_once = {"in": sal.Spikes.from_lists([(np.full(2000, 5e-3), np.arange(2000) % 20)], sort=True)}
    with pytest.warns(ChipWarning, match=r"lost events in run \d+: \{.*'links from the host': \d+"):
        sal.simulate(net, at_once, DURATION, backend=Backend(Chip(0, **IDEAL)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"tau_mem": 0.2},
            r"population 'hid': tau_mem must be within 0\.0005\.\.0\.06 s.*got 0\.2; another time_scale=",
        ),
        ({"tau_syn": 1e-5}, r"population 'hid': tau_syn_exc must be within 0\.0003\.\.0\.03 s"),
        ({"v_reset": -3.0}, r"population 'hid': reset must be within .*50\.\.160 LSB; got -3"),
        ({"v_init": 0.5}, r"v_init must be its v_leak"),
        ({"t_refrac": 0.1}, r"refractory_time must be within"),
    ],
)
def test_what_the_circuits_do_not_reach(change, message):
    net = sal.Network()
    net.add("in", sal.Input(1))
    values = {"tau_mem": 8e-3, "tau_syn": 6e-3}
    net.add("hid", sal.LIF(1, **(values | change)))
    net.connect("in", "hid", weight=[[0.1]])
    events = {"in": sal.Spikes.empty(1, 1)}
    with pytest.raises(CalibrationError, match=message):
        sal.simulate(net, events, DURATION, backend=Backend(Chip(0)))


def test_what_a_chip_cannot_do(ideal):
    net, events = network(), stimulus()
    exact = sal.simulate(net, events, DURATION)
    for options, message in (
        ({"state": exact.state}, "begins at rest"),
        ({"observed": {"hid": exact.spikes["hid"]}}, "it is the chip that observes"),
        ({"record": {"hid": sal.SpikeTrain()}}, r"SpikeTrain\(\) is on a grid"),
    ):
        with pytest.raises(ParameterError, match=message):
            sal.simulate(net, events, DURATION, backend=ideal, **options)
    with pytest.raises(ParameterError, match="must be Spikes on a chip"):
        sal.simulate(net, {"in": np.zeros((2, 41, 20))}, DURATION, backend=ideal)


def test_bad_arguments():
    with pytest.raises(ParameterError, match=r"Backend\.chips must be a Chip or several; got int"):
        Backend(3)
    with pytest.raises(ParameterError, match="time_scale must be a finite number above 0"):
        Backend(Chip(0), time_scale=0.0)
    with pytest.raises(ParameterError, match="threshold - leak must be"):
        Backend(Chip(0), leak=100.0, threshold=90.0)
    with pytest.raises(ParameterError, match=r"Backend\.adjoint must be Exact\(\) or Grid\(dt\); got 'surrogate'"):
        Backend(Chip(0), adjoint="surrogate")
    with pytest.raises(ParameterError, match="at least one Chip, each given once"):
        Backend([])
    other = calibrate(Chip(0, **IDEAL), NeuronTarget())
    with pytest.raises(CalibrationError, match="serial number 0; got the chip 1"):
        Backend(Chip(1), other)
    with pytest.raises(ParameterError, match=r"one for each chip, or be left out; got none for \[1\]"):
        Backend([Chip(0, **IDEAL), Chip(1)], other)
    assert dataclasses.is_dataclass(Request) and "time_scale=0.001" in repr(Backend(Chip(1)))


def test_an_offset_of_time_loses_nothing_at_the_end_of_the_window():
    net, events = network(), {"in": sal.Spikes.from_latencies(np.linspace(1e-3, 39e-3, 20)[None].repeat(4, axis=0))}
    calibration = Backend(Chip(0, **IDEAL)).calibration(net)
    record = {"out": sal.Voltage([DURATION])}
    plain, moved = (
        sal.simulate(
            net, events, DURATION, record=record, backend=Backend(Chip(0, **IDEAL), calibration, time_offset=t)
        )
        for t in (0.0, 2e-6)
    )
    late = plain.spikes["hid"].times >= 2e-3
    assert late.any() and moved.spikes["hid"].times.max() > DURATION - 2e-3
    # all are there, 2 ms earlier, and those that come in the last 2 ms beside them
    found = moved.spikes["hid"].times
    assert all(np.abs(found - (time - 2e-3)).min() < 1e-9 for time in plain.spikes["hid"].times[late])
    assert found.size > late.sum()
    assert not np.allclose(plain.voltage["out"], moved.voltage["out"])  # read 2 us later on the chip
    with pytest.warns(ChipWarning, match="stamped before the offset of time"):
        sal.simulate(net, events, DURATION, backend=Backend(Chip(0, **IDEAL), calibration, time_offset=20e-6))
    for bad in (True, "measure", float("nan")):
        with pytest.raises(ParameterError, match=r"Backend\.time_offset must be seconds on the chip, or 'measured'"):
            Backend(Chip(0), time_offset=bad)


def test_a_calibration_for_other_targets_is_told():
    net = network()
    right = Backend(Chip(0, **IDEAL)).calibration(net)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ChipWarning)
        Backend(Chip(0, **IDEAL), right).placement(net)
    other = calibrate(Chip(0, **IDEAL), NeuronTarget())
    with pytest.warns(
        ChipWarning, match=r"other targets than the network needs: .*tau_mem 1e-05 in place of 8e-06 \(33"
    ):
        Backend(Chip(0, **IDEAL), other).placement(net)
    with pytest.raises(ParameterError, match=r"Backend\.calibration must be a Calibration, or several; got str"):
        Backend(Chip(0), "chip-0.npz")


@pytest.mark.parametrize("key", ["hid", ("in", "hdi")])
def test_rows_of_a_projection_that_is_not_there(key):
    for refused in (
        lambda: Backend(Chip(0), rows={key: 2}).placement(network()),
        lambda: place(network(), rows={key: 2}),
    ):
        with pytest.raises(PlacementError, match=r"no projection .* is in the network"):
            refused()


def test_that_a_chip_is_calibrated_again_is_told_once(ideal):
    backend = Backend(Chip(0, **IDEAL))
    backend.placement(network())
    changed = sal.Network()
    changed.add("in", sal.Input(20))
    changed.add("hid", sal.LIF(30, tau_mem=9e-3, tau_syn=6e-3, t_refrac=2e-3))
    changed.connect("in", "hid", weight=np.zeros((20, 30)))
    with pytest.warns(ChipWarning, match="the chip is calibrated again"):
        backend.placement(changed)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ChipWarning)
        backend.placement(network())


def test_a_chip_is_no_backend_and_an_instance_no_class():
    net = network()
    with pytest.raises(ParameterError, match=r"got Chip\(serial=2, runs=0\); saltation\.bss2\.Backend\(chip\) runs"):
        sal.simulate(net, {}, DURATION, backend=Chip(serial=2))
    with pytest.raises(ParameterError, match=r"got 3$"):
        sal.simulate(net, {}, DURATION, backend=3)
    with pytest.raises(ParameterError, match=r"a class has to be called: Exact\(\)$"):
        sal.simulate(net, {}, DURATION, backend=sal.Grid)


def test_a_run_keeps_its_conditions():
    net = network()
    point = {"time_scale": 1.2e-3, "leak": {"hid": 70.0}, "threshold": {"hid": 160.0}, "time_offset": 1e-7}
    backend = Backend(Chip(0, **IDEAL), **point)
    runs = [sal.simulate(net, stimulus(), DURATION, backend=backend) for _ in range(2)]
    first, second = (run.conditions for run in runs)
    assert (first["runs"], second["runs"], first["chips"], first["seed"]) == ([1], [2], [0], 0)
    assert first["time_scale"] == 1.2e-3 and first["time_offset"] == [1e-7]
    assert first["leak"] == {"hid": 70.0, "out": 80.0} and first["threshold"] == {"hid": 160.0, "out": 150.0}
    assert first["lsb"] == {"hid": 90.0, "out": 70.0}
    assert first["weight_scale"] == backend.weight_scales(net)
    assert second["hardware_time"] == pytest.approx(BATCH * (DURATION * 1.2e-3 + 1e-7))
    assert sal.simulate(net, stimulus(), DURATION).conditions == {}


def test_a_window_in_milliseconds_is_told_once():
    backend, events = Backend(Chip(0, **IDEAL)), {"in": sal.Spikes.from_latencies(np.full((1, 20), 1e-3))}
    with pytest.warns(
        ChipWarning, match=r"the window of 40 s is 5,000 times as long as the slowest time constant, 0\.008 s"
    ):
        sal.simulate(network(), events, 40.0, backend=backend)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ChipWarning)
        sal.simulate(network(), events, 40.0, backend=backend)
        sal.simulate(network(), events, 1.0, backend=Backend(Chip(0, **IDEAL)))
