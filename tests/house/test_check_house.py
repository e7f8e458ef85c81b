"""The house rules, each on a tree of a few files that breaks one of them."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "check_house.py"
spec = importlib.util.spec_from_file_location("check_house", SCRIPT)
check_house = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_house)


@pytest.fixture
def problems(tmp_path):
    """Write files, given as {path: text}, and return the complaints about them."""

    def run(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return list(check_house.check(tmp_path))

    return run


def module(code):
    return f'"""A module."""\n{code}\n'


@pytest.mark.parametrize(
    "path, code",
    [
        ("engine/run.py", "from saltation.kernels.flow import lif"),
        ("engine/run.py", "from ..model import Network"),
        ("engine/run.py", "from .adjoint import gradient"),
        ("engine/run.py", "from . import adjoint"),
        ("model/neurons.py", "from saltation import errors\nimport numpy"),
        ("torch/snn.py", "import torch\nfrom saltation.engine import simulate"),
        ("plot/raster.py", "from saltation.model import Spikes"),
        ("data/gestures.py", "from saltation.io import from_tonic"),
        ("neurobench/tasks/reaching.py", "from saltation.data import reaching"),
        ("experiments/yinyang.py", "import torch\nimport saltation as sal\nfrom saltation.torch import SNN"),
        (
            "__init__.py",
            "from saltation.engine import simulate\ndef __getattr__(n):\n    import saltation.torch",
        ),
        ("__init__.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import saltation.torch"),
        ("cli.py", "print('hello')"),
    ],
)
def test_allowed(problems, path, code):
    assert problems({f"src/saltation/{path}": module(code)}) == []


@pytest.mark.parametrize(
    "path, code, message",
    [
        ("model/a.py", "from saltation.kernels import flow", "'model' imports saltation.kernels, above it"),
        ("model/a.py", "from ..engine.run import Run", "'model' imports saltation.engine, above it"),
        ("model/a.py", "from .. import engine", "'model' imports saltation.engine, above it"),
        ("model/a.py", "from saltation import engine", "'model' imports saltation.engine, above it"),
        ("model/a.py", "def f():\n    import saltation.engine", ":3: 'model' imports saltation.engine"),
        ("model/a.py", "from saltation import Network", "public names"),
        ("model/a.py", "import saltation", "public names"),
        ("model/a.py", "from saltation.misc import x", "'misc' has no place"),
        ("misc/a.py", "", "'misc' has no place in the import order"),
        ("torch/a.py", "import saltation.jax.lif", "saltation.jax, its neighbour"),
        ("plot/a.py", "from saltation.continual import learn", "saltation.continual, its neighbour"),
        ("io/a.py", "from saltation.data import yinyang", "saltation.data, above it"),
        ("data/a.py", "from saltation.torch import SNN", "must work where torch is not installed"),
        ("engine/a.py", "def f():\n    import torch", "'engine' imports torch, which is optional"),
        ("torch/a.py", "from jax import numpy", "'torch' imports jax, which is optional"),
        ("__init__.py", "import saltation.torch", "must work where torch is not installed"),
        ("engine/a.py", "print('hello')", "only cli.py talks to the terminal"),
        ("engine/a.py", "def f(:", "does not parse"),
    ],
)
def test_refused(problems, path, code, message):
    found = problems({f"src/saltation/{path}": module(code)})
    assert len(found) == 1 and message in found[0]
    assert found[0].startswith(str(Path("src/saltation", path)) + ":")


def test_public_modules_have_docstrings(problems):
    found = problems({"src/saltation/model/__init__.py": "", "src/saltation/model/_private.py": "x = 1\n"})
    assert len(found) == 1
    assert found[0].startswith(f"{Path('src/saltation/model/__init__.py')}:1: no module docstring")


def test_length(problems):
    found = problems({"tests/test_a.py": "x = 1\n" * 500, "benchmarks/b.py": "x = 1\n" * 501})
    assert len(found) == 1 and "501 lines, 500 allowed" in found[0]


def test_exit_status(tmp_path):
    source = tmp_path / "src" / "saltation"
    source.mkdir(parents=True)
    (source / "errors.py").write_text(module(""))
    command = [sys.executable, str(SCRIPT), str(tmp_path)]
    good = subprocess.run(command, capture_output=True, text=True)
    assert good.returncode == 0 and "in order" in good.stdout
    (source / "errors.py").write_text("import saltation.cli\n")
    bad = subprocess.run(command, capture_output=True, text=True)
    assert bad.returncode == 1 and "2 problem(s)" in bad.stdout
