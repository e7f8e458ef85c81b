"""The matrix mode of a calibrated chip, and its fast model against the circuits and against its own equations."""

import numpy as np
import pytest

from saltation.bss2 import Chip
from saltation.bss2.mac import Circuits, Fast, FastModel, Tile, calibrate_hagen, measure
from saltation.bss2.mac.layout import Schedule
from saltation.bss2.mac.lines import lacking_of, levels_of, step_sums
from saltation.errors import CalibrationError, ConfigurationError, FileFormatError, ParameterError

SERIAL = 1


@pytest.fixture(scope="module")
def calibration():
    return calibrate_hagen(Chip(SERIAL))


@pytest.fixture(scope="module")
def model(calibration):
    return measure(Chip(SERIAL), calibration, repeats=2)


@pytest.fixture
def circuits(calibration):
    return Circuits(Chip(SERIAL), calibration, seed=9)


def test_a_calibrated_chip_reads_59_lsb(circuits):
    # the demonstration tp_01 of BrainScaleS-2: 100 inputs of 15 with a weight of 21
    vectors = np.full((20, 100), 15)
    tiles = [Tile(0, np.full((100, 256), 21)), Tile(1, np.full((100, 256), -21), row=28)]
    for sign, read in zip((1, -1), circuits.multiply(tiles, [vectors] * 2), strict=True):
        columns = sign * read.mean(axis=0)
        assert abs(columns.mean() - 59.0) < 3.0 and columns.std() < 1.5
        assert np.diff(np.percentile(columns, [10, 90]))[0] < 10.0
        noise = read.std(axis=0, ddof=1)
        assert np.mean(noise < 7.0) > 0.75 and 1.5 < noise.mean() < 2.5


def test_a_calibration_makes_parts_alike(calibration):
    found = calibration.summary()
    assert all(row["failed"] == 0 for row in found.values())
    assert found["leak"]["median"] == pytest.approx(120, abs=1.0)
    assert np.mean(np.abs(calibration.report["leak"][1] - 120) < 16) > 0.8
    assert found["tau_mem"]["median"] == pytest.approx(60e-6, rel=0.05)
    assert found["driver"]["after"] < 0.5 < 1.5 < found["driver"]["before"] < 4.0
    for name, most in (("leak", 0.3), ("tau_mem", 0.3), ("amplitude_exc", 0.1), ("amplitude_inh", 0.1)):
        assert found[name]["after"] < most * found[name]["before"], name
    assert calibrate_hagen(Chip(SERIAL)) is calibration


def test_results_are_linear_to_80_lsb_and_saturate(circuits):
    weights = np.array([-63, -42, -28, -21, -14, -7, 7, 14, 21, 28, 42, 63])
    (read,) = circuits.multiply([Tile(1, np.tile(weights, (100, 1)))], [np.full((20, 100), 15)])
    read = read.mean(axis=0)
    near = np.abs(weights) <= 28
    gain = (read[near] * weights[near]).sum() / (weights[near] ** 2).sum()
    assert gain * 28 > 75
    assert np.abs(read[near] - gain * weights[near]).max() < 3.0
    assert np.all(np.abs(read[[0, -1]]) < 0.7 * gain * 63) and np.all(np.abs(read[[0, -1]]) < 115)
    assert np.all(np.diff(read) > 0)


def agreement(circuits, fast, tiles, vectors, runs=3, **more):
    """Mean and standard deviation over columns and vectors of the difference of means, less what noise explains."""
    both = []
    for unit in (circuits, fast):
        read = [np.stack(unit.multiply(tiles, vectors, **more)).astype(float) for _ in range(runs)]
        both.append(np.stack(read))
    difference = both[0].mean(axis=0) - both[1].mean(axis=0)
    chance = sum(each.var(axis=0, ddof=1).mean() for each in both) / runs
    noise = [np.sqrt(each.var(axis=0, ddof=1).mean()) for each in both]
    return difference.mean(), np.sqrt(max(difference.var() - chance, 0.0)), noise[1] / noise[0]


