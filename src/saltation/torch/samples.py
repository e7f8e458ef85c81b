"""`Samples`: one run of an `SNN`, and the derivatives of each of its samples, not of their sum."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, final

import torch
from torch import Tensor

from saltation.engine import Run, simulate
from saltation.engine.arguments import check_duration
from saltation.engine.training import TIME_CONSTANTS, parameter_name
from saltation.errors import ParameterError
from saltation.model.checks import suggest
from saltation.torch.forward import jvp
from saltation.torch.output import Output
from saltation.torch.snn import SNN
from saltation.torch.spikes import Spikes, as_spikes

__all__ = ["Samples", "run_samples"]

Readout = Callable[[Output], Tensor]


@final
@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """A run whose gradients and tangents are those of each sample; `run_samples` makes it.

    Attributes
    ----------
    output : Output
        What the network gave. Spike times and voltages are leaves that require a gradient: a graph begins at them.
    run : Run
        The same as the engine gave it.
    """

    output: Output
    run: Run
    _slots: Mapping[str, Any]

    def gradients(self, losses: Tensor) -> dict[str, Tensor]:
        """Gradient of the loss of each sample, one adjoint pass for each.

        ::

            g[b] = d losses[b] / d parameter

        Parameters
        ----------
        losses : Tensor, [batch]
            Computed from `output`; that of a sample may depend on no other sample.

        Returns
        -------
        dict of str to Tensor, [batch, ...]
            By parameter, called as those of `SNN`; float64.

        Raises
        ------
        ParameterError
            If there is not one loss for each sample, or it has no gradient.
        GradientError
            If a sample of the run failed, or a derivative of a loss is not finite.
        """
        if losses.shape != (self.run.batch,):
            raise ParameterError(
                f"Samples.gradients.losses must be [{self.run.batch}], one for each sample; got "
                f"{tuple(losses.shape)}; leave the mean over the batch out"
            )
        if not losses.requires_grad:
            raise ParameterError(
                "Samples.gradients.losses must be computed from output; got a tensor without a gradient; leave "
                "torch.no_grad() and detach() out"
            )
        leaves = _leaves(self.output)
        found = torch.autograd.grad(losses.sum(), [leaf for _, leaf in leaves], allow_unused=True, retain_graph=True)
        spike_times: dict[str, Any] = {}
        voltage: dict[str, Any] = {}
        for (place, leaf), given in zip(leaves, found, strict=True):
            bar = (torch.zeros_like(leaf) if given is None else given).numpy()
            if place[0] == "spikes":
                spike_times[place[1]] = bar
            else:
                voltage.setdefault(place[1], []).append(bar)
        bars = {name: bar if isinstance(self.output.voltages[name], tuple) else bar[0] for name, bar in voltage.items()}
        timed = any(slot.kind in TIME_CONSTANTS for slot in self._slots.values())
        gradient = self.run.gradient(spike_times, bars, per_sample=True, time_constants=timed)
        return {
            name: torch.from_numpy(getattr(gradient, slot.kind)[slot.target].astype("float64"))
            for name, slot in self._slots.items()
        }

    def tangent(self, moved: Mapping[str, Tensor], readout: Readout) -> tuple[Tensor, Tensor]:
        """What a readout gives, and how it moves when the parameters move; in forward mode.

        ::

            dy = sum over parameters i of  moved_i dy/dw_i

        Parameters
        ----------
        moved : dict of str to Tensor
            Tangents of parameters, of their shapes.
        readout : callable
            A differentiable function of an `Output`.

        Returns
        -------
        y, dy : Tensor
            Value of the readout and its tangent.

        Raises
        ------
        ParameterError
            If a name is not that of a trained parameter.
        """
        tangents: dict[str, dict[Any, Any]] = {}
        for name, value in moved.items():
            if name not in self._slots:
                raise ParameterError(
                    f"Samples.tangent.moved: a name must be that of a trained parameter; got {name!r}; "
                    f"{suggest(name, self._slots)}"
                )
            slot = self._slots[name]
            tangents.setdefault(slot.kind, {})[slot.target] = value.detach().double().numpy()
        of_run = self.run.jvp(**tangents)
        values, directions = [], []
        for place, leaf in _leaves(self.output):
            of_it = of_run.spike_times[place[1]] if place[0] == "spikes" else of_run.voltage[place[1]]
            direction = of_it[place[2]] if isinstance(of_it, tuple) else of_it
            values.append(leaf.detach())
            directions.append(torch.from_numpy(direction.copy()))
        places = [place for place, _ in _leaves(self.output)]

        def read(*leaves: Tensor) -> Tensor:
            return readout(_with_leaves(self.output, dict(zip(places, leaves, strict=True))))

        return jvp(read, values, directions)


def run_samples(
    snn: SNN,
    stimulus: Mapping[str, Any],
    duration: float,
    *,
    values: Mapping[str, Tensor] | None = None,
) -> Samples:
    """Run an `SNN` so that the derivatives of each sample can be asked for.

    Parameters
    ----------
    snn : SNN
        The network, its probes and its backend.
    stimulus : dict of str to Spikes
        Events of every ``Input`` population.
    duration : float
        Length of the window in seconds.
    values : dict of str to Tensor, optional
        Values of trained parameters in the place of the module's own.

    Returns
    -------
    Samples
        The run.

    Raises
    ------
    ParameterError
        If an argument is not allowed.
    SimulationError
        If a sample fails.

    References
    ----------
    Wunderlich and Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> import saltation as sal
    >>> from saltation.torch import SNN, run_samples
    >>> net = sal.Network()
    >>> _ = net.add("in", sal.Input(2)); _ = net.add("out", sal.LI(3))
    >>> _ = net.connect("in", "out", weight=sal.normal((2, 3), 1.0, 0.1, seed=1))
    >>> samples = run_samples(SNN(net), {"in": sal.Spikes.from_latencies([[1e-3, 2e-3], [3e-3, 1e-3]])}, 60e-3)
    >>> samples.gradients(samples.output.voltage("out").sum(dim=1))["weight_in_out"].shape
    torch.Size([2, 2, 3])
    """
    if not isinstance(snn, SNN):
        raise ParameterError(f"run_samples.snn must be a saltation.torch.SNN; got {type(snn).__name__}")
    specification = snn._specification
    names = {parameter_name(slot.kind, slot.target): slot for slot in specification.slots if slot.trained}
    given = dict(values or {})
    for name in given:
        if name not in names:
            raise ParameterError(
                f"run_samples.values: a name must be that of a trained parameter; got {name!r}; {suggest(name, names)}"
            )
    tensors = [
        given.get(parameter_name(slot.kind, slot.target), own)
        for slot, own in zip(specification.slots, snn._tensors(), strict=True)
    ]
    network = specification.network([tensor.detach().cpu().numpy() for tensor in tensors])
    events = {name: value.to_numpy() if isinstance(value, Spikes) else value for name, value in stimulus.items()}
    run = simulate(
        network, events, check_duration(duration), backend=specification.backend, record=specification.probes
    )
    spikes: dict[str, Spikes] = {}
    for name, value in run.spikes.items():
        own = as_spikes(value)
        spikes[name] = Spikes(own.times.requires_grad_(), own.units, own.offsets, own.n_units)
    voltages = {name: _leaf(value) for name, value in run.voltage.items()}
    return Samples(Output(spikes, voltages, torch.from_numpy(run.status.copy())), run, names)


def _leaf(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_leaf(part) for part in value)
    return torch.from_numpy(value.copy()).requires_grad_()


_Place = tuple[str, str, int]


def _leaves(output: Output) -> list[tuple[_Place, Tensor]]:
    """All that carries a gradient, with its place: kind, population, number of the probe."""
    found: list[tuple[_Place, Tensor]] = [(("spikes", name, 0), value.times) for name, value in output.spikes.items()]
    for name, value in output.voltages.items():
        parts = value if isinstance(value, tuple) else (value,)
        found += [(("voltage", name, i), part) for i, part in enumerate(parts)]
    return found


def _with_leaves(output: Output, leaves: Mapping[_Place, Tensor]) -> Output:
    """The same output with other tensors in the places of its leaves."""
    spikes = {
        name: Spikes(leaves["spikes", name, 0], value.units, value.offsets, value.n_units)
        for name, value in output.spikes.items()
    }
    voltages: dict[str, Any] = {}
    for name, value in output.voltages.items():
        if isinstance(value, tuple):
            voltages[name] = tuple(leaves["voltage", name, i] for i in range(len(value)))
        else:
            voltages[name] = leaves["voltage", name, 0]
    return Output(spikes, voltages, output.status)
