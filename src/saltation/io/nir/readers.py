"""What hxtorch and jaxsnn take from a NIR graph, and what they would get wrong: refused before it is written.

Both read ``CubaLIF`` and ``Linear`` alone, hxtorch ``CubaLI`` too, take times for milliseconds and pass over ``w_in``::

    tau_syn di/dt = -i,   tau_mem dv/dt = v_leak - v + r i,   i := i + W at a spike

hxtorch by ``c = tau_mem / r`` and ``g = 1 / r``, jaxsnn with r = 1 whatever is written.  So r = 1 and W = weight, which
is what is written without a step in any case; ``w_in = tau_syn`` says the same to those who read NIR's equation.

Read: electronicvisions/hxtorch at 3bfc7aa, ``spiking/utils/from_nir.py``, ``spiking/modules/neuron.py`` and
``spiking/functional``; electronicvisions/jaxsnn at 5e9bb86, ``event/utils/from_nir.py``, ``event/functional/lif`` and
``event/modules/lif``.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from saltation.errors import ExchangeWarning, NetworkError, ParameterError
from saltation.model import LI, LIF, Input, Network, Projection, Sparse
from saltation.model.checks import caller_level, describe, explain, suggest

READERS: Final = ("hxtorch", "jaxsnn")

_THEIR_UNIT = 1e-3
"""Seconds, for both, of a one in a graph's times."""

_HX_HOLD = 1e-6
_HX_READOUT = 10e-6
"""Seconds: hxtorch's refractory time and the tau_mem at which its readout has r = 1; a NIR graph sets neither."""
_HOLD_TOLD = 0.01  # of tau_mem: what is shorter hardly moves a spike


def check_reader(network: Network, reader: str, unit: float, step: float | None, outputs: Sequence[str]) -> None:
    """Refuse, and where it is read all the same tell, what a reader would not take as it is meant.

    Raises
    ------
    ParameterError
        If the reader is not known, or there is a step.
    NetworkError
        If the network has what it does not read.
    """
    if reader not in READERS:
        raise ParameterError(explain("to_nir.reader", "one that is known", describe(reader), suggest(reader, READERS)))
    if step is not None:
        hint = f"{reader} takes a spike for a jump by the weight on its grid too"
        raise ParameterError(explain("to_nir.step", f"left out for {reader}", f"{step:g} s", hint))
    for name, population in network.populations.items():
        if isinstance(population, LIF | LI):
            _check_neurons(name, population, reader)
    for projection in network.projections.values():
        _check_projection(projection, reader)
    if reader == "hxtorch":
        _check_chain(network, outputs)
        _tell(network, unit)
    else:
        _check_pairs(network)


