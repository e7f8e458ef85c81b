"""Partitions of matrices: complete, and with the sums of the blocks as documented."""

import pickle
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import pairwise
from multiprocessing import get_context

import numpy as np
import pytest

from saltation.bss2.mac import Fast, FastModel, Ideal, MockParameter, System, Tile, mac, partition
from saltation.errors import ConfigurationError, ParameterError, RangeError

QUIET = MockParameter(noise_std=0.0)
SHAPES = [(1, 1), (128, 256), (129, 257), (256, 256), (128, 512), (1024, 1024)]
SHAPES += [tuple(shape) for shape in np.random.default_rng(0).integers(1, [700, 900], (200, 2)).tolist()]
SHAPES += [tuple(shape) for shape in np.random.default_rng(1).integers(1, 40, (100, 2)).tolist()]


def in_blocks(x, weights, num_sends, gain):
    """The documented result, block by block: what grenade and the mock of hxtorch compute."""
    total = np.zeros((len(x), weights.shape[1]), np.int64)
    for first in range(0, len(weights), 128):
        part = x[:, first : first + 128] @ weights[first : first + 128]
        total += np.clip(np.floor(gain * num_sends * part), -128, 127).astype(np.int64)
    return np.clip(total, -128, 127)


def drawn(rng, inputs, outputs, batch=3, spread=63):
    weights = rng.integers(-spread, spread, (inputs, outputs), endpoint=True)
    return rng.integers(0, 31, (batch, inputs), endpoint=True), weights


