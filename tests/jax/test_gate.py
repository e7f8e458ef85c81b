import importlib
import json
import sys
import warnings

import pytest

from saltation.errors import MissingDependencyError, ParameterError
from saltation.jax import KernelWarning, gate
from saltation.kernels import cache


@pytest.fixture(autouse=True)
def _ask_anew(monkeypatch):
    monkeypatch.delenv(gate.ENVIRONMENT, raising=False)
    gate.may_use_ffi.cache_clear()
    yield
    gate.may_use_ffi.cache_clear()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(gate, "cache_folder", lambda: tmp_path)
    return tmp_path


def test_without_jax_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "saltation.jax", raising=False)
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "saltation\[jax\]"'):
        importlib.import_module("saltation.jax")


def test_all_public_names_exist():
    module = importlib.import_module("saltation.jax")
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("version", ["0.10.2", "0.11.1"])
def test_broken_versions_are_refused(version, monkeypatch):
    with pytest.raises(MissingDependencyError, match=rf"jax {version}: .*; install another version"):
        gate.refuse(version)
    import jax

    monkeypatch.setattr(jax, "__version__", version)
    monkeypatch.delitem(sys.modules, "saltation.jax", raising=False)
    with pytest.raises(MissingDependencyError, match=version):
        importlib.import_module("saltation.jax")


def test_the_version_of_the_interface_is_that_of_this_jaxlib():
    assert gate.api_version() in gate.TESTED


def test_an_unknown_interface_goes_through_python_with_one_warning(monkeypatch):
    monkeypatch.setattr(gate, "api_version", lambda: (1, 0))
    with pytest.warns(KernelWarning, match=r"version 1\.0 of XLA's interface.*not been tried"):
        assert not gate.may_use_ffi()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not gate.may_use_ffi()


def test_the_environment_decides_where_it_speaks(monkeypatch):
    for value, expected in (("callback", False), ("ffi", True)):
        gate.may_use_ffi.cache_clear()
        monkeypatch.setenv(gate.ENVIRONMENT, value)
        assert gate.may_use_ffi() is expected
    gate.may_use_ffi.cache_clear()
    monkeypatch.setenv(gate.ENVIRONMENT, "fast")
    with pytest.raises(ParameterError, match='"ffi" or "callback"; got \'fast\''):
        gate.may_use_ffi()


def test_a_verdict_is_found_out_once(folder):
    good, bad = ((sys.executable, "-c", code) for code in ("", "import sys; sys.exit('no such thing')"))
    assert gate.verdict("a", good) is None
    assert gate.verdict("a", bad) is None  # kept
    assert gate.verdict("b", bad) == "their test failed (no such thing)"
    assert gate.verdict("b", good) == "their test failed (no such thing)"
    killed = (sys.executable, "-c", "import os; os.abort()")
    assert "exit status" in gate.verdict("c", killed) or "failed" in gate.verdict("c", killed)
    assert gate.verdict("d", (str(folder / "nothing"),)).startswith("their test could not be run")
    kept = {path.name for path in folder.iterdir()}
    assert kept == {"xla-a.json", "xla-b.json", "xla-c.json"}  # that it could not be run says nothing of versions
    assert json.loads((folder / "xla-a.json").read_text())["source"] == cache.source_hash()


def test_a_verdict_that_cannot_be_read_is_found_out_again(folder):
    (folder / "xla-a.json").write_text("{")
    assert gate.verdict("a", (sys.executable, "-c", "")) is None
    assert json.loads((folder / "xla-a.json").read_text())["failure"] is None


def test_what_fails_goes_through_python(monkeypatch):
    monkeypatch.setattr(gate, "verdict", lambda versions: "their test failed (exit status -6)")
    with pytest.warns(KernelWarning, match="slower and gives the same results: their test failed"):
        assert not gate.may_use_ffi()


def test_custom_calls_pass_their_test_in_a_process_of_its_own(folder):
    assert gate.verdict("here") is None
    assert gate.may_use_ffi()


def test_an_interface_that_answers_another_version_is_not_called(folder):
    """A handler that reports a version that XLA does not know is an error of XLA's, not a crash."""
    code = (
        "from saltation.jax import gate; gate.api_version = lambda: (7, 0); "
        "import saltation.jax.ffi as ffi; ffi.api_version = gate.api_version; "
        "from saltation.jax.selftest import main; raise SystemExit(main())"
    )
    failure = gate.verdict("other", (sys.executable, "-c", code))
    assert failure is not None and "their test failed" in failure
