import importlib
import sys

import pytest

from saltation.errors import MissingDependencyError


def test_without_torch_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "saltation.torch", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "saltation\[torch\]"'):
        importlib.import_module("saltation.torch")


def test_all_public_names_exist():
    module = importlib.import_module("saltation.torch")
    assert all(hasattr(module, name) for name in module.__all__)