def in_order(edges: Sequence[tuple[str, str]], nodes: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Edges from the input on: hxtorch calls its modules in their order."""
    order = [name for name, node in nodes.items() if type(node).__name__ == "Input"]
    for name in order:  # which grows meanwhile; only one edge leads to each node
        order += [after for before, after in edges if before == name]
    return sorted(edges, key=lambda edge: order.index(edge[0]))


def _refusal(reader: str, what: str, why: str) -> NetworkError:
    return NetworkError(f"to_nir cannot write {what} for {reader}: {why}")


def _check_neurons(name: str, population: LIF | LI, reader: str) -> None:
    what = f"population {name!r}"
    if reader == "jaxsnn" and isinstance(population, LI):
        raise _refusal(reader, what, "it reads CubaLIF alone, no readout without spikes; end in a LIF")
    if population.receptors == ("exc", "inh"):
        raise _refusal(reader, what, "it reads one synaptic time constant; use tau_syn")
    for field, array in population.parameters().items():
        if array.size and np.any(array != array.reshape(-1)[0]):
            raise _refusal(reader, what, f"its {field} differs between neurons, and one value is read for all of them")
    if reader == "jaxsnn" and np.any(population.v_leak != 0.0):
        hint = "it starts at 0 and not at v_leak; take v_leak off v_leak, v_th and v_reset, which changes no spike"
        raise _refusal(reader, what, hint)
    if reader == "hxtorch" and ("." in name or not name):
        raise _refusal(reader, what, "PyTorch's modules have no dot in their names; rename it")


def _check_projection(projection: Projection, reader: str) -> None:
    what = f"projection {projection.key!r}"
    if np.any(projection.delay != 0.0):
        raise _refusal(reader, what, "it has a delay, and no Delay node is read")
    if projection.connectivity is not None and not isinstance(projection.connectivity, Sparse):
        kind = type(projection.connectivity).__name__
        raise _refusal(reader, what, f"{kind} is not read, a Linear is; write it as a matrix with zeros")
    if reader == "hxtorch" and projection.name is not None and "." in projection.name:
        raise _refusal(reader, what, "PyTorch's modules have no dot in their names; rename it")


def _check_chain(network: Network, outputs: Sequence[str]) -> None:
    """Of hxtorch: it has one input and one output, and gives a module what came from one edge, the last."""
    inputs = [name for name, each in network.populations.items() if isinstance(each, Input)]
    if len(inputs) != 1:
        raise _refusal("hxtorch", f"{len(inputs)} inputs", "it reads exactly one; join them to one population")
    into: dict[str, list[str]] = {name: [] for name in network.populations if name not in inputs}
    for projection in network.projections.values():
        into[projection.post].append(projection.pre)
    for name, before in into.items():
        if len(before) != 1:
            why = (
                f"{len(before)} projections end there, and it takes the spikes of one; join the populations before "
                "it to one, or take another reader"
            )
            raise _refusal("hxtorch", f"population {name!r}", why)
        seen = {name}
        while before and before[0] not in inputs:
            if before[0] in seen:
                raise _refusal("hxtorch", f"population {name!r}", "it is part of a loop, and loops are not read")
            seen.add(before[0])
            before = into[before[0]]
    followed = {projection.pre for projection in network.projections.values()}
    ends = [name for name in network.populations if name in outputs or name not in followed]
    if len(ends) != 1:
        raise _refusal("hxtorch", f"{len(ends)} outputs, {', '.join(map(repr, ends))}", "it reads exactly one")


def _check_pairs(network: Network) -> None:
    pairs = [(projection.pre, projection.post) for projection in network.projections.values()]
    for pair in pairs:
        if pairs.count(pair) > 1:
            raise _refusal("jaxsnn", f"several projections {pair[0]!r} to {pair[1]!r}", "one is read; add them up")


def _tell(network: Network, unit: float) -> None:
    """Warn of what hxtorch sets by itself."""
    for name, population in network.populations.items():
        if isinstance(population, Input):
            continue
        theirs = float(population.parameters()["tau_mem"].reshape(-1)[0]) / unit * _THEIR_UNIT
        if isinstance(population, LIF) and _HX_HOLD > _HOLD_TOLD * theirs:
            warnings.warn(
                f"hxtorch holds each neuron of {name!r} for {_HX_HOLD:g} s after a spike, {_HX_HOLD / theirs:.2g} of "
                f"its tau_mem of {theirs:g} s; NIR has no field for it: set refractory_time of the module after "
                "reading",
                ExchangeWarning,
                stacklevel=caller_level(),
            )
        if isinstance(population, LI) and not np.isclose(theirs, _HX_READOUT, rtol=1e-6):
            warnings.warn(
                f"hxtorch in software (mock) gives voltages of {name!r} that are tau_mem / {_HX_READOUT:g} s = "
                f"{theirs / _HX_READOUT:.4g} times as large: it reads r of CubaLIF alone; divide them, or set "
                "membrane_capacitance.model_value of the module to its tau_mem; on the chip they are as meant",
                ExchangeWarning,
                stacklevel=caller_level(),
            )
