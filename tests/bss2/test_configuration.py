"""The digital state of a chip: what may be in it, and how it is kept."""

import json

import numpy as np
import pytest

from saltation.bss2 import REGISTERS, Configuration
from saltation.bss2 import geometry as g
from saltation.bss2.registers import ANALOG, BOTH, NEURON_CODES, NOT_YET, node_exists
from saltation.errors import ConfigurationError, FileFormatError


def test_what_there_is():
    configuration = Configuration()
    assert len(NEURON_CODES) == 24 and len(configuration) == len(REGISTERS)
    assert configuration["synapse_weight"].shape == (2, 256, 256)
    assert configuration["leak_v_leak"].shape == (512,)
    assert all(register.low <= register.default <= register.high for register in REGISTERS.values())
    assert all(register.high == 1022 for name, register in ANALOG.items())
    configuration.validate()
    assert repr(configuration) == "Configuration(as after a reset)"


def test_nodes_of_the_crossbar():
    nodes = np.array([[node_exists(i, o) for o in range(12)] for i in range(20)])
    assert nodes.sum() == 76
    # an output of neurons: a bus of each hemisphere and a link; a link in: all buses; a source: one bus and one link
    assert np.all(nodes[:8, :8].sum(axis=1) == 2) and np.all(nodes[:8, 8:].sum(axis=1) == 1)
    assert np.all(nodes[8:12, :8]) and np.all(nodes[12:, :8].sum(axis=1) == 1)
    assert np.all(nodes[12:, :8].sum(axis=0) == 1)


@pytest.mark.parametrize(
    ("name", "value", "at", "message"),
    [
        ("synapse_weight", 64, (0, 3, 4), r"synapse_weight must be 0\.\.63; got 64 at \(0, 3, 4\); .*parallel rows"),
        ("synapse_weight", -1, (1, 255, 255), r"synapse_weight must be 0\.\.63; got -1 at \(1, 255, 255\)"),
        ("synapse_label", 64, (1, 0, 0), r"synapse_label must be 0\.\.63; got 64 at \(1, 0, 0\)"),
        ("leak_v_leak", 1023, 7, r"leak_v_leak must be 0\.\.1022; got 1023 at \(7,\).*refresh"),
        ("leak_v_leak", np.full(512, 1023), ..., r"got 1023 at \(0,\)"),
        ("membrane_capacitance_capacitance", 64, 511, r"0\.\.63; got 64 at \(511,\)"),
        ("leak_v_leak", 400.0, 7, r"must be whole numbers; got the dtype float64"),
        ("leak_v_leak", [1, 2, 3], slice(0, 2), r"has the shape \(512,\); got values of shape \(3,\)"),
        ("leak_v_leak", 3, 512, r"has the shape \(512,\)"),
        ("leak_v_leek", 3, 0, r"did you mean 'leak_v_leak'"),
    ],
)
def test_what_may_not_be_written(name, value, at, message):
    configuration = Configuration()
    with pytest.raises(ConfigurationError, match=message):
        configuration.set(name, value, at=at)
    assert configuration == Configuration()


def test_what_is_written_past_the_checks_is_found():
    configuration = Configuration()
    configuration["synapse_weight"][1, 2, 3] = 64
    with pytest.raises(ConfigurationError, match=r"synapse_weight must be 0\.\.63; got 64 at \(1, 2, 3\)"):
        configuration.validate()


def test_a_row_has_one_sign():
    configuration, weights = Configuration(), np.zeros(256, int)
    weights[:3] = 4, 5, -6
    with pytest.raises(
        ConfigurationError, match=r"row 8 of hemisphere 1 must have weights of one sign; got 2 .* 1 neg"
    ):
        configuration.write_row(1, 8, weights)
    configuration.write_row(1, 8, -np.abs(weights), label=5)
    assert configuration["row_mode"][1, 8] == 2 and configuration["synapse_weight"][1, 8, :3].tolist() == [4, 5, 6]
    assert np.all(configuration["synapse_label"][1, 8] == 5)
    configuration.write_row(1, 8, np.abs(weights))
    assert configuration["row_mode"][1, 8] == 1
    configuration.write_row(1, 8, 0 * weights)
    assert configuration["row_mode"][1, 8] == 0
    with pytest.raises(ConfigurationError, match="a row has 256 weights"):
        configuration.write_row(1, 8, [1, 2])
    configuration.set("row_mode", BOTH, at=(0, 5))
    with pytest.raises(ConfigurationError, match=r"row_mode must be one sign.*got 3, both signs, at \(0, 5\)"):
        configuration.validate()


