"""`SpikingModule`: encoder, spiking network and readout as one module from inputs to logits."""

from collections.abc import Callable, Mapping
from typing import Any, final

import torch
from torch import Tensor, nn

from saltation.engine.arguments import check_duration
from saltation.errors import ParameterError
from saltation.torch import SNN, Output, run_samples

__all__ = ["SpikingModule"]

Encode = Callable[[Any], Mapping[str, Any]]
Readout = Callable[[Output], Tensor]
Loss = Callable[..., Tensor]


@final
class SpikingModule(nn.Module):
    """A spiking classifier: what it takes are inputs, what it gives are logits.

    ::

        logits = readout(snn(encode(x), duration))

    Parameters
    ----------
    snn : saltation.torch.SNN
        The network; its trained parameters are those of the module.
    encode : callable
        From inputs [batch, ...] to the stimulus, a dict of `Spikes`; it has no parameters.
    readout : callable
        From a `saltation.torch.Output` to logits [batch, label], differentiable, without parameters. That of a sample
        may depend on no other sample.
    duration : float
        Length of the window in seconds.

    Raises
    ------
    ParameterError
        If an argument is not allowed.

    References
    ----------
    Wunderlich and Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> import torch
    >>> import saltation as sal
    >>> from saltation.continual import SpikingModule
    >>> net = sal.Network()
    >>> _ = net.add("in", sal.Input(2)); _ = net.add("out", sal.LI(3))
    >>> _ = net.connect("in", "out", weight=sal.normal((2, 3), 1.0, 0.1, seed=1))
    >>> module = SpikingModule(
    ...     sal.torch.SNN(net),
    ...     encode=lambda x: {"in": sal.torch.Spikes.from_latencies(20e-3 * x)},
    ...     readout=lambda output: output.voltage("out"),
    ...     duration=40e-3,
    ... )
    >>> module(torch.tensor([[0.2, 0.7], [0.1, 0.3]])).shape
    torch.Size([2, 3])
    """

    def __init__(self, snn: SNN, encode: Encode, readout: Readout, duration: float) -> None:
        nn.Module.__init__(self)
        if not isinstance(snn, SNN):
            raise ParameterError(f"SpikingModule.snn must be a saltation.torch.SNN; got {type(snn).__name__}")
        for name, function in (("encode", encode), ("readout", readout)):
            if not callable(function) or isinstance(function, nn.Module):
                raise ParameterError(
                    f"SpikingModule.{name} must be a function without parameters; got {type(function).__name__}"
                )
        self.snn = snn
        self.encode, self.readout, self.duration = encode, readout, check_duration(duration)

    def forward(self, x: Any) -> Tensor:
        """Give the logits, [batch, label]."""
        return self.readout(self.snn(self.encode(x), duration=self.duration))


def spiking_gradients(
    module: SpikingModule, loss: Loss, x: Any, y: Any, values: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """Gradients of each example, by the module's names of its parameters: one EventProp pass for each example.

    Parameters
    ----------
    module : SpikingModule
        The network.
    loss : callable
        ``loss(logits, y, reduction="none")`` gives one number for each example.
    x, y : inputs and labels
        A batch.
    values : dict of str to Tensor, optional
        Values in the place of the module's own.

    Returns
    -------
    dict of str to Tensor, [batch, ...]
        Of the dtype of the parameters.
    """
    given = None if values is None else {name.removeprefix("snn."): value for name, value in values.items()}
    samples = run_samples(module.snn, module.encode(x), module.duration, values=given)
    with torch.enable_grad():
        found = samples.gradients(loss(module.readout(samples.output), y, reduction="none"))
    return {
        name: found[name.removeprefix("snn.")].to(parameter.dtype)
        for name, parameter in module.named_parameters()
        if parameter.requires_grad
    }
