"""`Run`: what a backend observed, and what follows from it: gradients, tangents, the state to go on from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from saltation.engine.arguments import by_name, float_values
from saltation.engine.backend import Report, Status, Tangent, Trace, Wish
from saltation.engine.gradient import Gradient
from saltation.engine.observation import Request
from saltation.engine.plan import Plan
from saltation.engine.state import State
from saltation.errors import GradientError, ParameterError
from saltation.model import ProjectionKey, Spikes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Run:
    """Observations of a network on a stimulus, and the plan it ran.

    Attributes
    ----------
    spikes : dict of str to Spikes
        Spikes of every population that spikes, the stimulus among them.
    voltage : dict of str to ndarray or tuple of ndarray
        What the probes recorded: ``Voltage`` ``[batch, time, neuron]``, ``MaxVoltage`` and ``VoltageIntegral``
        ``[batch, neuron]``, ``SpikeTrain`` ``[batch, step, neuron]``; a tuple where a tuple of probes was given.
    peak_time : dict of str to ndarray, [batch, neuron]
        Where the maxima of ``MaxVoltage`` lie.
    status : ndarray of int, [batch]
        :class:`Status` of each sample.
    duration : float
        Length of the window in seconds.
    plan : Plan
        The network as it was run; later edits do not reach it.
    conditions : dict of str
        What it ran under beyond the network: on a chip the scales of time, voltage and weights, and which run of which
        chip it was; ``grid``, the step in seconds, where a grid's spikes are differentiated by EventProp; nothing where
        it is the model itself.
    """

    spikes: dict[str, Spikes]
    voltage: dict[str, Any]
    peak_time: dict[str, Floats]
    status: Ints
    duration: float
    plan: Plan
    _request: Request = field(repr=False)
    _trace: Trace = field(repr=False)
    conditions: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)

    @cached_property
    def state(self) -> State:
        """State at the end, for ``simulate(..., state=)``; made when it is first asked for."""
        return self._trace.state()

    @cached_property
    def report(self) -> Report:
        """Spikes that need attention."""
        return self._trace.report()

    @property
    def batch(self) -> int:
        """Number of samples."""
        return self.status.size

    def __repr__(self) -> str:
        spikes = ", ".join(f"{name}: {events.n_events}" for name, events in self.spikes.items())
        shapes = {name: _shapes(value) for name, value in self.voltage.items()}
        voltage = f", voltage={{{', '.join(f'{name}: {shape}' for name, shape in shapes.items())}}}" if shapes else ""
        failed = int((self.status != Status.OK).sum())
        status = f"{failed} samples failed" if failed else "OK"
        return f"Run(batch={self.batch}, duration={self.duration:g} s, spikes={{{spikes}}}{voltage}, status={status})"

    def gradient(
        self,
        spike_times: Mapping[str, npt.ArrayLike] | None = None,
        voltage: Mapping[str, Any] | None = None,
        *,
        per_sample: bool = False,
        time_constants: bool = True,
    ) -> Gradient:
        r"""Gradient of a loss of the observations: exact, by EventProp, or with surrogates on a grid.

        ``dL/dw = -tau_syn sum_arrivals lam_i(arrival)`` and the rest of ``docs/derivation.md``, from ``dL/dt`` of
        the spikes and ``dL/dv`` of the recorded voltages.  A run of ``Grid(dt)`` with surrogates is differentiated as
        the sum over steps that it is, from ``dL/dv``, and ``dL/dz`` of what ``SpikeTrain()`` recorded.

        Parameters
        ----------
        spike_times : dict of str to array_like, optional
            ``dL/dt`` for populations, aligned with ``run.spikes[name].times``.
        voltage : dict of str to array_like, optional
            ``dL/dv`` for recorded populations, shaped as ``run.voltage[name]`` (a tuple for a tuple).
        per_sample : bool
            Gradients of each sample, with a leading batch axis, and not their sum.
        time_constants : bool
            Whether gradients for the time constants are computed; without them they are zero and time is saved.

        Returns
        -------
        Gradient
            By parameter and population or projection.

        Raises
        ------
        ParameterError
            If a name is unknown or a shape does not fit.
        GradientError
            If a cotangent is not finite, or a sample of the run failed.

        Examples
        --------
        >>> import numpy as np, saltation as sal
        >>> net = sal.Network()
        >>> _ = net.add("in", sal.Input(1)); _ = net.add("out", sal.LIF(1, tau_mem=0.02, tau_syn=0.005))
        >>> _ = net.connect("in", "out", weight=[[8.0]])
        >>> run = sal.simulate(net, {"in": sal.Spikes.from_lists([([0.0], [0])])}, duration=0.02)
        >>> g = run.gradient(spike_times={"out": np.ones(run.spikes["out"].n_events)})
        >>> bool(g.weight["in", "out"][0, 0] < 0)  # a stronger synapse fires earlier
        True
        """
        if (self.status != Status.OK).any():
            failed = np.flatnonzero(self.status != Status.OK)
            raise GradientError(
                f"Run.gradient needs samples that ran to their end; samples {_listed(failed)} failed with "
                f"{Status(int(self.status[failed[0]])).name}; leave them out of the stimulus, or mend the cause"
            )
        if spike_times is None and voltage is None:
            raise ParameterError(
                "Run.gradient needs spike_times= or voltage=, the derivatives of a loss by what was observed; got "
                "neither, and every gradient would be zero"
            )
        bars = self._spike_cotangents({} if spike_times is None else spike_times)
        wish = Wish(
            bars,
            any(bar.any() for bar in bars.values()),
            self._voltage_cotangents({} if voltage is None else voltage),
            per_sample,
            time_constants,
        )
        return self._trace.gradient(wish)

    def jvp(self, **tangents: Mapping[str | ProjectionKey, npt.ArrayLike]) -> Tangent:
        """Forward-mode product: how spike times and voltages move when the parameters do.

        Parameters
        ----------
        **tangents
            One dict for each kind of parameter (``weight``, ``delay``, ``tau_mem``, ..., ``input_times``), keyed and
            shaped as in :class:`Gradient`; what is not given does not move.

        Returns
        -------
        Tangent
            ``spike_times`` and ``voltage``, keyed and shaped as ``run.spikes[...].times`` and ``run.voltage``.

        Raises
        ------
        ParameterError
            If a name is unknown or a shape does not fit.

        Examples
        --------
        >>> import saltation as sal
        >>> net = sal.Network()
        >>> _ = net.add("in", sal.Input(1)); _ = net.add("out", sal.LIF(1, tau_mem=0.02, tau_syn=0.005))
        >>> _ = net.connect("in", "out", weight=[[8.0]])
        >>> run = sal.simulate(net, {"in": sal.Spikes.from_lists([([0.0], [0])])}, duration=0.02)
        >>> moved = run.jvp(input_times={"in": [1.0]})  # all spikes follow a shift of the input
        >>> moved.spike_times["out"].round(9)
        array([1.])
        """
        return self._trace.tangent(tangents)

    def _spike_cotangents(self, given: Mapping[str, npt.ArrayLike]) -> dict[str, Floats]:
        bars = {name: np.zeros(spikes.n_events) for name, spikes in self.spikes.items()}
        for name, value in by_name("Run.gradient.spike_times", given).items():
            if name not in bars:
                raise ParameterError(
                    f"Run.gradient.spike_times: names must be populations that spike ({', '.join(bars)}); got {name!r}"
                )
            bars[name] = _cotangent(f"spike_times[{name!r}]", value, bars[name].shape)
        return bars

    def _voltage_cotangents(self, given: Mapping[str, Any]) -> dict[str, list[Floats]]:
        result: dict[str, list[Floats]] = {}
        for name, value in by_name("Run.gradient.voltage", given).items():
            if name not in self.voltage:
                raise ParameterError(
                    f"Run.gradient.voltage: names must be recorded populations ({', '.join(self.voltage) or 'none'}); "
                    f"got {name!r}; record it: simulate(..., record={{{name!r}: MaxVoltage()}})"
                )
            recorded = self.voltage[name]
            if name in self._request.single:
                result[name] = [_cotangent(f"voltage[{name!r}]", value, recorded.shape)]
                continue
            values = cast(Sequence[Any], value)
            if not isinstance(value, Sequence) or len(values) != len(recorded):
                raise ParameterError(
                    f"Run.gradient.voltage[{name!r}] must be a tuple of {len(recorded)}, one for each probe of "
                    "the population; got another number, or no tuple"
                )
            result[name] = [
                _cotangent(f"voltage[{name!r}][{i}]", v, r.shape)
                for i, (v, r) in enumerate(zip(values, recorded, strict=True))
            ]
        return result


def _shapes(value: Any) -> str:
    """Shape of what a probe recorded, or shapes of what several did."""
    parts = cast("tuple[Floats, ...]", value) if isinstance(value, tuple) else (value,)
    return " and ".join(str(list(part.shape)) for part in parts)


def _listed(samples: Ints) -> str:
    head = ", ".join(str(int(i)) for i in samples[:10])
    return head + (f" and {samples.size - 10} more" if samples.size > 10 else "")


def _cotangent(name: str, value: npt.ArrayLike, shape: tuple[int, ...]) -> Floats:
    array = float_values(f"Run.gradient.{name}", value, shape)
    bad = ~np.isfinite(array)
    if bad.any():
        first = np.unravel_index(int(bad.argmax()), shape)
        raise GradientError(
            f"Run.gradient.{name} must be finite; got {array[first]} at {tuple(int(i) for i in first)} "
            f"({int(bad.sum())} such values); a loss of the time of a silent neuron (inf) has to leave it out"
        )
    return array
