"""The examples of the README run, in their order, as they stand there."""

import re
from pathlib import Path

import pytest

import saltation as sal

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
