"""Views that own nothing.

Numba counts references to an array atomically at every call it is passed through, which costs more than the
arithmetic in between.  A bare view has no owner to count.  Whoever makes one keeps the array alive: the kernels only
make them of their arguments.
"""

from typing import Any

from numba.core import cgutils, types
from numba.extending import intrinsic, overload
from numba.np.arrayobj import make_array


def bare(array: Any) -> Any:
    """The same array without an owner; in plain Python the array itself."""
    return array


@intrinsic
def _bare(typing_context, array):
    def build(context, builder, signature, arguments):
        given = make_array(array)(context, builder, arguments[0])
        view = make_array(array)(context, builder)
        cgutils.copy_struct(view, given, {})
        view.meminfo = context.get_constant_null(types.MemInfoPointer(types.voidptr))
        view.parent = context.get_constant_null(types.pyobject)
        return view._getvalue()

    return array(array), build


@overload(bare)
def _overload_bare(array):
    if isinstance(array, types.Array):
        return lambda array: _bare(array)  # pyright: ignore[reportCallIssue]
    return None
