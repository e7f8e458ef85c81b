"""Compiled functions that are called by their symbols, and how little of a handler is compiled with it."""

import numba
import numpy as np
import pytest
from numba import float64, int64, typeof

from saltation.jax.gate import api_version
from saltation.kernels.cache import compile_inner
from saltation.kernels.records import Events, Probes
from saltation.kernels.xla.linked import example, linked
from saltation.kernels.xla.specialise import WAYS, plain_handler


def _halves(array, n):
    if n < 0:
        raise ValueError("n must not be negative")
    return Probes(array[:n].copy(), array[n:].copy()), n + 1


def test_what_is_called_by_its_symbol_gives_its_results_and_its_errors():
    call, kind = linked("of_a_test", compile_inner(_halves), (float64[::1], int64))

    @numba.njit
    def sums(array, n):
        probes, after = call(array, n)
        return probes.samples.sum(), probes.watch.sum(), after

    assert kind == numba.types.Tuple([typeof(Probes(np.zeros(1), np.zeros(1))), int64])
    assert sums(np.arange(5.0), 2) == (1.0, 9.0, 3)
    with pytest.raises(ValueError, match="must not be negative"):
        sums(np.arange(5.0), -1)
    with pytest.raises(NotImplementedError, match="saltation_of_a_test"):
        call(np.arange(5.0), 2)


def test_an_example_is_of_its_type():
    fixed = np.zeros(1)
    fixed.flags.writeable = False
    events = Events(np.zeros(1), np.zeros((2, 2), np.int32), np.zeros(1, np.int64))
    kind = typeof((events, Probes(fixed, fixed), (1, 2.0), True))
    assert typeof(example(kind)) == kind


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_no_kernel_is_a_part_of_a_handler(direction, way):
    handler = numba.cfunc(int64(int64), error_model="numpy")(
        plain_handler(direction, way, "lif_ratio_two", True, api_version())
    )
    text = handler.inspect_llvm()
    name = way if direction == "forward" else WAYS[way]
    assert f"saltation_{name}_lif_ratio_two_True" in text
    # a kernel alone has several times as many
    assert text.count("\n") < 6000
