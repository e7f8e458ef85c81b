"""`spike_order`, `same_cell`: whether two runs lie in one cell, within which a spiking network is smooth."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model import Spikes

__all__ = ["same_cell", "spike_order"]


def spike_order(spikes: Mapping[str, Any]) -> list[tuple[tuple[str, int], ...]]:
    """Who spikes after whom in each sample: population and neuron of each event, in the order of their times.

    Parameters
    ----------
    spikes : dict of str to Spikes
        Of ``Run.spikes``, or of ``Output.spikes`` in PyTorch.

    Returns
    -------
    list of tuple
        One for each sample; simultaneous events stand in the order of their populations and units.

    Raises
    ------
    ParameterError
        If there are none, or their batches differ.

    Examples
    --------
    >>> import saltation as sal
    >>> from saltation.continual import spike_order
    >>> spike_order({"a": sal.Spikes.from_lists([([2e-3], [1])]), "b": sal.Spikes.from_lists([([1e-3], [0])])})
    [(('b', 0), ('a', 1))]
    """
    events = {name: _numpy(value) for name, value in spikes.items()}
    batches = {each.batch for each in events.values()}
    if len(batches) != 1:
        raise ParameterError(
            f"spike_order.spikes must be a dict of population to Spikes of one batch; got batches {sorted(batches)}"
        )
    orders: list[tuple[tuple[str, int], ...]] = []
    for b in range(batches.pop()):
        found: list[tuple[float, str, int]] = []
        for name, each in events.items():
            span = slice(each.offsets[b], each.offsets[b + 1])
            found += [(float(t), name, int(n)) for t, n in zip(each.times[span], each.units[span], strict=True)]
        orders.append(tuple((name, unit) for _, name, unit in sorted(found)))
    return orders


def same_cell(before: Mapping[str, Any], after: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """Whether each sample has the same spikes in the same order in two runs, [batch].

    Within such a cell of the parameters, spike times and voltages are smooth functions of them, and gradients of one
    point are the tangents of the function at the other. Across its border a spike may appear or vanish, which no
    gradient announces: the expert has changed.

    Parameters
    ----------
    before, after : dict of str to Spikes
        Of the same populations and samples, as `spike_order` takes them.

    Raises
    ------
    ParameterError
        If populations or batches differ.

    Examples
    --------
    >>> import saltation as sal
    >>> from saltation.continual import same_cell
    >>> net = sal.Network()
    >>> _ = net.add("in", sal.Input(1)); _ = net.add("out", sal.LIF(1))
    >>> _ = net.connect("in", "out", weight=[[9.0]])
    >>> stimulus = {"in": sal.Spikes.from_lists([([0.0], [0])])}
    >>> def spikes(weight):
    ...     return sal.simulate(net.replace(weight={("in", "out"): [[weight]]}), stimulus, 30e-3).spikes
    >>> same_cell(spikes(9.0), spikes(9.1)), same_cell(spikes(9.0), spikes(2.0))
    (array([ True]), array([False]))
    """
    if {*before} != {*after}:
        raise ParameterError(
            f"same_cell: both runs must be of the same populations; got {sorted(before)} and {sorted(after)}"
        )
    a, b = spike_order(before), spike_order(after)
    if len(a) != len(b):
        raise ParameterError(f"same_cell: both runs must be of the same samples; got {len(a)} and {len(b)}")
    return np.array([x == y for x, y in zip(a, b, strict=True)])


def _numpy(value: Any) -> Spikes:
    return value if isinstance(value, Spikes) else value.to_numpy()
