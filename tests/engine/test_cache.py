"""The cache of compiled kernels: new after every edit, silent towards the user's own, and not needed to work.

Each test runs small programs in processes of their own; what they compile is one tiny network.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import saltation

SOURCE = Path(saltation.__file__).parent
PROGRAM = """
import logging, os
logging.basicConfig(format="LOG %(levelname)s %(message)s")
from numba import config
before = config.CACHE_DIR, dict(os.environ)
import saltation as sal
net = sal.Network()
net.add("in", sal.Input(1))
net.add("a", sal.LI(1))
net.connect("in", "a", weight=[[1.0]])
def files():
    base = os.environ.get("SALTATION_CACHE_DIR", "")
    return sorted(f for _, _, found in os.walk(base) for f in found if f.endswith((".nbi", ".nbc")))
print("FRESH", [f for f in files() if "narrow" in f])
run = sal.simulate(net, {"in": sal.Spikes.from_lists([([0.0], [0])])}, 0.01)
print("VOLTAGE", run.state.voltage("a")[0, 0])
print("FILES", len(files()), sum(os.stat(os.path.join(d, f)).st_mtime_ns for d, _, found in
      os.walk(os.environ.get("SALTATION_CACHE_DIR", "")) for f in found if f.endswith((".nbi", ".nbc"))))
print("UNTOUCHED", before == (config.CACHE_DIR, dict(os.environ)))
"""


def program(package, cache, **environment):
    """Lines that the program prints, by their first word, and what it logs."""
    variables = {**os.environ, "PYTHONPATH": str(package), "SALTATION_CACHE_DIR": str(cache), **environment}
    variables.pop("NUMBA_DISABLE_JIT", None)
    variables["NUMBA_OPT"] = "0"  # compiles sooner
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=variables,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    return found, done.stderr


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """A cache filled by one process; and what that process saw."""
    cache = tmp_path_factory.mktemp("cache")
    return cache, *program(SOURCE.parent, cache)


def test_nothing_is_compiled_before_it_is_used(compiled):
    _, found, _ = compiled
    assert found["FRESH"] == "[]"
    assert int(found["FILES"].split()[0]) > 0


def test_the_users_numba_and_environment_stay_as_they_are(compiled):
    _, found, log = compiled
    assert found["UNTOUCHED"] == "True"
    assert "LOG" not in log


def test_a_second_process_loads_what_the_first_compiled(compiled):
    cache, first, _ = compiled
    second, _ = program(SOURCE.parent, cache)
    assert second["FILES"] == first["FILES"]
    assert second["VOLTAGE"] == first["VOLTAGE"]


def test_an_edit_of_the_physics_takes_effect_in_the_same_cache(compiled, tmp_path):
    cache, before, _ = compiled
    shutil.copytree(SOURCE, tmp_path / "saltation", ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "saltation" / "kernels" / "physics" / "lif.py"
    text = path.read_text()
    line = "return x[0], x[1] + w"
    assert line in text
    path.write_text(text.replace(line, "return x[0], x[1] + 2.0 * w"))
    after, _ = program(tmp_path, cache)
    assert float(after["VOLTAGE"]) == pytest.approx(2.0 * float(before["VOLTAGE"]), rel=1e-14)
    again, _ = program(SOURCE.parent, cache)
    assert again["VOLTAGE"] == before["VOLTAGE"]


def test_without_a_folder_that_can_be_written_it_still_runs(compiled, tmp_path):
    _, before, _ = compiled
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    found, log = program(SOURCE.parent, blocked / "below")
    assert found["VOLTAGE"] == before["VOLTAGE"]
    assert found["UNTOUCHED"] == "True"
    assert "LOG WARNING" in log
    assert "SALTATION_CACHE_DIR" in log
