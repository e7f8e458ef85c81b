"""Which backends there are."""

from typing import Any

from saltation.engine.backend import Backend
from saltation.engine.exact import Exact
from saltation.errors import ParameterError


def check_backend(backend: Any) -> Backend:
    """A backend, by default the exact one."""
    if backend is None:
        return Exact()
    if not isinstance(backend, Backend):
        hint = ""
        if isinstance(backend, type):
            hint = "; a class has to be called: Exact()"
        elif type(backend).__name__ == "Chip":  # bss2 stands above the engine, which does not import it
            hint = "; saltation.bss2.Backend(chip) runs networks on a chip"
        raise ParameterError(f"simulate.backend must be a backend, such as Exact() or Grid(dt); got {backend!r}{hint}")
    return backend
