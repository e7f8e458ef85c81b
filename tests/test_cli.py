"""The command line: what it prints, where, and with which exit code."""

import importlib.machinery
import json
import subprocess
import sys
import types

import click
import numpy as np
import pytest
from click.testing import CliRunner

from saltation import cli as module
from saltation._version import __version__
from saltation.cli import cli
from saltation.errors import ParameterError
from saltation.experiments import EXPERIMENTS
from saltation.experiments import installation as about
from saltation.experiments.console import emit, progress


@pytest.fixture
def run():
    return lambda *arguments: CliRunner().invoke(cli, arguments)


@pytest.fixture
def toy(monkeypatch):
    """Register an experiment that draws a progress bar, answers, or fails."""

    @click.command()
    @click.option("--fail", is_flag=True)
    @click.option("--json", "as_json", is_flag=True)
    def command(fail, as_json):
        """A toy."""
        if fail:
            raise ParameterError("toy: rate must be positive, got -1.")
        with progress(quiet=as_json) as bar:
            for _ in bar.track(range(2), description="training"):
                pass
        emit({"accuracy": np.float64(0.5), "seed": None}, as_json=as_json)

    toy = types.ModuleType("toy_experiment")
    toy.command = command
    toy.__spec__ = importlib.machinery.ModuleSpec("toy_experiment", None)
    monkeypatch.setitem(sys.modules, "toy_experiment", toy)
    monkeypatch.setitem(EXPERIMENTS, "toy", "toy_experiment")


def test_help_and_version(run):
    result = run("--help")
    assert result.exit_code == 0
    assert all(name in result.output for name in ("list", "run", "chip", "bench", "info", "--debug"))
    assert run("-h").output == result.output
    assert __version__ in run("--version").output


def test_starting_imports_nothing_heavy():
    code = (
        "import sys, saltation\n"
        "before = set(sys.modules)\n"
        "import saltation.cli\n"
        "heavy = {'numba', 'torch', 'jax', 'matplotlib', 'scipy', 'rich'} & (set(sys.modules) - before)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_list(run):
    result = run("list")
    assert result.exit_code == 0 and "yinyang" in result.stdout
    assert set(json.loads(run("list", "--json").stdout)) == set(EXPERIMENTS)


def test_summary_reads_the_docstring_without_importing(tmp_path, monkeypatch):
    (tmp_path / "never_imported.py").write_text('"""One line.\n\nMore."""\nraise RuntimeError\n')
    monkeypatch.syspath_prepend(tmp_path)
    assert module.summary("never_imported") == "One line."
    assert module.summary("no_such_module") == "(not in this version)"


def test_info(run):
    information = json.loads(run("info", "--json").stdout)
    assert information["saltation"] == __version__ and information["numpy"] == np.__version__
    assert information["threads"] >= 1 and information["cores"] >= 1
    text = run("info").stdout
    assert all(line.split("  ")[0] in information for line in text.splitlines())


def test_info_tells_what_is_missing(run, monkeypatch):
    monkeypatch.setattr(about, "PACKAGES", ("no-such-package",))
    assert json.loads(run("info", "--json").stdout)["no-such-package"] is None
    assert "no-such-package  -" in run("info").stdout


def test_run(run, toy):
    result = run("run", "toy")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["accuracy  0.5", "seed      -"]


def test_json_on_stdout_and_no_bar(run, toy):
    result = run("run", "toy", "--json")
    assert json.loads(result.stdout) == {"accuracy": 0.5, "seed": None}
    assert result.stderr == ""


def test_run_help_lists_the_experiments(run, toy):
    result = run("run", "--help")
    assert result.exit_code == 0
    assert "yinyang" in result.output and "toy" in result.output
    assert run("run", "toy", "--help").output.startswith("Usage:")


def test_unknown_experiment(run, toy):
    result = run("run", "yingyang")
    assert result.exit_code == 2
    listed = ", ".join(sorted(EXPERIMENTS))
    assert "toy" in listed and f"there is no experiment 'yingyang'. There are: {listed}." in result.stderr


def test_our_errors_are_plain_messages(run, toy):
    result = run("run", "toy", "--fail")
    assert result.exit_code == 2
    assert result.stderr == "Error: toy: rate must be positive, got -1.\n"


def test_debug_shows_the_traceback(run, toy):
    result = run("--debug", "run", "toy", "--fail")
    assert isinstance(result.exception, ParameterError)


def test_progress_goes_to_stderr(capsys):
    with progress() as bar:
        for _ in bar.track(range(2), description="training"):
            pass
    captured = capsys.readouterr()
    assert captured.out == "" and "training" in captured.err


def test_main_is_the_installed_script():
    code = "import sys; sys.argv = ['saltation', 'run', 'nothing']; from saltation.cli import main; main()"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 2 and "Traceback" not in result.stderr
    assert result.stderr.startswith("Usage: saltation run")


def test_info_uses_the_number_of_threads_that_is_set(run, monkeypatch):
    monkeypatch.setenv("SALTATION_NUM_THREADS", "3")
    assert json.loads(run("info", "--json").stdout)["threads"] == 3
    monkeypatch.setenv("SALTATION_NUM_THREADS", "many")
    assert run("info").exit_code == 2  # the library's message, not a traceback


def test_as_a_module_it_is_the_same_command():
    command = [sys.executable, "-m", "saltation", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"saltation, version {__version__}\n"
