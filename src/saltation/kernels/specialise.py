"""The one table of compiled kernels: each neuron model, each way to find its crossings; compiled on first use.

A kernel is written once, against the names of :data:`CONTRACT`.  Specialising it makes a copy in which these names
mean the functions of one physics module; nothing is compiled before the copy is first called.
"""

import types
from collections.abc import Callable
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from numba.extending import register_jitable

from saltation.kernels import silent
from saltation.kernels.cache import compile_kernel
from saltation.kernels.physics import alif, lif, lif_two

CONTRACT = (
    "N_STATE",
    "N_COMPANION",
    "ADAPTATION",
    "load_parameters",
    "load",
    "store",
    "load_companion",
    "store_companion",
    "gap",
    "flow",
    "hold",
    "arrive",
    "may_cross",
    "crossing",
    "at_threshold",
    "fire",
    "v_dot",
    "slope",
    "ceiling",
    "peak",
    "area",
    "flow_back",
    "hold_back",
    "area_shift",
    "arrival_pull",
    "inject",
    "without_voltage",
    "fire_pull",
    "fire_back",
    "spend_spike",
    "companion_back",
    "companion_hold",
    "companion_shift",
    "companion_arrive",
    "companion_voltage",
    "companion_spike",
    "companion_start",
    "flow_tangent",
    "hold_tangent",
    "field",
    "held_field",
    "level_tangent",
    "fire_tangent",
    "area_tangent",
)

# name -> physics module, and what replaces its functions or the kernels' helpers
MODELS: dict[str, tuple[ModuleType, dict[str, Any]]] = {
    "lif": (lif, {}),
    "lif_ratio_one": (lif, {"crossing": lif.crossing_ratio_one}),
    "lif_ratio_two": (lif, {"crossing": lif.crossing_ratio_two}),
    "lif_two": (lif_two, {}),
    "alif": (alif, {}),
    "li": (lif, silent.HELPERS),
    "li_two": (lif_two, silent.HELPERS),
}

# kernel -> the helpers, by module and in the order of use, that call the physics too
KERNELS: dict[str, tuple[str, tuple[str, ...]]] = {
    "sweep": ("sweep", ("forward", "sweep")),
    "queue": ("queue", ("forward", "queue")),
    "sweep_adjoint": ("sweep_adjoint", ("backward",)),
    "queue_adjoint": ("queue_adjoint", ("backward",)),
    "tangent": ("tangent", ("tangent",)),
}


def physics_of(model: str) -> ModuleType:
    """The physics module of a model of the table."""
    return MODELS[model][0]


def bindings(model: str) -> dict[str, Any]:
    """What each name of the contract means for a model."""
    module, replaced = MODELS[model]
    return {name: replaced.get(name, getattr(module, name)) for name in CONTRACT}


def bind(function: Callable[..., Any], names: dict[str, Any], suffix: str) -> types.FunctionType:
    """A copy of a plain function whose global names in ``names`` mean what is given there."""
    source = function if isinstance(function, types.FunctionType) else function.__wrapped__  # type: ignore[attr-defined]
    copy = types.FunctionType(
        source.__code__,
        {**source.__globals__, **names},
        source.__name__,
        source.__defaults__,
        source.__closure__,
    )
    copy.__qualname__ = f"{source.__qualname__}_{suffix}"
    copy.__module__ = source.__module__
    copy.__doc__ = source.__doc__
    return copy


def plain_kernel(kernel: str, model: str) -> types.FunctionType:
    """A kernel bound to a model and not compiled."""
    module_name, helper_names = KERNELS[kernel]
    names = bindings(model)
    replaced = MODELS[model][1]
    for helper_name in helper_names:
        helpers = import_module(f"saltation.kernels.{helper_name}")
        for name in helpers.HELPERS:
            helper = replaced.get(name, getattr(helpers, name))
            names[name] = register_jitable(bind(helper, names, model))
    module = import_module(f"saltation.kernels.{module_name}")
    return bind(getattr(module, kernel), names, model)


@cache
def kernel(name: str, model: str) -> Callable[..., Any]:
    """The compiled kernel ``name`` for ``model``."""
    return compile_kernel(plain_kernel(name, model))