def test_what_does_not_go_together():
    configuration = Configuration()
    configuration["node_enable"][0, 1] = 1
    with pytest.raises(ConfigurationError, match=r"no node; got 1 at \(0, 1\)"):
        configuration.validate()
    configuration = Configuration()
    configuration["readout_enable_madc"][[2, 4]] = 1
    with pytest.raises(ConfigurationError, match=r"one input for even circuits; got 2, \[2, 4\]"):
        configuration.validate()
    configuration["readout_enable_madc"][:] = 0
    configuration["readout_enable_madc"][[2, 5]] = 1
    configuration.validate()


@pytest.mark.parametrize("name", NOT_YET)
def test_what_has_no_effect_yet_is_refused(name):
    configuration = Configuration()
    configuration.set(name, 1, at=[7, 9])
    with pytest.raises(ConfigurationError, match=rf"{name} must be 0: .* not supported yet; got 1 for 2 circuits.* 7"):
        configuration.validate()


def test_differences():
    first = Configuration(leak_v_leak=300)
    second = first.copy()
    assert first == second and first is not second and first.differences(second) == {}
    second["synapse_weight"][0, 0, :7] = 3
    assert first != second and first.differences(second) == {"synapse_weight": 7} and not first.settles(second)
    second.set("leak_v_leak", 301, at=9)
    assert second.differences(first) == {"leak_v_leak": 1, "synapse_weight": 7} and first.settles(second)
    assert first["leak_v_leak"][9] == 300
    assert "synapse_weight: 7" in repr(second)
    assert first != 3


def test_save_and_load(tmp_path):
    rng = np.random.default_rng(0)
    configuration = Configuration()
    for name, register in REGISTERS.items():
        if name not in ("node_enable", "row_mode", "readout_enable_madc"):
            configuration[name][...] = rng.integers(register.low, register.high + 1, register.shape)
    configuration["row_mode"][...] = rng.integers(0, 3, (2, 256))
    path = configuration.save(tmp_path / "chip.json")
    assert Configuration.load(path) == configuration
    assert Configuration.from_dict(configuration.to_dict()) == configuration
    assert len(Configuration().save(tmp_path / "empty.json").read_text()) < 200


def damaged(stored, how):
    entry = stored["registers"]["leak_v_leak"]
    if how == "format":
        stored["format"] = "another"
    elif how == "version":
        stored["schema_version"] = 99
    elif how == "name":
        stored["registers"]["leak"] = entry
    elif how == "place":
        entry["at"] = [512]
    elif how == "value":
        entry["value"] = [2000]
    elif how == "length":
        entry["value"] = [1, 2, 3]
    elif how == "kind":
        entry["value"] = ["many"]
    else:
        stored["registers"] = how
    return stored


@pytest.mark.parametrize("how", ["format", "version", "name", "place", "value", "length", "kind", 3, None])
def test_damaged_files(tmp_path, how):
    configuration = Configuration()
    configuration.set("leak_v_leak", 500, at=3)
    path = tmp_path / "chip.json"
    path.write_text(json.dumps(damaged(configuration.to_dict(), how)))
    with pytest.raises((ConfigurationError, FileFormatError)):
        Configuration.load(path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"3"])
def test_no_configuration(tmp_path, content):
    path = tmp_path / "chip.json"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"chip\.json does not hold"):
        Configuration.load(path)


def test_places():
    assert [g.quadrant_of(i) for i in (0, 127, 128, 255, 256, 511)] == [0, 0, 1, 1, 2, 3]
    assert [g.hemisphere_of(i) for i in (255, 256)] == [0, 1] and g.column_of(300) == 44
    assert [g.output_of(i) for i in (0, 31, 32, 256, 511)] == [0, 0, 1, 0, 7]
    # every bus has 32 drivers, at 32 positions
    for hemisphere in range(2):
        buses = [g.bus_of_row(hemisphere, row) for row in range(256)]
        assert all(buses.count(bus) == 64 for bus in range(4 * hemisphere, 4 * hemisphere + 4))
        of_first = [g.select_of_row(row) for row in range(256) if buses[row] == 4 * hemisphere]
        assert sorted(of_first) == sorted([*range(32), *range(32)])
