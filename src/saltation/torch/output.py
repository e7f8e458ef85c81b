"""`Output`: what a network module returns."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, final

import torch.utils._pytree as pytree
from torch import Tensor

from saltation.errors import ParameterError
from saltation.model.checks import suggest
from saltation.torch.spikes import Spikes


@final
@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Output:
    """Spikes, voltages and status of a run, as tensors; a pytree.

    Attributes
    ----------
    spikes : dict of str to Spikes
        Spikes of every population that spikes, the stimulus among them.
    voltages : dict of str to Tensor or tuple of Tensor
        What the probes recorded: ``Voltage`` ``[batch, time, neuron]``, ``MaxVoltage`` and
        ``VoltageIntegral`` ``[batch, neuron]``, ``SpikeTrain`` ``[batch, step, neuron]``; a tuple where a tuple of
        probes was given.
    status : Tensor of int64, [batch]
        `saltation.Status` of each sample; 0 where all is well.

    References
    ----------
    Wunderlich and Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> import saltation as sal
    >>> from saltation.torch import SNN
    >>> net = sal.Network()
    >>> _ = net.add("in", sal.Input(1)); _ = net.add("hid", sal.LIF(2))
    >>> _ = net.connect("in", "hid", weight=[[9.0, 0.1]])
    >>> out = SNN(net)({"in": sal.Spikes.from_lists([([0.0], [0])])}, duration=20e-3)
    >>> out.counts("hid")
    tensor([[1, 0]])
    >>> out.first_spike("hid").isinf()
    tensor([[False,  True]])
    """

    spikes: dict[str, Spikes]
    voltages: dict[str, Any]
    status: Tensor

    def __repr__(self) -> str:
        spikes = ", ".join(f"{name}: {events.times.numel()}" for name, events in self.spikes.items())
        return f"Output(batch={self.status.numel()}, spikes={{{spikes}}}, voltages={list(self.voltages)})"

    def voltage(self, name: str) -> Any:
        """Recorded voltage of a population, or a tuple where it has a tuple of probes.

        Raises
        ------
        ParameterError
            If the population is not recorded.
        """
        return _find("voltage", name, self.voltages, "a recorded population; see SNN.record")

    def first_spike(self, name: str) -> Tensor:
        """Time of each neuron's first spike in seconds, inf where silent, float64 [batch, neuron].

        Raises
        ------
        ParameterError
            If the population does not spike.
        """
        return _find("first_spike", name, self.spikes, "a population that spikes").first()

    def counts(self, name: str) -> Tensor:
        """Count the spikes of each neuron, int64 [batch, neuron].

        Raises
        ------
        ParameterError
            If the population does not spike.
        """
        return _find("counts", name, self.spikes, "a population that spikes").counts()


def _find(method: str, name: str, known: Mapping[str, Any], what: str) -> Any:
    if name not in known:
        raise ParameterError(f"Output.{method}.name must be that of {what}; got {name!r}; {suggest(name, known)}")
    return known[name]


def _flatten(output: Output) -> tuple[list[Any], None]:
    return [output.spikes, output.voltages, output.status], None


def _flatten_with_keys(output: Output) -> tuple[list[tuple[Any, Any]], None]:
    names = ("spikes", "voltages", "status")
    return [(pytree.GetAttrKey(name), getattr(output, name)) for name in names], None


def _unflatten(children: Iterable[Any], _: None) -> Output:
    return Output(*children)


pytree.register_pytree_node(
    Output,
    _flatten,
    _unflatten,
    serialized_type_name="saltation.torch.Output",
    flatten_with_keys_fn=_flatten_with_keys,
)
