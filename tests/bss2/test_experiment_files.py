"""Experiments in files: the same run again, bit for bit; and what is no such file."""

import io
import json
import subprocess
import sys
import warnings

import numpy as np
import pytest

from reference.experiments import MILD, mild_chip, network, placed_experiment, responsive, stimulus
from saltation.bss2 import (
    Cadc,
    Calibration,
    Chip,
    ChipEvents,
    Configuration,
    Experiment,
    IdealProbe,
    Madc,
    NeuronTarget,
    Noise,
    Physics,
    Section,
)
from saltation.bss2.experiment.record import origin
from saltation.errors import ChipWarning, FileFormatError, ParameterError, PlacementError, SimulationError
from saltation.model import Spikes


def described(chip=None, **more):
    """All that a file can hold: batches, writes, all recordings, events of one's own, a source."""
    experiment = placed_experiment(chip, **more)
    experiment.configuration.set("source_enable", 1, at=5)
    experiment.configuration.set("source_mode", 1, at=5)
    with experiment.section(60e-6, batch=3) as section:
        section.play("in", stimulus(3))
        section.record(Cadc(circuits=experiment.circuits("out"), samples=20, period=2.1e-6), name="v")
        section.record(Madc([0, 1], start=1e-6, samples=400), name="madc")
        section.record_spikes("hid", name="spikes")
        section.write_weights(20e-6, ("in", "hid"), -network().projections["in", "hid"].weight)
        section.write(30e-6, "node_enable", 0, at=(8, slice(0, 4)))
    with experiment.section(30e-6) as section:
        section.play_events(ChipEvents([1e-6, 3e-6], [5, 6], links=[1, 2]))
        section.record(IdealProbe([3, 400], [1e-6, 2.5e-6, 2.5e-6]), name="probe")
        section.record(Cadc(placement="dram"), name="all")
        section.read_counters(name="counters")
    return experiment


def arrays(experiment):
    found = {}
    for name, ticket in experiment.tickets.items():
        value = ticket.result()
        parts = (value.times, value.units, value.offsets) if isinstance(value, Spikes) else value
        for i, part in enumerate(parts if isinstance(parts, tuple) else (parts,)):
            found[f"{name} {i}"] = np.asarray(part)
    return found


def check_same(one, other):
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name])


def test_a_run_is_made_again_bit_for_bit(tmp_path):
    experiment = described()
    experiment.run()
    result = experiment.run(seed=7)
    expected = arrays(experiment)
    assert result.replay().digest == result.replay(threads=1).digest == result.digest
    assert experiment.chip.runs == 2
    path = experiment.save(tmp_path / "experiment.npz")
    assert list(tmp_path.iterdir()) == [path] and path.stat().st_size < 200_000
    loaded = Experiment.load(path, threads=1)
    assert loaded.chip.runs == 1 and loaded.chip.serial == 5 and loaded.chip.threads == 1
    assert loaded.configuration == experiment.configuration and list(loaded.tickets) == list(experiment.tickets)
    again = loaded.run()
    assert again.digest == result.digest and again.record.number == 2 and again.statistics.seed == 7
    check_same(arrays(loaded), expected)
    assert again.statistics.written == result.statistics.written == {}
    # and on, as the first one
    assert loaded.run().digest == experiment.run(seed=7).digest != result.digest


SCRIPT = """
import sys, numpy as np
from saltation.bss2 import Experiment
result = Experiment.load(sys.argv[1]).run()
print(result.digest)
"""


