"""The grid backend: step by step, with surrogate gradients or those of EventProp at the spikes it finds."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal, final

import numpy as np

from saltation.engine.backend import Backend, Job, Observation
from saltation.engine.exact import Exact
from saltation.engine.grid_forward import run_on_grid
from saltation.engine.grid_table import last_step
from saltation.engine.threads import default_threads
from saltation.errors import ParameterError
from saltation.model import Spikes
from saltation.model.checks import SECONDS, number
from saltation.model.surrogates import SURROGATES, SuperSpike, Surrogate


def grid_points(backend: Backend, duration: float) -> int:
    """Number of grid points in a window, both ends counted.

    Raises
    ------
    ParameterError
        If the backend has no grid, or the window too many steps.
    """
    if not isinstance(backend, Grid):
        raise ParameterError(f"SpikeTrain() is on a grid; got the backend {backend!r}; run it with Grid(dt)")
    return last_step(duration, backend.dt) + 1


GRADIENTS = ("surrogate", "eventprop")


@final
@dataclass(frozen=True, slots=True)
class Grid(Backend):
    r"""Simulation on a time grid of step ``dt``, as most frameworks do it.

    ::

        I_k   += arrivals at grid point k
        z_k    = 1  where V_k >= v_th + a_k, and the neuron is not held;   V_k := v_reset, a_k := a_k + beta
        V_k+1  = v_leak + exp(-dt / tau_mem) (V_k - v_leak) + kappa(dt) I_k
        I_k+1  = exp(-dt / tau_syn) I_k,     a_k+1 = exp(-dt / tau_adapt) a_k

    From one grid point to the next the state follows its exact solution, whatever ``dt``; spikes, arrivals, delays,
    refractory times and the times of probes are moved to the nearest grid point, so that spike times are wrong by up
    to about ``dt``.  The grid points are ``0, dt, 2 dt, ...``, up to the end of the window; ``MaxVoltage`` is the
    largest voltage on them, and ``VoltageIntegral`` follows the trapezoidal rule.

    Parameters
    ----------
    dt : float
        Length of a step in seconds.
    surrogate : SuperSpike, Sigmoid, Triangle, ATan, Boxcar or Gaussian, optional
        What stands for the derivative of a spike by ``V - v_th``; ``SuperSpike()`` by default.
    gradient : {"surrogate", "eventprop"}
        How a run is differentiated: through its steps with the surrogate, or as the exact model is at the spikes that
        the grid found (``dL/dt`` and delays too; recorded voltages are then those of the exact model between these
        spikes).
    detach_reset : bool
        Whether the surrogate gradient leaves out the way through the reset of the voltage and the adaptation.
    checkpoint : int, optional
        Steps between checkpoints; all that the gradient needs of the states is run again from them, so that memory
        holds one state for each checkpoint, and those of one segment.  Derivatives by spikes and currents are held for
        all steps.  By default about the square root of the number of steps, more where little is simulated; what is
        small, at most 128 MiB for a population, is kept and not run again.
    threads : int, optional
        Number of threads over samples, as in `Exact`.  Results do not depend on it.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Notes
    -----
    Spikes and voltages that were observed elsewhere take the place of the grid's own at every grid point, and surrogate
    gradients go through the steps of the model with them: spikes at the nearest grid point, voltages between samples
    linearly.  A voltage on the wrong side of the threshold for whether there was a spike is taken to be at the
    threshold.  A second spike of a neuron at a grid point, or one while the model holds it, reaches other components
    and leaves its own state as it is; ``run.report.uncrossed`` counts them.

    References
    ----------
    Neftci, Mostafa and Zenke, IEEE Signal Processing Magazine 36, 51 (2019), doi:10.1109/MSP.2019.2931595; Rotter and
    Diesmann, Biological Cybernetics 81, 381 (1999), doi:10.1007/s004220050570.

    Examples
    --------
    >>> import saltation as sal
    >>> net = sal.Network()
    >>> _ = net.add("in", sal.Input(1)); _ = net.add("out", sal.LIF(1, tau_mem=0.02, tau_syn=0.01))
    >>> _ = net.connect("in", "out", weight=[[5.0]])
    >>> stimulus = {"in": sal.Spikes.from_lists([([0.0], [0])])}
    >>> run = sal.simulate(net, stimulus, duration=0.05, backend=sal.Grid(dt=1e-4))
    >>> run.spikes["out"].times.round(6)  # 0.00647 without a grid
    array([0.0065])
    """

    dt: float
    surrogate: Surrogate = field(default_factory=SuperSpike)
    gradient: Literal["surrogate", "eventprop"] = "surrogate"
    detach_reset: bool = False
    checkpoint: int | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        """Check the arguments."""
        number("Grid", "dt", self.dt, minimum=0.0, strict=True, hint=SECONDS)
        given: Any = self.surrogate
        if type(given) not in SURROGATES:
            raise ParameterError(
                f"Grid.surrogate must be SuperSpike(...), Sigmoid(...), Triangle(...), ATan(...), Boxcar(...) or "
                f"Gaussian(...); got {given!r}"
            )
        if self.gradient not in GRADIENTS:
            raise ParameterError(f"Grid.gradient must be 'surrogate' or 'eventprop'; got {self.gradient!r}")
        detach: Any = self.detach_reset
        if not isinstance(detach, bool | np.bool_):
            raise ParameterError(f"Grid.detach_reset must be True or False; got {detach!r}; pass a bool")
        for name in ("checkpoint", "threads"):
            value = getattr(self, name)
            whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
            if value is not None and not (whole and value >= 1):
                raise ParameterError(f"Grid.{name} must be a whole number of at least 1; got {value!r}")

    @property
    def surrogate_gradients(self) -> bool:
        """Whether gradients are those of steps, and not of EventProp."""
        return self.gradient == "surrogate"

    def run(self, job: Job) -> Observation:
        """Run all components in order."""
        threads = self.threads or default_threads()
        settings = (float(self.dt), self.surrogate, bool(self.detach_reset), self.checkpoint, threads)
        if self.gradient == "surrogate":
            return run_on_grid(job, *settings)
        if job.drive:
            raise ParameterError(
                f"simulate.stimulus must be Spikes with Grid(gradient='eventprop'); got an array for "
                f"{', '.join(job.drive)}; use surrogate gradients, or make events by Spikes.from_dense(array, dt)"
            )
        found: dict[str, Spikes] = dict(job.observed)
        missing = [name for name, p in job.plan.populations.items() if p.spiking and name not in job.plan.inputs]
        if any(name not in found for name in missing):
            bare = replace(job, request=job.request.nothing(), observed={})
            seen = run_on_grid(bare, *settings)
            found.update({name: seen.spikes[name] for name in missing if name not in found})
        # the trace is the exact model's: what follows the run has to learn elsewhere that its spikes are a grid's
        return replace(Exact(threads=threads).run(replace(job, observed=found)), conditions={"grid": float(self.dt)})
