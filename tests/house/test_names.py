"""docs/names.md: every name of ours in it exists."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

from saltation.bss2 import REGISTERS

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

PAGE = Path(__file__).parents[2] / "docs" / "names.md"
ROOTS = {"sal": "saltation", "bss2": "saltation.bss2"}


def rows():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines if line.startswith("| ") and "---" not in line]


def resolve(name):
    """What a name stands for; raises where it stands for nothing."""
    name, _, arguments = name.partition("(")
    root, *path = name.split(".")
    found = importlib.import_module(ROOTS[root])
    for part in path:
        if not hasattr(found, part) and part in getattr(found, "__dataclass_fields__", {}):
            return found.__dataclass_fields__[part]  # without a default
        found = getattr(found, part)
    for argument in re.findall(r"(\w+)=", arguments):
        if argument not in inspect.signature(found).parameters:
            raise AttributeError(f"{name} has no argument {argument}")
    return found


def command(words):
    from saltation.cli import cli

    found = cli
    for word in words[1:]:
        found = found.commands[word]


def exists(name):
    if name.startswith("saltation "):
        command(name.split())
    elif name.split(".")[0] in ROOTS:
        resolve(name)
    elif name not in REGISTERS:
        raise AttributeError(f"{name} is no register, and does not begin with one of {list(ROOTS)}")


def ours():
    text = PAGE.read_text(encoding="utf-8")
    found = {name for *_, cell in rows() for name in re.findall(r"`([^`]+)`", cell)}
    return found | set(re.findall(r"`((?:sal|bss2)\.[^`]+)`", text))


@pytest.mark.parametrize("name", sorted(ours()))
def test_it_exists(name):
    exists(name)


def test_the_table_is_read():
    assert len(ours()) > 90 and all(len(row) == 3 for row in rows())
    for wrong in ("sal.Nothing", "bss2.Backend(colour=)", "leak_v_lek", "saltation chip fly", "bss2.NeuronTarget.lek"):
        with pytest.raises((AttributeError, KeyError)):
            exists(wrong)


def test_registers_that_are_said_to_be_missing_are():
    text = PAGE.read_text(encoding="utf-8")
    missing = re.search(r"These are not there: (.*?), and what", text, re.S).group(1)
    names = re.findall(r"`([^`]+)`", missing)
    assert len(names) == 4 and not set(names) & set(REGISTERS)