def test_in_another_process(tmp_path):
    experiment = described()
    result = experiment.run()
    path = experiment.save(tmp_path / "experiment.npz")
    command = [sys.executable, "-W", "error", "-c", SCRIPT, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == result.digest


def test_a_file_holds_the_last_run_or_where_something_changed_the_next(tmp_path):
    experiment = described()
    first = experiment.save(tmp_path / "next.npz")
    result = experiment.run()
    assert Experiment.load(first).run().digest == result.digest
    last = experiment.save(tmp_path / "last.npz")
    experiment.configuration.set("leak_v_leak", 310)
    changed = experiment.save(tmp_path / "changed.npz")
    kept = result.save(tmp_path / "kept.npz")
    after = experiment.run()
    assert Experiment.load(last).run().digest == Experiment.load(kept).run().digest == result.digest
    loaded = Experiment.load(changed)
    assert loaded.chip.runs == 1 and loaded.run().digest == after.digest != result.digest


def test_what_the_memory_held_before_is_part_of_it(tmp_path):
    # half a time constant: codes are still on their way from what was written before
    experiment = described(settling=1e-3)
    experiment.run()
    experiment.configuration.set("leak_v_leak", 330)
    result = experiment.run()
    fresh = Experiment(mild_chip(), configuration=experiment.configuration, settling=1e-3)
    fresh.add_sections(result.record.sections)
    fresh.chip.skip_to(1)
    assert fresh.run().digest != result.digest
    assert result.replay().digest == result.digest
    loaded = Experiment.load(experiment.save(tmp_path / "e.npz"))
    assert loaded.run().digest == result.digest and loaded.settling == 1e-3


def test_a_chip_of_ones_own_constants(tmp_path):
    chip = Chip(
        6,
        physics=Physics(line_saturation=900.0),
        variation=MILD.replace(synapse=0.2),
        noise=Noise(membrane=1e-3),
    )
    experiment = described(chip)
    result = experiment.run()
    loaded = Experiment.load(experiment.save(tmp_path / "e.npz"))
    assert (loaded.chip.physics, loaded.chip.variation, loaded.chip.noise) == (chip.physics, chip.variation, chip.noise)
    assert loaded.run().digest == result.digest


def test_one_goes_on_with_what_was_loaded(tmp_path):
    experiment = described()
    experiment.write_weights(("in", "hid"), np.full((10, 20), 90), cut=True)
    experiment.run()
    loaded = Experiment.load(experiment.save(tmp_path / "e.npz"))
    loaded.run()
    assert loaded.placed.placement.usage() == experiment.placed.placement.usage()
    for each in (experiment, loaded):
        each.clear()
        each.write_weights(("hid", "out"), np.full((20, 3), 5))
        with each.section(50e-6) as section:
            section.play("in", stimulus(1, seed=9))
            spikes = section.record_spikes("hid", name="again")
    results = experiment.run(), loaded.run()
    assert results[0].digest == results[1].digest and spikes.result().n_events > 10
    assert list(results[0].health) == list(results[1].health) and "weights cut: ('in', 'hid')" in results[1].health
    with pytest.raises(PlacementError, match="has a network already"):
        loaded.place(network())
    with pytest.raises(ParameterError, match="taken: "):
        Experiment.load(tmp_path / "e.npz").section(1e-3).record_spikes(name="v")


def test_a_named_projection_and_a_calibration(tmp_path):
    calibration = no_calibration(leak_v_leak=np.full(512, 305, np.int32))
    experiment = Experiment(mild_chip(), configuration=responsive(), calibration=calibration)
    net = network()
    net.add("more", network().populations["hid"])
    net.connect("in", "more", weight=np.full((10, 20), 3), name="named")
    experiment.place(net, rows={"named": 2}, kept=(0, 1))
    experiment.write_weights("named", np.full((10, 20), 100))
    with experiment.section(20e-6):
        pass
    result = experiment.run()
    loaded = Experiment.load(experiment.save(tmp_path / "e.npz"))
    assert loaded.placed.rows == experiment.placed.rows and loaded.placed.kept == (0, 1)
    np.testing.assert_array_equal(loaded.calibration.registers["leak_v_leak"], 305)
    assert loaded.run().digest == result.digest


def no_calibration(**registers):
    return Calibration(5, NeuronTarget(), registers, {}, 0.0)


def changed(path, change):
    """A file with another `about`, or other arrays."""
    with np.load(path, allow_pickle=False) as stored:
        content = {name: stored[name] for name in stored.files}
    about = json.loads(bytes(content["about"]).decode())
    change(about, content)
    content["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **content)
    path.write_bytes(buffer.getvalue())
    return path


def test_a_file_of_another_version_is_told(tmp_path):
    experiment = described()
    experiment.run()
    path = experiment.save(tmp_path / "e.npz")

    def older(about, content):
        about["origin"] |= {"saltation": "0.0.1", "sources": "abc"}

    changed(path, older)
    with pytest.warns(
        ChipWarning, match=r"saltation 0\.0\.1 there, .* here; sources abc there.*can give other results"
    ):
        loaded = Experiment.load(path)
    loaded.run()  # which are the same here, and nothing is said

    def other(about, content):
        about["digest"] = "0" * 64

    changed(path, other)
    with pytest.warns(ChipWarning, match=r"can give other results"):
        loaded = Experiment.load(path)
    with pytest.warns(ChipWarning, match=r"gave other results than that of the file; it was written elsewhere"):
        loaded.run()
    loaded.run()


def test_a_network_that_is_placed_elsewhere_now(tmp_path):
    experiment = described()
    result = experiment.run()
    path = experiment.save(tmp_path / "e.npz")

    def elsewhere(about, content):
        about["placed"]["digest"] = "0"

    changed(path, elsewhere)
    with pytest.warns(ChipWarning, match="places the network of the file elsewhere.*can be run as it is"):
        loaded = Experiment.load(path)
    assert loaded.run().digest == result.digest
    assert loaded.tickets["spikes"].result() == experiment.tickets["spikes"].result()
    with pytest.raises(PlacementError, match="has no network"):
        loaded.circuits("hid")


def test_a_replay_that_differs_is_told():
    experiment = described()
    result = experiment.run()
    assert result.digest
    result.__dict__["digest"] = "0"
    with pytest.raises(SimulationError, match="gave other results when it was made again"):
        result.replay()


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return described().save(tmp_path_factory.mktemp("saved") / "e.npz")


DAMAGES = {
    "format": lambda about, content: about.update(format="another"),
    "schema": lambda about, content: about.update(schema_version=99),
    "no seed": lambda about, content: about.pop("seed"),
    "list": lambda about, content: about.update(parts=3),
    "code": lambda about, content: content.update({"codes/leak_v_leak": np.zeros(3)}),
    "codes of another kind": lambda about, content: content.update({"codes/leak_v_leak": np.zeros(512, np.int32)}),
    "no number": lambda about, content: content.update({"codes/leak_v_leak": np.full(512, np.nan)}),
    "value": lambda about, content: content.update({"configuration/row_mode/value": np.full(3, 9)}),
    "place": lambda about, content: content["configuration/row_mode/at"].__setitem__(0, 10_000),
    "register": lambda about, content: content.update(
        {"before/other/at": np.zeros(1), "before/other/value": np.zeros(1)}
    ),
    "events": lambda about, content: content.update({"events/times": np.zeros(3)}),
    "counts": lambda about, content: content.update({"events/count": content["events/count"][:-1]}),
    "label": lambda about, content: content["events/labels"].__setitem__(0, 1 << 14),
    "recording": lambda about, content: about["recordings"][0].update(kind="Oscilloscope"),
    "write": lambda about, content: about["writes"][0][0].__setitem__(1, "leak_v_leak"),
    "ticket": lambda about, content: content.pop("ticket/1"),
    "physics": lambda about, content: about["physics"].update(speed=1.0),
    "serial": lambda about, content: about.update(serial="a"),
    "population": lambda about, content: about["placed"]["populations"].update(hid=["ALIF", 20]),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files(tmp_path, saved, damage):
    path = tmp_path / "bad.npz"
    path.write_bytes(saved.read_bytes())
    changed(path, DAMAGES[damage])
    with pytest.raises(FileFormatError, match=r"bad\.npz"):
        Experiment.load(path)


def test_what_is_no_experiment(tmp_path, saved):
    content, path = saved.read_bytes(), tmp_path / "bad.npz"
    cut = [b"", b"PK", content[:100], content[: len(content) // 2], content[:-1]]
    for bad in [*cut, content[:300] + b"????" + content[304:], b"{}", b"\x93NUMPY"]:
        path.write_bytes(bad)
        with pytest.raises(FileFormatError, match=r"bad\.npz is damaged, or not a file of Experiment\.save"):
            Experiment.load(path)
    no_calibration().save(path)
    with pytest.raises(FileFormatError, match=r"bad\.npz does not hold an experiment; Experiment\.save writes them"):
        Experiment.load(path)
    Configuration().save(path)
    with pytest.raises(FileFormatError, match=r"bad\.npz is damaged"):
        Experiment.load(path)
    with pytest.raises(FileNotFoundError):
        Experiment.load(tmp_path / "nothing.npz")


def test_origin_names_what_makes_the_numbers():
    made = origin()
    assert set(made) == {"saltation", "python", "numpy", "numba", "machine", "sources"} and len(made["sources"]) == 16


def test_a_state_of_a_chip():
    chip, configuration = mild_chip(), responsive(leak_v_leak=310)
    section = [Section(20e-6, recordings=[Cadc()])]
    chip.run(responsive(), section)
    before = chip.state
    first = chip.run(configuration, section, settling=1e-3)
    chip.restore(before)
    assert chip.runs == 1 and chip.configuration == responsive()
    other = mild_chip()
    other.restore(before)
    for each in (chip, other):
        again = each.run(configuration, section, settling=1e-3)
        assert again.written == first.written and again.number == 2
        np.testing.assert_array_equal(again.sections[0].samples[0], first.sections[0].samples[0])
    with pytest.raises(ValueError, match="read-only"):
        before.configuration["leak_v_leak"][0] = 3
    with pytest.raises(ValueError, match="read-only"):
        before.codes["leak_v_leak"][0] = 3.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chip.configuration["leak_v_leak"][0] = 3  # a copy