def test_every_synapse_of_every_plan_is_used_once():
    rng = np.random.default_rng(2)
    for inputs, outputs in SHAPES:
        chips = int(rng.integers(1, 6))
        plan = partition(inputs, outputs, chips=chips)
        used = np.zeros((inputs, outputs), np.int8)
        for run in plan.runs:
            assert 0 <= run.chip < chips
            hemispheres = [block.hemisphere for block in run.blocks]
            assert sorted(set(hemispheres)) == hemispheres and set(hemispheres) <= {0, 1}
            for block in run.blocks:
                assert 0 < block.shape[0] <= 128 and 0 < block.shape[1] <= 256
                used[slice(*block.inputs), slice(*block.outputs)] += 1
        assert (used == 1).all()
        # as few runs as there can be, and no chip has two more than another
        assert len(plan.runs) == -(-(-(-inputs // 128) * -(-outputs // 256)) // 2)
        counts = [len(plan.of_chip(chip)) for chip in range(chips)]
        assert sum(counts) == len(plan.runs) and max(counts) - min(counts) <= 1 and plan.rounds == max(counts)


@pytest.mark.parametrize("gain", [0.002, 0.011])
def test_a_partitioned_product_is_the_sum_of_its_blocks(gain):
    """With a gain of 0.011 many blocks, and sums, saturate."""
    rng = np.random.default_rng(3)
    for inputs, outputs in SHAPES:
        x, weights = drawn(rng, inputs, outputs)
        units = [Ideal(MockParameter(0.0, gain)) for _ in range(rng.integers(1, 4))]
        num_sends = int(rng.integers(1, 3))
        found = System(units).multiply(weights, x, num_sends=num_sends)
        np.testing.assert_array_equal(found, in_blocks(x, weights, num_sends, gain))


def test_a_partitioned_product_is_the_whole_one_up_to_rounding_where_nothing_saturates():
    rng = np.random.default_rng(4)
    for inputs, outputs in SHAPES:
        x, weights = drawn(rng, inputs, outputs, spread=max(1, 60 * 12 // (12 + inputs)))
        exact = 0.002 * (x @ weights)
        assert np.abs(exact).max() < 120
        error = exact - System([Ideal(QUIET)]).multiply(weights, x)
        assert error.min() >= 0.0 and error.max() < -(-inputs // 128)  # each block is rounded down


def test_blocks_saturate_each_before_they_are_added():
    """Two blocks of +200 and -90 LSB: 127 - 90, not 110; three of 100 saturate as a sum."""
    weights = np.concatenate([np.full((128, 1), 50), np.full((128, 1), -22)])
    assert mac(np.full(256, 16), weights, unit=Ideal(QUIET)) == 127 - 91
    unit = Ideal(MockParameter(0.0, 100 / (128 * 16 * 20)))
    assert mac(np.full(384, 16), np.full((384, 1), 20), unit=unit) == 127
    assert mac(np.full(384, 16), np.full((384, 1), -20), unit=unit) == -128
    # exactly, and once at the end: the order does not matter
    signs = np.repeat([1, 1, -1], 128)[:, None]
    assert mac(np.full(384, 16), 20 * signs, unit=unit) == 100


class Noted:
    """A unit that keeps what it is given; in one piece, without `fork`."""

    def __init__(self):
        self.calls = []

    def multiply(self, tiles, activations, *, num_sends=1, wait_between_events=5):
        self.calls.append((tiles, activations, num_sends, wait_between_events))
        return [np.zeros((len(x), tile.weights.shape[1]), np.int8) for tile, x in zip(tiles, activations, strict=True)]


def test_what_units_are_given():
    rng = np.random.default_rng(5)
    x, weights = drawn(rng, 300, 400)
    units = [Noted(), Noted()]
    System(units).multiply(weights, x, num_sends=3, wait_between_events=2)
    assert [len(unit.calls) for unit in units] == [2, 1]
    tiles, activations, num_sends, wait = units[1].calls[0]
    assert (num_sends, wait) == (3, 2)
    assert [tile.hemisphere for tile in tiles] == [0, 1]
    np.testing.assert_array_equal(tiles[0].weights, weights[256:, :256])
    np.testing.assert_array_equal(activations[0], x[:, 256:])
    np.testing.assert_array_equal(tiles[1].weights, weights[:128, 256:])
    np.testing.assert_array_equal(activations[1], x[:, :128])
    assert activations[0].dtype == tiles[0].weights.dtype == np.int64


def test_large_batches_go_in_pieces(monkeypatch):
    monkeypatch.setattr("saltation.bss2.mac.running._AT_ONCE", 1000)
    x, weights = drawn(np.random.default_rng(6), 200, 10, batch=23)
    unit = Noted()
    System([unit]).multiply(weights, x)
    assert [len(call[1][0]) for call in unit.calls] == [5, 5, 5, 5, 3]
    np.testing.assert_array_equal(System([Ideal(QUIET)]).multiply(weights, x), in_blocks(x, weights, 1, 0.002))
    assert System([Ideal()]).multiply(weights, x[:0]).shape == (0, 10)


def spawning():
    # a fork of a process with threads, as those of JAX, may hang
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


@pytest.mark.parametrize("pool", [lambda: ThreadPoolExecutor(2), spawning], ids=["threads", "process"])
def test_results_do_not_depend_on_the_executor(pool):
    """Noise included, also where units are copied to another process: each call has its own."""
    x, weights = drawn(np.random.default_rng(7), 400, 600)

    def twice(executor):
        system = System([Ideal(seed=1), Ideal(seed=2)], executor)
        return [system.multiply(weights, x) for _ in range(2)]

    expected = twice(None)
    assert (expected[0] != expected[1]).any()
    with pool() as executor:
        np.testing.assert_array_equal(twice(executor), expected)


def test_noise_differs_between_chips_calls_and_tiles():
    x, weights = np.full((50, 128), 10), np.full((128, 256), 10)
    a, b = Ideal(seed=1).multiply([Tile(0, weights), Tile(1, weights)], [x, x])
    assert (a != b).mean() > 0.5
    both = np.stack([a, b]).astype(float)
    assert abs(both.mean() + 0.5 - 0.002 * 128 * 100) < 0.1
    assert abs(both.std() - np.hypot(2.0, 12**-0.5)) < 0.05


def test_plans_that_do_not_fit():
    x, weights = drawn(np.random.default_rng(8), 300, 400)
    with pytest.raises(ParameterError, match=r"plan is for 3 chips, and the system has 1"):
        System([Ideal()]).multiply(weights, x, plan=partition(300, 400, chips=3))
    with pytest.raises(ParameterError, match=r"plan must be of a matrix of 300 x 400; got one of 300 x 401"):
        System([Ideal()]).multiply(weights, x, plan=partition(300, 401))
    for wrong in [(0, 5), (5, 0), (5, 2.5)]:
        with pytest.raises(ParameterError, match="partition"):
            partition(*wrong)
    with pytest.raises(ParameterError, match=r"partition\.chips"):
        partition(5, 5, chips=0)
    assert "chip 2 has nothing to do" in str(partition(5, 5, chips=3))


def test_systems_of_what_does_not_multiply():
    with pytest.raises(ParameterError, match="at least one unit"):
        System([])
    with pytest.raises(ParameterError, match="got int"):
        System([3])
    with pytest.raises(ParameterError, match=r"executor must have the submit\(\)"):
        System([Ideal()], 3)
    with spawning() as pool:
        with pytest.raises(ParameterError, match=r"without fork\(\); got ProcessPoolExecutor for Noted"):
            System([Ideal(), Noted()], pool)


class Copying:
    """Sends copies, as an executor of other processes does."""

    def submit(self, function, *given):
        future = Future()
        future.set_result(function(*pickle.loads(pickle.dumps(given))))
        return future


def test_only_executors_of_this_process_run_units_without_fork():
    with pytest.raises(ParameterError, match=r"must be a ThreadPoolExecutor, or none.*got Copying for Noted"):
        System([Noted()], Copying())
    with ThreadPoolExecutor(1) as pool:
        System([Noted()], pool)


def test_a_fast_unit_may_run_anywhere():
    column, whole = np.zeros(512), np.full((2, 2, 128, 256), 0.002)
    lines = {"offset": np.zeros((2, 128)), "gain": whole, "deviation": 0.0 * whole, "strength": np.full(2, 100.0)}
    times = {"tau_syn": np.full((2, 512), 3e-7), "tau_mem": column + 1.0, "noise": column + 2.0, "growth": 0.0}
    model = FastModel(1, **lines, **times, low=column - 100, high=column + 100, rest=column)
    x, weights = drawn(np.random.default_rng(7), 300, 400, batch=20)
    found = []
    for executor in (None, Copying()):
        system = System([Fast(model, seed=1), Fast(model, seed=2)], executor)
        found.append([system.multiply(weights, x) for _ in range(2)])
    np.testing.assert_array_equal(*found)
    assert (found[0][0] != found[0][1]).any()
    # and as a unit that goes on by itself
    alone = Fast(model, seed=1)
    one, two = (System([Fast(model, seed=1)]).multiply(weights[:128, :9], x[:, :128]) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(alone.multiply([Tile(0, weights[:128, :9])], [x[:, :128]])[0], one)
    with pytest.raises(ParameterError, match="give each another seed"):
        System([Fast(model, seed=1), Fast(model, seed=1)])


def test_two_chips_are_two_units_with_noise_of_their_own():
    unit = Ideal()
    with pytest.raises(ParameterError, match="the same Ideal more than once"):
        System([unit, unit])
    with pytest.raises(ParameterError, match=r"noise of their own.*give each another seed"):
        System([Ideal(), Ideal(seed=1), Ideal()])
    System([Ideal(QUIET), Ideal(QUIET), Ideal(), Ideal(seed=1), unit.fork(), unit.fork()])


def test_what_is_out_of_range_or_of_another_shape_is_refused():
    unit = Ideal(QUIET)
    good, weights = np.ones((2, 3)), np.ones((3, 4))
    for x, match in [(-0.6, "-1 to 1"), (31.5, "1 to 32"), (-3, "0 to 31")]:
        with pytest.raises(RangeError, match=match):
            mac(np.array([[1, 1, x]]), weights, unit=unit)
    for w in (63.5, -64):
        with pytest.raises(OverflowError, match="-63 to 63"):
            mac(good, np.full((3, 4), w), unit=unit)
    for bad in (np.nan, np.inf):
        with pytest.raises(ParameterError, match="finite"):
            mac(np.full((2, 3), bad), weights, unit=unit)
        with pytest.raises(ParameterError, match="finite"):
            mac(good, np.full((3, 4), bad), unit=unit)
    with pytest.raises(ParameterError, match="real numbers"):
        mac(good * 1j, weights, unit=unit)
    for x, w in [
        (good, np.ones((4, 4))),
        (good, np.ones(3)),
        (np.ones((1, 2, 3)), weights),
        (good, np.ones((3, 4, 1))),
    ]:
        with pytest.raises(ParameterError, match=r"\[batch, input\]"):
            mac(x, w, unit=unit)
    for name in ("num_sends", "wait_between_events"):
        with pytest.raises(ParameterError, match=name):
            mac(good, weights, unit=unit, **{name: 0})
    # the ends of the ranges, and what rounds to them, are allowed
    np.testing.assert_array_equal(
        mac([[31.4, -0.4, 0]], [[63.4], [-63.4], [0]], unit=unit), [[np.floor(0.002 * 31 * 63)]]
    )


def test_the_ideal_unit_checks_what_it_is_given():
    """As `Circuits` does, whose tests have all cases."""
    unit, weights, x = Ideal(QUIET), np.ones((3, 4), np.int64), np.ones((2, 3), np.int64)
    for tiles, activations, match in [
        ([], [], "at least one Tile"),
        ([Tile(0, weights)], [x, x], "one array for each tile"),
        ([Tile(0, weights), Tile(0, weights)], [x, x], "different hemispheres"),
        ([Tile(2, weights)], [x], "hemisphere must be 0 or 1"),
        ([Tile(0, weights), Tile(1, weights)], [x, x[:1]], "one batch"),
        ([Tile(0, weights)], [x[:, :2]], r"\[batch, input\]"),
        ([Tile(0, weights, row=126)], [x], "128 inputs; got 3 from row 126"),
        ([Tile(0, weights, column=-1)], [x], "column must be"),
        ([Tile(0, 64 * weights)], [x], r"-63\.\.63"),
        ([Tile(0, weights)], [-x], r"0\.\.31"),
        ([Tile(0, 1.4 * weights)], [x], "whole numbers"),
        ([Tile(0, weights)], [1.4 * x], "whole numbers"),
    ]:
        with pytest.raises(ConfigurationError, match=match):
            unit.multiply(tiles, activations)
    for sending in ({"num_sends": -1}, {"num_sends": 1.5}, {"wait_between_events": 0}):
        with pytest.raises(ConfigurationError, match=next(iter(sending))):
            unit.multiply([Tile(0, weights)], [x], **sending)
    for parameter in (MockParameter(gain=0.0), MockParameter(gain=1.1), MockParameter(noise_std=-1.0)):
        with pytest.raises(RangeError, match=r"Ideal\.parameter"):
            Ideal(parameter)


def test_a_plan_is_told_as_it_is_run():
    plan = partition(300, 600, chips=2)
    lines = str(plan).splitlines()[2:]
    assert len(lines) == len(plan.blocks) == 9
    assert [int(line.split()[0]) for line in lines] == [run.chip for run in plan.runs for _ in run.blocks]
    for a, b in pairwise(lines):
        same = a.split()[0] == b.split()[0]
        assert not same or int(b.split()[1]) - int(a.split()[1]) in (0, 1)
    assert plan.utilisation == pytest.approx(300 * 600 / (5 * 2 * 128 * 256))