@pytest.mark.parametrize(
    ("weight", "more", "bound"),
    [
        (63, {}, 1.0),
        (20, {"num_sends": 3}, 1.0),
        (63, {"wait_between_events": 2}, 1.5),
    ],
)
def test_the_fast_model_agrees_with_the_circuits(circuits, model, weight, more, bound):
    # within the linear range; docs/chip_matrix.md states the bounds
    rng = np.random.default_rng(5)
    tiles = [Tile(h, rng.integers(-weight, weight + 1, (128, 256))) for h in range(2)]
    vectors = [rng.integers(0, 32, (8, 128)) for _ in range(2)]
    mean, spread, noise = agreement(circuits, Fast(model), tiles, vectors, **more)
    assert abs(mean) < 0.5 and spread < bound and noise == pytest.approx(1.0, abs=0.1)


def test_the_fast_model_agrees_where_results_saturate(circuits, model):
    # sums from about -150 to 150 LSB
    rng = np.random.default_rng(6)
    weights = np.clip(np.arange(-32, 32) + rng.integers(-9, 10, (100, 64)), -63, 63)
    vectors = rng.integers(20, 32, (8, 100))
    mean, spread, _ = agreement(circuits, Fast(model), [Tile(0, weights)], [vectors])
    (read,) = Fast(model).multiply([Tile(0, weights)], [vectors])
    assert read.max() > 100 and read.min() < -90
    assert abs(mean) < 0.5 and spread < 1.0


def quiet(model, **more):
    fields = {name: getattr(model, name) for name in FastModel.__dataclass_fields__}
    return FastModel(**fields | {"noise": np.zeros(512), "growth": 0.0} | more)


def test_the_fast_model_follows_its_equations(model, monkeypatch):
    rng = np.random.default_rng(7)
    tile = Tile(1, rng.integers(-63, 64, (30, 5)), row=70, column=200)
    monkeypatch.setattr("saltation.bss2.mac.fast._BLOCK", 512)  # so that there are several
    vectors, schedule = rng.integers(0, 32, (700, 30)), Schedule(30, 3, 2)
    (got,) = Fast(quiet(model)).multiply([tile], [vectors], num_sends=3, wait_between_events=2)
    level = levels_of(model, tile, step_sums(model, tile), schedule)
    left = schedule.remaining(model.typical_tau)
    for b, j in [(0, 0), (3, 1), (511, 2), (512, 3), (699, 4)]:
        circuit, m = 256 + 200 + j, 0.0
        for line, sign in enumerate((1, -1)):
            total = 0.0
            for i in range(30):
                weight = sign * tile.weights[i, j]
                if weight > 0 and vectors[b, i] > 0:
                    place = line, 1, 70 + i, 200 + j
                    strong = max(weight + model.deviation[place], 0.0) * model.gain[place]
                    total += 3 * left[i] * (vectors[b, i] + model.offset[1, 70 + i]) * strong
            most = level[5 * line + j] * left.mean()
            x = min(total / most, 1.5)
            m += sign * most * (x - 4.0 * x**3 / 27.0)
        m *= schedule.mean_remaining(model.tau_mem[circuit]) / schedule.mean_remaining(model.typical_tau)
        centre = 0.5 * (model.low[circuit] + model.high[circuit])
        half = model.high[circuit] - centre
        z = (m - centre) / half
        y = centre + half * z / (1.0 + z**8) ** 0.125 + model.rest[circuit]
        assert abs(y - got[b, j]) < 0.5 + 1e-3
    assert got.std() > 10


def test_what_saturation_takes_is_that_of_random_vectors():
    # lines in small steps, for many vectors of random activations
    rng = np.random.default_rng(8)
    tau, schedule = 0.3e-6, Schedule(80, 3, 3)
    sums = rng.uniform(0.0, 0.08, (80, 3)) * (rng.random((80, 3)) < 0.6)
    lengths, strength, keep = rng.integers(0, 32, (2000, 80)), 20.0, np.exp(-2e-9 / tau)
    x, total = np.zeros((2000, 3)), np.zeros((2000, 3))
    for step in range(3 * 80 * 12 + 1000):
        send, rest = divmod(step, 80 * 12)
        if send < 3 and rest % 12 == 0:
            i = rest // 12
            x += lengths[:, i, None] * sums[i] / strength
        total += x**3 * (1.0 - keep**3) / 3.0
        x *= keep
    expected = 4.0 / 27.0 * strength * total.mean(axis=0)
    np.testing.assert_allclose(lacking_of(np.full(3, tau), sums, strength, schedule), expected, rtol=0.03)


