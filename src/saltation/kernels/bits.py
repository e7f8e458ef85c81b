"""The bits of a float as an integer, and back: one instruction when compiled, plain Python otherwise."""

import struct
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload


def bits_of(x: Any) -> Any:
    """The 64 bits of a float as a signed integer."""
    return struct.unpack("<q", struct.pack("<d", x))[0]


def float_of(bits: Any) -> Any:
    """The float with these 64 bits; higher ones are dropped, as in the arithmetic of the compiled form."""
    return struct.unpack("<d", struct.pack("<Q", bits & 0xFFFFFFFFFFFFFFFF))[0]


@intrinsic
def _bits_of(typing_context, x):
    def build(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), build


@intrinsic
def _float_of(typing_context, bits):
    def build(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), build


@overload(bits_of)
def _overload_bits_of(x):
    return lambda x: _bits_of(x)  # pyright: ignore[reportCallIssue]


@overload(float_of)
def _overload_float_of(bits):
    return lambda bits: _float_of(bits)  # pyright: ignore[reportCallIssue]
