"""Compiled functions that compiled code calls by a symbol.

Numba makes all that a function calls a part of it: compiled again for each of its callers, and kept with each.  That
is right for what is small.  What is not is compiled once, and its address given to the linker under a name that is the
same in every process, so that callers kept on disk find it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import ConcreteTemplate, infer_global
from numba.extending import lower_builtin
from numba.np.numpy_support import as_dtype


def linked(name: str, function: Any, arguments: tuple[Any, ...]) -> tuple[Callable[..., Any], Any]:
    """Compile a function for arguments of these types, or load it.

    Gives what to call in its place, and the type of its result.  All that a caller calls is loaded before it is.
    """
    function.compile(arguments)
    found = function.overloads[arguments]
    symbol = f"saltation_{name}"
    binding.add_symbol(symbol, found.library.get_pointer_to_function(found.fndesc.llvm_func_name))
    signature = found.signature.replace(pysig=None)

    def call(*arguments: Any) -> Any:
        raise NotImplementedError(f"{symbol} is there for compiled code alone")

    class _Typed(ConcreteTemplate):
        key = call
        cases = (signature,)

    infer_global(call, types.Function(_Typed))

    @lower_builtin(call, *signature.args)
    def _built(context: Any, builder: Any, given: Any, values: Any) -> Any:
        convention = context.call_conv
        kind = convention.get_function_type(signature.return_type, signature.args)
        callee = cgutils.get_or_insert_function(builder.module, kind, symbol)
        status, result = convention.call_function(builder, callee, signature.return_type, signature.args, values)
        with cgutils.if_unlikely(builder, status.is_error):
            convention.return_status_propagate(builder, status)
        return result

    return call, signature.return_type


# Of every axis of an example: more than the settings that are looked up.
_LONG = 32


def example(kind: Any) -> Any:
    """A value of a type, with zeros in its arrays."""
    if isinstance(kind, types.Array):
        array = np.zeros((_LONG,) * kind.ndim, as_dtype(kind.dtype))
        array.flags.writeable = kind.mutable
        return array
    if isinstance(kind, types.BaseTuple):
        values = [example(each) for each in kind]  # pyright: ignore[reportGeneralTypeIssues]
        make = getattr(kind, "instance_class", None)
        return tuple(values) if make is None else make(*values)
    return as_dtype(kind).type(0)