def test_what_remains_of_events():
    schedule, tau = Schedule(7, 3, 11), np.array([20e-6, 60e-6])
    ages = [schedule.reading - (7e-6 + 88e-9 * slot) for slot in range(21)]
    for t, mean in zip(tau, schedule.mean_remaining(tau), strict=True):
        of_input = [np.mean([np.exp(-ages[7 * send + i] / t) for send in range(3)]) for i in range(7)]
        np.testing.assert_allclose(schedule.remaining(t), of_input)
        assert mean == pytest.approx(np.mean(of_input))


def test_noise_of_the_fast_model_is_seeded(model):
    tiles, vectors = (
        [Tile(h, np.full((4, 256), h) * (np.arange(256) > 99)) for h in range(2)],
        [np.ones((2000, 4), int)] * 2,
    )
    fast = Fast(model, seed=3, threads=1)
    first, second = fast.multiply(tiles, vectors), fast.multiply(tiles, vectors)
    again = Fast(model, seed=3, threads=3).multiply(tiles, vectors)
    other = Fast(model, seed=4).multiply(tiles, vectors)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    narrow = [Tile(tile.hemisphere, tile.weights.astype(np.uint8)) for tile in tiles]
    small = Fast(model, seed=3).multiply(narrow, [each.astype(np.uint8) for each in vectors])
    assert np.array_equal(small[1], first[1])
    for unlike in (second[0], other[0], first[1]):
        assert abs(np.corrcoef(first[0].reshape(-1), unlike.reshape(-1))[0, 1]) < 0.01
    sigma = model.sigma(Schedule(4).reading)[:256]
    np.testing.assert_allclose(first[0].std(axis=0), sigma, rtol=0.08)
    assert abs(np.mean(first[0] - model.rest[:256])) < 0.05


def test_a_measurement_leaves_a_chip_as_it_was(calibration, monkeypatch):
    chip = Chip(SERIAL)
    Circuits(chip, calibration).multiply([Tile(0, np.ones((1, 1), int))], [np.ones((1, 1), int)])
    before = chip.state
    with pytest.raises(ParameterError, match="repeats must be a whole number of at least 1; got 0"):
        measure(chip, calibration, repeats=0)
    with pytest.raises(CalibrationError, match="serial number 1; got the chip 2"):
        measure(Chip(2), calibration)
    # cut short, which is no less of a run
    monkeypatch.setattr("saltation.bss2.mac.measuring._synapses", lambda *given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        measure(chip, calibration)
    assert chip.runs == 1 and chip.state.configuration == before.configuration


def test_a_fast_model_is_kept_in_a_file(model, tmp_path):
    loaded = FastModel.load(model.save(tmp_path / "m.npz"))
    tiles, vectors = [Tile(0, np.full((9, 4), 50))], [np.full((3, 9), 30)]
    for one, two in zip(Fast(model).multiply(tiles, vectors), Fast(loaded).multiply(tiles, vectors), strict=True):
        assert np.array_equal(one, two)
    (tmp_path / "bad.npz").write_bytes(b"PK")
    with pytest.raises(FileFormatError, match="does not hold a fast model"):
        FastModel.load(tmp_path / "bad.npz")
    with pytest.raises(FileFormatError, match=r"FastModel.low must be finite numbers \[512\]; got \(3,\)"):
        quiet(model, low=np.zeros(3))


def test_the_fast_model_refuses_what_the_chip_does(model):
    with pytest.raises(ConfigurationError, match=r"activations must be 0\.\.31; got 40"):
        Fast(model).multiply([Tile(0, np.ones((1, 1), int))], [np.array([[40]])])
