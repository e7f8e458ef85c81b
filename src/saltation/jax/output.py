"""`Output`: what a network returns."""

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any, final

import jax

from saltation.errors import ParameterError
from saltation.jax.spikes import Spikes
from saltation.model.checks import suggest


@final
@partial(jax.tree_util.register_dataclass, data_fields=["spikes", "voltages", "status"], meta_fields=[])
@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Output:
    """Spikes, voltages and status of a run; a pytree.

    Attributes
    ----------
    spikes : dict of str to Spikes
        Spikes of every population that spikes, the stimulus among them.
    voltages : dict of str to Array or tuple of Array
        What the probes recorded: ``Voltage`` ``[batch, time, neuron]``, ``MaxVoltage`` and ``VoltageIntegral``
        ``[batch, neuron]``, ``SpikeTrain`` ``[batch, step, neuron]``; a tuple where a tuple of probes was given.
    status : Array of int32, [batch]
        `saltation.jax.Status` of each sample; 0 where all is well, and NaN everywhere in the others.

    References
    ----------
    Wunderlich and Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> import saltation as sal
    >>> net = sal.Network()
    >>> _ = net.add("in", sal.Input(1)); _ = net.add("hid", sal.LIF(2))
    >>> _ = net.connect("in", "hid", weight=[[9.0, 0.1]])
    >>> init, apply = sal.jax.build(net, capacity=4)
    >>> out = apply(init(), {"in": sal.Spikes.from_lists([([0.0], [0])])}, duration=20e-3)
    >>> out
    Output(batch=1, spikes=['in', 'hid'], voltages=[])
    >>> out.counts("hid")
    Array([[1, 0]], dtype=int32)
    """

    spikes: dict[str, Spikes]
    voltages: dict[str, Any]
    status: jax.Array

    def voltage(self, name: str) -> Any:
        """Recorded voltage of a population, or a tuple where it has a tuple of probes.

        Raises
        ------
        ParameterError
            If the population is not recorded.
        """
        return _find("voltage", name, self.voltages, "a recorded population; see build(record=)")

    def first_spike(self, name: str) -> jax.Array:
        """Time of each neuron's first spike in seconds, inf where silent, float64 [batch, neuron].

        Raises
        ------
        ParameterError
            If the population does not spike.
        """
        return _find("first_spike", name, self.spikes, _SPIKING).first()

    def counts(self, name: str) -> jax.Array:
        """Count the spikes of each neuron, int32 [batch, neuron].

        Raises
        ------
        ParameterError
            If the population does not spike.
        """
        return _find("counts", name, self.spikes, _SPIKING).counts()

    def __repr__(self) -> str:
        batch = getattr(self.status, "shape", ("?",))[-1:]
        return f"Output(batch={batch[0] if batch else '?'}, spikes={list(self.spikes)}, voltages={list(self.voltages)})"


_SPIKING = "a population that spikes; on a grid, record SpikeTrain()"


def _find(method: str, name: str, known: Mapping[str, Any], what: str) -> Any:
    if name not in known:
        raise ParameterError(f"Output.{method}.name must be that of {what}; got {name!r}; {suggest(name, known)}")
    return known[name]
