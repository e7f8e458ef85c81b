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

from saltation.kernels import modes, search, silent
from saltation.kernels.cache import compile_kernel
from saltation.kernels.inlining import inlined
from saltation.kernels.physics import alif, lif, lif_two

CONTRACT = (
    "N_STATE",
    "N_COMPANION",
    "N_GAP",
    "N_COMPANION_GAP",
    "load_parameters",
    "load",
    "store",
    "load_companion",
    "store_companion",
    "gap",
    "load_gap",
    "store_gap",
    "flow",
    "hold",
    "arrive",
    "may_cross",
    "near",
    "crossing",
    "at_threshold",
    "climb",
    "fire",
    "v_dot",
    "slope",
    "ceiling",
    "peak",
    "area",
    "flow_back",
    "hold_back",
    "area_shift",
    "current",
    "arrival_pull",
    "inject",
    "without_voltage",
    "fire_pull",
    "fire_back",
    "spend_spike",
    "companion_gap",
    "load_companion_gap",
    "store_companion_gap",
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
    "lif": (lif, {**search.HALLEY}),
    "lif_apart": (lif, {"gap": lif.gap_apart, **search.HALLEY, **modes.ONE}),
    "lif_ratio_one": (lif, {"gap": lif.gap_ratio_one, "crossing": lif.crossing_ratio_one, **search.HALLEY}),
    "lif_ratio_two": (
        lif,
        {
            "gap": lif.gap_ratio_two,
            "near": lif.near_ratio_two,
            "crossing": lif.crossing_ratio_two,
            **search.RATIO_TWO,
            **modes.ONE,
        },
    ),
    "lif_two": (lif_two, {}),
    "lif_two_apart": (lif_two, {"gap": lif_two.gap_apart}),
    "alif": (alif, {}),
    "li": (lif, silent.HELPERS),
    "li_two": (lif_two, silent.HELPERS),
}

# Models whose time constants are apart, so that amplitudes of exponentials can stand for their states.
CROWD = ("lif_apart", "lif_ratio_two", "lif_two_apart")

# kernel -> the helpers, by module and in the order of use, that call the physics too
KERNELS: dict[str, tuple[str, tuple[str, ...]]] = {
    "wide": ("wide", ("forward", "search", "gathering", "wide_rows")),
    "narrow": ("narrow", ("forward", "narrow")),
    "queue": ("queue", ("forward", "queue_rows", "queue")),
    "crowd": ("crowd", ("forward", "modes", "queue_rows", "queue", "crowd")),
    "wide_adjoint": ("wide_adjoint", ("backward", "gathering", "wide_adjoint_rows")),
    "narrow_adjoint": ("narrow_adjoint", ("backward", "narrow_adjoint")),
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


def _of_all(parameters, common, m):
    """Parameters of neuron ``m`` where all share them."""
    return common


def _of_each(parameters, common, m):
    """Parameters of neuron ``m`` where each has its own."""
    return load_parameters(parameters, m)  # noqa: F821  # pyright: ignore[reportUndefinedVariable]  bound below


def plain_kernel(kernel: str, model: str, shared: bool) -> types.FunctionType:
    """A kernel bound to a model and not compiled; ``shared``: all neurons have the same parameters."""
    module_name, helper_names = KERNELS[kernel]
    names = bindings(model)
    names["SHARED"] = shared
    names["own"] = inlined(bind(_of_all if shared else _of_each, names, model))
    replaced = MODELS[model][1]
    for helper_name in helper_names:
        helpers = import_module(f"saltation.kernels.{helper_name}")
        for name in helpers.HELPERS:
            helper = replaced.get(name, getattr(helpers, name))
            names[name] = inlined(bind(helper, names, model))
    module = import_module(f"saltation.kernels.{module_name}")
    return bind(getattr(module, kernel), names, model if shared else f"{model}_each")


@cache
def kernel(name: str, model: str, shared: bool = True) -> Callable[..., Any]:
    """The compiled kernel ``name`` for ``model`` and neurons that do or do not share their parameters."""
    return compile_kernel(plain_kernel(name, model, shared))
