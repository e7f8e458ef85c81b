"""The handlers of each kernel and model, compiled on first use."""

import types
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import boolean, int64, typeof  # pyright: ignore[reportPrivateImportUsage]

from saltation.kernels.cache import compile_handler
from saltation.kernels.inlining import called, inlined
from saltation.kernels.records import SIDES
from saltation.kernels.specialise import bind, bindings, kernel, physics_of
from saltation.kernels.wide import FORWARD_ROWS
from saltation.kernels.wide_adjoint import BACKWARD_ROWS
from saltation.kernels.xla import handlers
from saltation.kernels.xla.backward import prepare_back, return_to_sources
from saltation.kernels.xla.forward import deliver, prepare, with_more_room
from saltation.kernels.xla.linked import example, linked

# kernel -> its adjoint
WAYS = {"wide": "wide_adjoint", "narrow": "narrow_adjoint", "queue": "queue_adjoint"}


@cache
def handler(direction: str, way: str, model: str, shared: bool, version: tuple[int, int]) -> Any:
    """The compiled handler ``"forward"`` or ``"backward"`` of a kernel, for this version of XLA's interface."""
    return compile_handler(plain_handler(direction, way, model, shared, version))


def plain_handler(direction: str, way: str, model: str, shared: bool, version: tuple[int, int]) -> types.FunctionType:
    """A handler bound to a kernel and a model, and not compiled; what it calls is compiled, and known by its symbol."""
    physics: Any = physics_of(model)
    recurrent = way == "queue"
    suffix = "_".join((way, model, "all" if shared else "each", *map(str, version)))
    names: dict[str, Any] = {
        **bindings(model),
        "derive": physics.derive,
        "N_PRIMARY": len(physics.NAMES),
        "N_DERIVED": n_derived(model),
        "RECURRENT": recurrent,
        "MAJOR": version[0],
        "MINOR": version[1],
    }
    # the queue finds out by itself whether parameters are shared, and is compiled once
    shared = shared or recurrent
    name = way if direction == "forward" else WAYS[way]
    arguments = bind(getattr(handlers, f"{name}_arguments"), names, suffix)
    stages, prepared = _stages(direction)
    compiled = kernel(name, model, shared)
    names |= stages
    names["compiled"], _ = linked(f"{name}_{model}_{shared}", compiled, _types(arguments, prepared, direction))
    names["arguments"] = inlined(arguments)
    names["completed"] = called(bind(handlers.completed, names, suffix))
    names["run"] = inlined(bind(handlers.run_recurrent if recurrent else handlers.run_apart, names, suffix))
    source: Callable[..., Any] = getattr(handlers, direction)
    return bind(source, names, suffix)


@cache
def _stages(direction: str) -> tuple[dict[str, Any], Any]:
    """What a handler calls before and after its kernel, and the type of what is prepared."""
    frame, call, recurrent = int64, int64, boolean
    if direction == "backward":
        first, prepared = linked("prepare_back", prepare_back, (frame, call, recurrent))
        last, _ = linked("return_to_sources", return_to_sources, (frame, call, *prepared))
        return {"prepare_back": first, "return_to_sources": last}, prepared
    first, prepared = linked("prepare", prepare, (frame, call, recurrent))
    given, work = prepared
    more, _ = linked("with_more_room", with_more_room, (work, int64, int64, int64))
    last, _ = linked("deliver", deliver, (frame, call, given, work, recurrent))
    return {"prepare": first, "with_more_room": more, "deliver": last}, prepared


def _types(arguments: Callable[..., Any], prepared: Any, direction: str) -> tuple[Any, ...]:
    """Types of the arguments of a kernel: of those it would be called with in Python."""
    counts = (0, 0, 0, 0) if direction == "forward" else ()
    return tuple(typeof(value) for value in arguments(*example(prepared), np.zeros((1, 1)), *counts))


def n_derived(model: str) -> int:
    """Number of primary and derived parameters."""
    physics: Any = physics_of(model)
    return len(physics.derive((1.0,) * len(physics.NAMES)))


def scratch_rows(direction: str, way: str, model: str, shared: bool) -> int:
    """Rows of floats that a kernel needs as scratch."""
    physics: Any = physics_of(model)
    of_own = 0 if shared else n_derived(model)
    if direction == "forward":
        return {"wide": physics.N_GAP + 4 * physics.N_STATE + FORWARD_ROWS + of_own, "narrow": physics.N_GAP}.get(
            way, 2
        )
    rows = physics.N_STATE + physics.N_COMPANION
    return {"wide": 3 * rows + SIDES + BACKWARD_ROWS + of_own, "narrow": rows + SIDES}.get(way, rows + SIDES + 1)
