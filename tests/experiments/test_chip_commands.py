"""`saltation chip`: what it prints, where, and with which exit code."""

import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

import saltation as sal
from saltation.bss2 import Calibration, Chip, Configuration, Section, calibrate, place
from saltation.cli import cli
from saltation.errors import ParameterError
from saltation.experiments.chip.networks import network_of

PNG = b"\x89PNG"


@pytest.fixture
def run():
    return lambda *arguments: CliRunner().invoke(cli, ["chip", *map(str, arguments)])


def cells(text, name):
    """Of a table, what stands behind a name."""
    return next(line for line in text.splitlines() if line.startswith(name))[len(name) :].split()


def test_help_answers_without_the_compiler(run):
    result = run("--help")
    assert result.exit_code == 0 and all(name in result.output for name in ("place", "describe", "calibrate"))
    code = (
        "import sys; from click.testing import CliRunner; from saltation.cli import cli\n"
        "assert CliRunner().invoke(cli, ['chip', 'place', '--help']).exit_code == 0\n"
        "sys.exit('numba' in sys.modules or 'saltation.bss2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_place_tells_what_a_network_takes(run, tmp_path):
    result = run("place", "256-246-10", "--map", tmp_path / "maps" / "mnist.png")
    assert result.exit_code == 0, result.stderr
    assert cells(result.stdout, "neuron circuits") == ["512", "512"]
    assert cells(result.stdout, "hid  ") == "spiking 246 246 x 2 256 of 256 256 8".split()
    assert cells(result.stdout, "hid -> out") == "246 x 10 1 4920 246 63".split()
    assert (tmp_path / "maps" / "mnist.png").read_bytes()[:4] == PNG


def test_place_as_json_is_what_the_placement_says(run):
    record = json.loads(run("place", "5-120-3", "--rows", "2", "--json").stdout)
    placed = place(network_of("5-120-3"), rows=2)
    assert record["fits"] and record["reason"] is None and record["parts"] == 1
    assert record["resources"] == {
        name: {"needed": needed, "there": there} for name, (needed, there) in placed.usage().items()
    }
    assert [each["rows"] for each in record["projections"]] == [2, 2]
    assert [each["joined"] for each in record["populations"]] == [0, 1, 2]


def test_place_refuses_with_what_is_needed(run):
    result = run("place", "784-350-10")
    assert result.exit_code == 2 and result.stdout == ""
    assert "does not fit: the network needs 2840 circuits" in result.stderr
    assert "saltation.bss2.Backend runs it in 7 parts, one after another, by itself" in result.stderr
    assert "smaller" not in result.stderr
    assert cells(result.stderr, "neuron circuits") == ["2840", "512", "too", "much"]
    assert cells(result.stderr, "hid  ") == "350 350 x 8 784 of 1024".split()
    result = run("place", "784-350-10", "--json")
    record = json.loads(result.stdout)
    assert result.exit_code == 2 and not record["fits"] and record["populations"] == []
    assert record["resources"]["neuron circuits"] == {"needed": 2840, "there": 512}
    assert record["asked"]["hid"] == {"neurons": 350, "joined": 8} and record["parts"] == 7
    result = run("place", "9000-3")
    assert result.exit_code == 2 and "9000 signed inputs" in result.stderr and "at most 64 can be" in result.stderr
    result = run("place", "5-600-3", "--rows", "2")
    assert result.exit_code == 2 and "take one row for the projection ('hid', 'out')" in result.stderr
    assert "Backend runs it" not in result.stderr
    assert json.loads(run("place", "5-600-3", "--rows", "2", "--json").stdout)["parts"] == 0


def test_place_reads_nir_files(run, tmp_path):
    pytest.importorskip("nir")
    net = network_of("5-12-3")
    noted, delayed = tmp_path / "net.nir", tmp_path / "delayed.nir"
    sal.io.write_nir(noted, net, time_unit="ms")
    assert json.loads(run("place", noted, "--json").stdout)["network"] == repr(net)
    net.connect("in", "out", weight=np.ones((5, 3)), delay=1e-3)
    sal.io.write_nir(delayed, net, time_unit="ms")
    result = run("place", delayed)
    assert result.exit_code == 2 and "the chip has no programmable ones" in result.stderr
    import nir

    graph = nir.read(noted)
    graph.metadata = {}
    nir.write(tmp_path / "bare.nir", graph)
    result = run("place", tmp_path / "bare.nir")
    assert result.exit_code == 2 and "time_unit" in result.stderr
    assert run("place", tmp_path / "bare.nir", "--time-unit", "ms").exit_code == 0


@pytest.mark.parametrize("named", ["5", "5-", "-5-3", "5-0-3", "5-x-3", "nothing.nir", "nothing", "1000000-3"])
def test_place_says_what_a_network_is(run, named):
    result = run("place", "--", named)
    assert result.exit_code == 2 and result.stdout == "" and "Traceback" not in result.stderr
    assert "NET must" in result.stderr or "nothing.nir does not exist" in result.stderr


def test_networks_of_sizes():
    net = network_of("4-3-2-1")
    assert [type(each).__name__ for each in net.populations.values()] == ["Input", "LIF", "LIF", "LI"]
    assert [type(each).__name__ for each in network_of("4-1").populations.values()] == ["Input", "LI"]
    assert list(net.projections) == [("in", "hid1"), ("hid1", "hid2"), ("hid2", "out")]
    with pytest.raises(ParameterError, match=r"layers of 1\.\.100000 units; got '4-0'"):
        network_of("4-0")


def test_describe(run, tmp_path):
    assert run("describe", "--serial", "4").stdout == Chip(serial=4).describe() + "\n"
    configuration = Configuration(leak_v_leak=500)
    configuration.write_row(1, 3, [5] * 256)
    configuration.save(tmp_path / "chip.json")
    text = run("describe", "--serial", "4", "--configuration", tmp_path / "chip.json").stdout
    assert text.startswith("emulated chip BrainScaleS-2, serial number 4") and "leak_v_leak 512" in text
    assert configuration.describe() in text
    # all that a chip tells on which it is written
    chip = Chip(serial=4)
    assert text == chip.describe(configuration) + "\n"
    chip.run(configuration, [Section(1e-6)])
    assert text == chip.describe().replace("1 runs so far", "0 runs so far") + "\n"


def test_describe_tells_a_calibration_from_a_configuration(run, tmp_path):
    np.savez(tmp_path / "chip.npz", a=np.zeros(3))
    result = run("describe", "--configuration", tmp_path / "chip.npz")
    assert result.exit_code == 2 and "does not hold a configuration, which Configuration.save writes" in result.stderr
    assert "NPZ file: Calibration.load" in result.stderr and "apply(configuration)" in result.stderr
    (tmp_path / "chip.json").write_text("{")
    result = run("describe", "--configuration", tmp_path / "chip.json")
    assert result.exit_code == 2 and "as JSON: Expecting" in result.stderr and "Calibration" not in result.stderr


def test_calibrate(run, tmp_path):
    out, picture = tmp_path / "new" / "chip.npz", tmp_path / "spreads.png"
    result = run("calibrate", "--serial", "1", "--out", out, "--plot", picture)
    assert result.exit_code == 0, result.stderr
    assert picture.read_bytes()[:4] == PNG
    kept = Calibration.load(out)
    assert kept.serial == 1
    summary = kept.summary()
    for name, row in summary.items():
        unit, median, before, after, ratio, failed, at_ends = cells(result.stdout, f"{name} ")
        scale = 1e6 if unit == "us" else 1.0
        assert float(median) == pytest.approx(scale * row["median"], abs=0.005)
        assert float(after) == pytest.approx(scale * row["after"], abs=0.005)
        assert float(before) > float(after) and float(ratio) == pytest.approx(row["ratio"], abs=5e-4)
        assert (float(failed), float(at_ends)) == (row["failed"], row["at_ends"])
    assert "excitatory_input_i_shift_reference" in result.stdout and "s on hardware" in result.stdout
    record = json.loads(run("calibrate", "--serial", "1", "--json").stdout)
    assert record["quantities"] == summary and record["at_ends"] == kept.at_ends()
    assert kept.summary() == calibrate(Chip(serial=1)).summary()
