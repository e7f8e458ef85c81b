"""Kernels are bound by name and compiled late: what a name lacks would be found by whoever runs that kernel first."""

import builtins
import dis
import importlib
import inspect
import types

import pytest

from saltation.kernels import specialise


def unknown_names(function, seen):
    """Global names without a meaning, in a function and all of ours that it calls."""
    function = getattr(function, "py_func", function)
    if not isinstance(function, types.FunctionType) or function in seen:
        return []
    seen.add(function)
    found = []
    for instruction in dis.get_instructions(function.__code__):
        if instruction.opname != "LOAD_GLOBAL":
            continue
        name = instruction.argval
        if name in function.__globals__:
            found += unknown_names(function.__globals__[name], seen)
        elif not hasattr(builtins, name):
            found.append((function.__qualname__, name))
    return found


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "each"])
@pytest.mark.parametrize("model", specialise.MODELS)
@pytest.mark.parametrize("kernel", specialise.KERNELS)
def test_every_name_of_a_kernel_has_a_meaning(kernel, model, shared):
    assert unknown_names(specialise.plain_kernel(kernel, model, shared), set()) == []


def test_a_name_without_a_meaning_is_found():
    names = {"__builtins__": builtins}
    exec("def kernel(x):\n    return math_that_nobody_imported(x)", names)
    assert unknown_names(names["kernel"], set()) == [("kernel", "math_that_nobody_imported")]


@pytest.mark.parametrize("model", specialise.MODELS)
def test_what_replaces_a_helper_takes_its_arguments(model):
    for kernel, (_, folders) in specialise.KERNELS.items():
        for folder in folders:
            helpers = importlib.import_module(f"saltation.kernels.{folder}")
            for name in helpers.HELPERS:
                other = specialise.MODELS[model][1].get(name)
                if other is not None:
                    given = list(inspect.signature(other).parameters)
                    assert given == list(inspect.signature(getattr(helpers, name)).parameters), (kernel, name)
