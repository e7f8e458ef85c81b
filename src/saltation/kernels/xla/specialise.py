"""The handlers of each kernel and model, compiled on first use."""

import types
from collections.abc import Callable
from functools import cache
from typing import Any

from saltation.kernels.cache import compile_handler
from saltation.kernels.inlining import called
from saltation.kernels.records import SIDES
from saltation.kernels.specialise import bind, bindings, kernel, physics_of
from saltation.kernels.wide import FORWARD_ROWS
from saltation.kernels.wide_adjoint import BACKWARD_ROWS
from saltation.kernels.xla import handlers

# kernel -> its adjoint
WAYS = {"wide": "wide_adjoint", "narrow": "narrow_adjoint", "queue": "queue_adjoint"}


@cache
def handler(direction: str, way: str, model: str, shared: bool, version: tuple[int, int]) -> Any:
    """The compiled handler ``"forward"`` or ``"backward"`` of a kernel, for this version of XLA's interface."""
    return compile_handler(plain_handler(direction, way, model, shared, version))


def plain_handler(direction: str, way: str, model: str, shared: bool, version: tuple[int, int]) -> types.FunctionType:
    """A handler bound to a kernel and a model, and not compiled."""
    physics: Any = physics_of(model)
    n_primary = len(physics.NAMES)
    # the queue finds out by itself whether parameters are shared, and is compiled once
    compiled = kernel(way if direction == "forward" else WAYS[way], model, shared or way == "queue")
    names: dict[str, Any] = {
        **bindings(model),
        "derive": physics.derive,
        "N_PRIMARY": n_primary,
        "N_DERIVED": n_derived(model),
        "RECURRENT": way == "queue",
        "MAJOR": version[0],
        "MINOR": version[1],
        "compiled": compiled,
    }
    suffix = "_".join((way, model, "all" if shared else "each", *map(str, version)))
    for name in ("completed", f"{'run' if direction == 'forward' else 'undo'}_{way}"):
        names[name.removesuffix(f"_{way}")] = called(bind(getattr(handlers, name), names, suffix))
    source: Callable[..., Any] = getattr(handlers, direction)
    return bind(source, names, suffix)


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
