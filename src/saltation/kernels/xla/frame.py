"""The call frame of a typed XLA FFI handler, read and written as words of 64 bits.

XLA calls ``int64 handler(int64 address of the frame)``; 0 says that all went well.  The structs are those of
``xla/ffi/api/c_api.h``; fields are only ever appended to them, and which versions have been tried is the business of
``saltation.jax.gate``.

=========  ==================================================================================
word       of the frame
=========  ==================================================================================
1          first extension; of type 1 where XLA asks for the version that the handler speaks
7, 9       number of arguments; addresses of their buffers
12, 14     number of results; addresses of their buffers
=========  ==================================================================================

A buffer is ``{size, extension, dtype, data, rank, dims}``.  `jax.vmap` puts axes in front of those that a handler
knows, each of one or of as many as the others have; `item` finds what belongs to one of the calls that are so put
together.
"""

from typing import Any

import numpy as np
from numba import carray, types  # pyright: ignore[reportPrivateImportUsage]
from numba.extending import intrinsic

from saltation.kernels.inlining import called

_EXTENSION = 1
_N_ARGUMENTS = 7
_ARGUMENTS = 9
_N_RESULTS = 12
_RESULTS = 14
_FRAME_WORDS = 15

_DATA = 3
_RANK = 4
_DIMS = 5
_BUFFER_WORDS = 6

# Of an extension: its type, and behind that of metadata where these are; of those: the version.
_TYPE = 1
_METADATA = 3
_ASKS_FOR_METADATA = 1
_VERSION = 3
_METADATA_WORDS = 4


@intrinsic
def _as_pointer(typing_context, address):
    """An address as a pointer."""

    def build(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.int64), build


# What numba calls with a typing context is called without one.
_pointer: Any = _as_pointer


@intrinsic
def _as_fixed(typing_context, array):

    def build(context, builder, signature, arguments):
        context.nrt.incref(builder, array, arguments[0])
        return arguments[0]

    return array.copy(readonly=True)(array), build


fixed: Any = _as_fixed
"""The same array, typed as one that is not written to: kernels are compiled for weights and spikes of this kind."""


@called
def words(address, count):
    """So many words at an address."""
    return carray(_pointer(address), (count,), np.int64)


@called
def answers_metadata(frame_address, major, minor):
    """Whether XLA asked for the version of the handler; if so, it is told."""
    frame = words(frame_address, _FRAME_WORDS)
    if frame[_EXTENSION] == 0:
        return False
    extension = words(frame[_EXTENSION], _METADATA + 1)
    if extension[_TYPE] & 0xFFFFFFFF != _ASKS_FOR_METADATA:
        return False
    words(extension[_METADATA], _METADATA_WORDS)[_VERSION] = major | minor << 32
    return True


@called
def n_arguments(frame_address):
    """Number of arguments."""
    return words(frame_address, _FRAME_WORDS)[_N_ARGUMENTS]


@called
def argument(frame_address, i):
    """The words of the buffer of argument ``i``."""
    frame = words(frame_address, _FRAME_WORDS)
    return words(words(frame[_ARGUMENTS], frame[_N_ARGUMENTS])[i], _BUFFER_WORDS)


@called
def result(frame_address, i):
    """The words of the buffer of result ``i``."""
    frame = words(frame_address, _FRAME_WORDS)
    return words(words(frame[_RESULTS], frame[_N_RESULTS])[i], _BUFFER_WORDS)


@called
def extent(buffer, rank, axis):
    """Length of one of the last ``rank`` axes of a buffer."""
    return words(buffer[_DIMS], buffer[_RANK])[buffer[_RANK] - rank + axis]


@called
def calls_within(buffer, rank):
    """How many calls `jax.vmap` has put together, from the axes of a result before its last ``rank``."""
    dims = words(buffer[_DIMS], buffer[_RANK])
    count = 1
    for axis in range(buffer[_RANK] - rank):
        count *= dims[axis]
    return count


@called
def item(buffer, rank, whole, whole_rank, call, width):
    """Address of the last ``rank`` axes of a buffer in one of the calls; elements are ``width`` bytes wide.

    ``whole`` is a result, whose axes before the last ``whole_rank`` have their full lengths.
    """
    dims = words(buffer[_DIMS], buffer[_RANK])
    full = words(whole[_DIMS], whole[_RANK])
    size = 1
    for axis in range(buffer[_RANK] - rank, buffer[_RANK]):
        size *= dims[axis]
    place = 0
    stride = size
    left = call
    before = buffer[_RANK] - rank
    for back in range(before):
        axis = before - 1 - back
        length = full[whole[_RANK] - whole_rank - 1 - back]
        if dims[axis] > 1:
            place += left % length * stride
            stride *= dims[axis]
        left //= length
    return buffer[_DATA] + place * width


@called
def floats(address, shape):
    """Floats at an address, as an array of a shape."""
    return carray(_pointer(address), shape, np.float64)


@called
def ints(address, shape):
    """Integers of 64 bits."""
    return carray(_pointer(address), shape, np.int64)


@called
def small_ints(address, shape):
    """Integers of 32 bits."""
    return carray(_pointer(address), shape, np.int32)
