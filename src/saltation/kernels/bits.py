"""What one instruction does and Python has no word for: plain Python here, that instruction when compiled.

The bits of a float as an integer and back; of eight numbers that lie side by side, which are not zero and how many are
below a limit; and an index that is not counted from the end.
"""

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


def set_among(ints: Any, at: Any) -> Any:
    """Which of ``ints[at:at + 8]`` are not zero, as eight bits, the first the lowest."""
    return sum(1 << j for j in range(8) if ints[at + j] != 0)


def count_below(floats: Any, at: Any, limit: Any) -> Any:
    """How many of ``floats[at:at + 8]`` are below ``limit``."""
    return sum(1 for j in range(8) if floats[at + j] < limit)


def lowest_bit(word: Any) -> Any:
    """Place of the lowest bit set; ``word`` is not zero."""
    return (word & -word).bit_length() - 1


def natural(index: Any) -> Any:
    """An index that is not negative; every other one is asked for its sign wherever it is used.

    Only to index with and to store: compiled it is unsigned, and sums of signed and unsigned numbers are floats.
    """
    return index


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


def _eight(context, builder, array_type, array, at):
    """The eight elements of a contiguous array from ``at`` on, as a vector."""
    data = context.make_array(array_type)(context, builder, array).data
    element = ir.IntType(64) if array_type.dtype == types.int64 else ir.DoubleType()
    vector = ir.VectorType(element, 8)
    place = builder.bitcast(builder.gep(data, [at]), vector.as_pointer())
    return builder.load(place, align=8), vector


@intrinsic
def _set_among(typing_context, ints, at):
    def build(context, builder, signature, arguments):
        values, vector = _eight(context, builder, signature.args[0], *arguments)
        chosen = builder.icmp_signed("!=", values, ir.Constant(vector, None))
        return builder.zext(builder.bitcast(chosen, ir.IntType(8)), ir.IntType(64))

    return types.int64(ints, types.int64), build


@intrinsic
def _count_below(typing_context, floats, at, limit):
    def build(context, builder, signature, arguments):
        values, vector = _eight(context, builder, signature.args[0], *arguments[:2])
        one = builder.insert_element(ir.Constant(vector, ir.Undefined), arguments[2], ir.IntType(32)(0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), 8), None)
        limits = builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), zeros)
        chosen = builder.bitcast(builder.fcmp_ordered("<", values, limits), ir.IntType(8))
        return builder.ctpop(builder.zext(chosen, ir.IntType(64)))

    return types.int64(floats, types.int64, types.float64), build


@intrinsic
def _lowest_bit(typing_context, word):
    def build(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.int64(types.int64), build


@overload(set_among)
def _overload_set_among(ints, at):
    return lambda ints, at: _set_among(ints, at)  # pyright: ignore[reportCallIssue]


@overload(count_below)
def _overload_count_below(floats, at, limit):
    return lambda floats, at, limit: _count_below(floats, at, limit)  # pyright: ignore[reportCallIssue]


@overload(lowest_bit)
def _overload_lowest_bit(word):
    return lambda word: _lowest_bit(word)  # pyright: ignore[reportCallIssue]


@intrinsic
def _natural(typing_context, index):
    def build(context, builder, signature, arguments):
        return arguments[0]

    return types.uint64(types.int64), build


@overload(natural)
def _overload_natural(index):
    return lambda index: _natural(index)  # pyright: ignore[reportCallIssue]
