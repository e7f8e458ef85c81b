"""The examples of the README and of pages of the docs run, in their order, as they stand there."""

import re
from pathlib import Path

import numpy as np
import pytest

import saltation as sal

DOCS = Path(__file__).parents[1] / "docs"
BLOCKS = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8"), re.S)


def test_examples(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("torch")
    pytest.importorskip("nir")
    names: dict = {}
    pytest.importorskip("jax")
    assert len(BLOCKS) == 6
    exec(compile(BLOCKS[0], "README (NumPy)", "exec"), names)
    assert names["run"].voltage["out"].shape == (64, 3)
    assert names["g"].weight["in", "hid"].any()
    exec(compile(BLOCKS[1], "README (PyTorch)", "exec"), names)
    snn = names["sal"].torch.SNN(names["net"])
    untrained = snn({"in": names["stimulus"]}, duration=60e-3).voltage("out")
    assert names["loss"] < names["torch"].nn.functional.cross_entropy(untrained, names["labels"])
    assert all((delay >= 0.0).all() for name, delay in names["snn"].named_parameters() if "delay" in name)
    exec(compile(BLOCKS[2], "README (JAX)", "exec"), names)
    assert set(names["gradient"]) == {"weight_in_hid", "weight_hid_hid", "weight_hid_out"}
    assert all(names["jax"].numpy.isfinite(value).all() for value in names["gradient"].values())
    exec(compile(BLOCKS[3], "README (grid)", "exec"), names)
    assert names["run"].voltage["hid"].shape == (64, 61, 120)
    assert isinstance(names["net"], sal.Network)
    assert names["apply"](names["init"](), {"in": names["stimulus"]}).voltage("out").shape == (64, 3)
    exec(compile(BLOCKS[4], "README (convolution, NIR)", "exec"), names)
    read, seeing = sal.io.read_nir("seeing.nir"), names["seeing"]
    assert [len(each.populations) for each in (read, seeing)] == [3, 3]
    spikes = [sal.simulate(net, {"in": names["pixels"]}, 60e-3).spikes["maps"] for net in (read, seeing)]
    assert spikes[0] == spikes[1] and spikes[0].n_events > 100
    exec(compile(BLOCKS[5], "README (chip)", "exec"), names)
    assert names["run"].spikes["out"].n_events > 20 and names["run"].spikes["out"] != spikes[0]


def test_examples_of_the_page_on_grids():
    page = (Path(__file__).parents[1] / "docs" / "grid.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.S)
    names: dict = {}
    exec(compile(block, "docs/grid.md", "exec"), names)
    assert names["run"].voltage["hid"].shape == (8, 61, 40)


def test_examples_of_the_page_on_experiments(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[1] / "docs" / "experiment.md").read_text(encoding="utf-8")
    first, runs, inside, files = re.findall(r"```python\n(.*?)```", page, re.S)
    names: dict = {}
    exec(compile(first, "docs/experiment.md (first)", "exec"), names)
    assert names["values"].shape == (8, 36, 3) and names["counters"].result().shape == (8, 40)
    assert names["spikes"].result().n_events > 100 and names["result"].health.ok
    exec(compile(runs, "docs/experiment.md (runs)", "exec"), names)
    assert names["later"].result().batch == 4
    exec(compile(inside, "docs/experiment.md (inside)", "exec"), names)
    assert names["changed"].result().values.shape == (51, 2)
    exec(compile(files, "docs/experiment.md (files)", "exec"), names)
    assert list(names["loaded"].tickets) == list(names["experiment"].tickets) and (tmp_path / "experiment.npz").exists()


def test_examples_of_the_page_on_the_chip(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    jax = pytest.importorskip("jax")
    page = (DOCS / "chip.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.S)
    names: dict = {}
    for i, block in enumerate(blocks):
        exec(compile(block, f"docs/chip.md ({i})", "exec"), names)
    assert len(blocks) == 8
    assert names["target"].coba_reference("inh")[0] == 102.5
    readings = names["readings"].astype(int)
    assert np.all(readings[14] - readings[5] > 5)  # 3 us after the first event, against before it
    assert np.ptp(readings[5]) > 3  # mismatch
    assert names["spread"]["ratio"] < 0.2 and names["configuration"]["leak_i_bias"].std() > 10
    assert (names["used"], names["there"]) == (123, 512)
    assert names["drivers"] == {"in": 0, "hid": 25, "out": 120}
    assert names["run"].spikes["hid"].n_events > 100 and names["gradient"].shape == (25, 120)
    assert names["gradient"].any() and 40 < names["scale"] < 120
    jax.effects_barrier()
    assert np.isfinite(names["value"]) and all(np.any(each) for each in names["gradients"].values())
    assert names["backend"].chip.runs == 3  # by hand, by simulate, and by JAX
    assert "120 can spike" in " ".join(names["configured"].split())
    assert 0.18e-6 < names["offset"] < 0.23e-6 and names["scales"].circuits.size == 120
    from matplotlib import pyplot as plt

    plt.close("all")


def test_commands_of_the_page_on_the_chip_exist():
    from saltation.cli import cli

    page = (DOCS / "chip.md").read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```console\n(.*?)```", page, re.S) for line in block.splitlines()]
    assert len(lines) == 6
    for line in lines:
        words = line.partition("#")[0].split()
        assert words[0] == "saltation"
        command = cli.commands[words[1]].get_command(None, words[2])
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known


def test_constants_of_the_page_on_the_chip_are_those_of_the_code(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS.parent / "benchmarks"))
    import chip_pages

    page = (DOCS / "chip.md").read_text(encoding="utf-8")
    between = page.partition("<!-- constants:begin -->")[2].partition("<!-- constants:end -->")[0]
    assert between.strip() == chip_pages.constants()
    for name in re.findall(r"\(images/(\w+\.png)\)", page):
        assert (DOCS / "images" / name).exists()
