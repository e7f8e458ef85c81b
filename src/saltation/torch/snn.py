"""`SNN`: a whole network as one module and one operation."""

from collections.abc import Mapping, Sequence
from typing import final

from saltation.engine import Backend
from saltation.engine.observation import Record
from saltation.engine.training import parameter_name
from saltation.errors import ParameterError
from saltation.model import Network
from saltation.torch.calling import Events, Observed, call
from saltation.torch.module import NetworkModule, set_up
from saltation.torch.output import Output
from saltation.torch.specification import Slot


@final
class SNN(NetworkModule):
    """A network as a module, trained by exact gradients.

    ::

        spikes, voltages = simulate(network(parameters), stimulus)
        dL/d(parameters, input times) = EventProp(dL/dt of spikes, dL/dv of voltages)

    Parameters
    ----------
    network : Network
        Structure and initial values.
    trainable : sequence of str
        Kinds of parameters that are trained: "weight", "delay", "tau_mem", "tau_syn", "tau_syn_exc",
        "tau_syn_inh", "tau_adapt", "beta", "v_th", "v_leak", "v_reset", "t_refrac", "v_init".
    record : dict of str to probe or tuple of probes, optional
        Voltages to record, as in `saltation.simulate`; by default ``MaxVoltage()`` of every `saltation.LI`
        population.
    backend : Exact or Grid, optional
        How to run it.

    Each trained array is a parameter called after its kind and whose it is: ``weight_in_hid``,
    ``tau_mem_hid``; a projection with a name is called by it. It has the shape and dtype of the network's, so
    that a time constant shared by a population is one number. Arrays that are not trained are buffers; both
    make the state dict. A value that the model does not allow, such as a time constant below zero, is an
    error when the network runs: `parameter_groups` gives values in seconds a learning rate of their own, and
    `project_` or ``torch.nn.utils.parametrize`` keeps them in their range.

    Raises
    ------
    ParameterError
        If an argument is not allowed.

    References
    ----------
    Wunderlich and Pehle, Event-based backpropagation can compute exact gradients for spiking neural networks,
    Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> import saltation as sal
    >>> from saltation.torch import SNN
    >>> net = sal.Network()
    >>> _ = net.add("in", sal.Input(2)); _ = net.add("hid", sal.LIF(3)); _ = net.add("out", sal.LI(2))
    >>> _ = net.connect("in", "hid", weight=sal.normal((2, 3), 6.0, 1.0, seed=1))
    >>> _ = net.connect("hid", "out", weight=sal.normal((3, 2), 0.0, 1.0, seed=2))
    >>> snn = SNN(net, trainable=("weight", "tau_mem"))
    >>> [name for name, _ in snn.named_parameters()]
    ['weight_in_hid', 'weight_hid_out', 'tau_mem_hid', 'tau_mem_out']
    >>> out = snn({"in": sal.Spikes.from_latencies([[1e-3, 2e-3]])}, duration=60e-3)
    >>> out.voltage("out").sum().backward()
    >>> snn.weight_in_hid.grad.shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        network: Network,
        trainable: Sequence[str] = ("weight",),
        record: Record | None = None,
        backend: Backend | None = None,
    ) -> None:
        if not isinstance(network, Network):
            raise ParameterError(f"SNN.network must be a saltation.Network; got {type(network).__name__}")
        set_up(self, network, trainable, record, backend, _name)

    def forward(
        self,
        stimulus: Mapping[str, Events],
        duration: float,
        *,
        observed: Observed | None = None,
        throw: bool = True,
    ) -> Output:
        """Run the network in ``[0, duration]``.

        Parameters
        ----------
        stimulus : dict of str to Spikes
            Events of every ``Input`` population: `saltation.torch.Spikes`, whose times may require a
            gradient, or `saltation.Spikes`.
        duration : float
            Length of the window in seconds.
        observed : dict of str to Spikes, VoltageSamples, or both in a tuple, optional
            Observations from elsewhere, from a chip or another simulator: they take the place of the result,
            and the adjoint is evaluated at them.
        throw : bool
            Whether a failed sample raises; otherwise it is noted in the status, and a gradient is refused.

        Returns
        -------
        Output
            Spikes, voltages and status.

        Raises
        ------
        ParameterError
            If an argument, or a trained value, is not allowed.
        SimulationError
            If samples fail and ``throw`` is set.

        Examples
        --------
        >>> import saltation as sal
        >>> from saltation.torch import SNN
        >>> net = sal.Network()
        >>> _ = net.add("in", sal.Input(1)); _ = net.add("hid", sal.LIF(1))
        >>> _ = net.connect("in", "hid", weight=[[9.0]])
        >>> stimulus = {"in": sal.Spikes.from_latencies([[0.0]])}
        >>> seen = {"hid": sal.Spikes.from_latencies([[4.5e-3]])}
        >>> SNN(net)(stimulus, duration=20e-3, observed=seen).first_spike("hid").item()
        0.0045
        """
        tensors = self._tensors()
        return call(self._specification, self._key, tensors, stimulus, duration, observed, throw)


def _name(slot: Slot) -> str:
    """Name of a parameter, such as ``weight_in_hid``."""
    # PyTorch keeps the dot for itself, and only an identifier can be written as an attribute.
    return parameter_name(slot.kind, slot.target)
