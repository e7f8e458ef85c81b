"""NIR files between Saltation and other frameworks, each with its own importer and exporter; skipped without them.

They are looked for in this environment, or in that of the interpreter named by SALTATION_PEER_PYTHON.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
