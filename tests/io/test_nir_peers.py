"""NIR files between Saltation and other frameworks, each with its own importer and exporter; skipped without them.

They are looked for in this environment, or in that of the interpreter named by SALTATION_PEER_PYTHON.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import saltation as sal

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PYTHON = os.environ.get("SALTATION_PEER_PYTHON", sys.executable)


@pytest.fixture
def exchange(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import nir_exchange

    return nir_exchange.exchange


@pytest.mark.parametrize("framework", ["snntorch", "norse"])
@pytest.mark.parametrize("what", ["read", "write"])
def test_the_spikes_are_the_same_as_steps_become_small(framework, what, exchange):
    found = subprocess.run(
        [PYTHON, "-c", f"import nir, nirtorch, {framework}"], capture_output=True, text=True, check=False
    )
    if found.returncode:
        pytest.skip(f"{framework} with nirtorch is not installed in {PYTHON}: pip install {framework} nirtorch")
    coarse, fine = (exchange(framework, PYTHON, what, dt, seed=1) for dt in (1e-4, 2.5e-5))
    assert coarse["spikes_here"] > 20
    assert abs(fine["spikes_here"] - fine["spikes_there"]) <= 1  # one may come just before the end, or not
    assert fine["mean_distance"] < 4 * fine["dt"]
    assert fine["mean_distance"] < 0.5 * coarse["mean_distance"]


JAXSNN = """
import inspect, jaxsnn.event as event
assert "weight.T" in inspect.getsource(event.from_nir.__globals__["node_from_nir"]), "its reader does not turn weights"
"""


@pytest.mark.parametrize("recurrent", [False, True])
def test_jaxsnn_has_our_spikes(recurrent, tmp_path):
    found = subprocess.run([PYTHON, "-c", JAXSNN], capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip(f"jaxsnn later than 0.3.0, whose reader does not turn weights, is not installed in {PYTHON}")
    rng = np.random.default_rng(1)
    net = sal.Network()
    net.add("in", sal.Input(5))
    net.add("hid", sal.LIF(12, tau_mem=10e-3, tau_syn=5e-3, v_th=0.8, v_reset=-0.1))
    net.add("out", sal.LIF(3, tau_mem=8e-3, tau_syn=4e-3))
    net.connect("in", "hid", weight=rng.normal(1.4, 0.7, (5, 12)))
    net.connect("hid", "out", weight=rng.normal(0.5, 0.2, (12, 3)))
    if recurrent:
        net.connect("hid", "hid", weight=rng.normal(-0.1, 0.1, (12, 12)))
    times, units = np.sort(rng.uniform(0.0, 40e-3, 20)), rng.integers(0, 5, 20)
    sal.io.write_nir(tmp_path / "net.nir", net, time_unit="ms", reader="jaxsnn")
    np.savez(tmp_path / "stimulus.npz", times=times, units=units, t_max=60e-3, room=400)
    script = BENCHMARKS / "peers" / "nir_jaxsnn.py"
    subprocess.run([PYTHON, str(script), str(tmp_path)], check=True, capture_output=True)
    run = sal.simulate(net, {"in": sal.Spikes.from_lists([(times, units)], n_units=5)}, 60e-3)
    with np.load(tmp_path / "spikes.npz") as stored:
        for name in ("hid", "out"):
            ours, who = run.spikes[name].sample(0)
            theirs, their_units = stored[f"{name}/times"], stored[f"{name}/units"]
            assert len(ours) == len(theirs) > 30
            mine, other = np.lexsort((ours, who)), np.lexsort((theirs, their_units))
            np.testing.assert_array_equal(who[mine], their_units[other])
            np.testing.assert_allclose(ours[mine], theirs[other], atol=1e-12)
