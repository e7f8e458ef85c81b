"""The networks that are timed: Yin-Yang's shape with every kind of neuron, and that of MNIST."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from saltation.data.yinyang import yinyang
from saltation.model import ALIF, LIF, Input, Network, Spikes, latency

__all__ = ["BATCH", "CASES", "DURATION", "TAU_MEM", "T_LATE", "Case", "network", "stimulus"]

BATCH = 150
DURATION = 60e-3
T_LATE = 30e-3
TAU_MEM = 20e-3
_YINYANG_INPUTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One network and its stimulus.

    Parameters
    ----------
    inputs, hidden, outputs : int
        Number of neurons in each layer.
    active : int
        Input events of a sample, each of another input.
    ratio : float
        ``tau_mem / tau_syn``.
    max_spikes : int, optional
        Spikes that a neuron may emit.
    per_neuron : bool
        Whether every neuron has time constants of its own.
    two : bool
        Whether neurons have an excitatory and an inhibitory time constant.
    adaptive : bool
        Whether thresholds adapt.
    recurrent : bool
        Whether hidden neurons drive each other, 1 ms later.
    t_refrac : float
        Refractory time in seconds.
    quick : bool
        Whether ``saltation bench --quick`` has it.
    """

    inputs: int = _YINYANG_INPUTS
    hidden: int = 120
    outputs: int = 3
    active: int = _YINYANG_INPUTS
    ratio: float = 2.0
    max_spikes: int | None = None
    per_neuron: bool = False
    two: bool = False
    adaptive: bool = False
    recurrent: bool = False
    t_refrac: float = 0.0
    quick: bool = False

    @property
    def shape(self) -> str:
        """Sizes of the layers, as people write them."""
        return f"{self.inputs}-{self.hidden}-{self.outputs}"


CASES: dict[str, Case] = {
    "one spike, ratio 2": Case(max_spikes=1, quick=True),
    "ratio 1": Case(ratio=1.0),
    "ratio 2": Case(quick=True),
    "ratio 4": Case(ratio=4.0),
    "ratio 4, per neuron": Case(ratio=4.0, per_neuron=True),
    "ratio 4, refractory": Case(ratio=4.0, t_refrac=2e-3),
    "two receptors": Case(ratio=4.0, two=True),
    "adaptive": Case(ratio=4.0, adaptive=True),
    "recurrent, delays": Case(ratio=4.0, recurrent=True),
    "MNIST's shape": Case(inputs=784, hidden=350, outputs=10, active=150),
}


def network(case: Case) -> Network:
    """Build the network of a case, in float64, with weights that make its neurons spike once or twice.

    Examples
    --------
    >>> from saltation.experiments.bench.cases import CASES, network
    >>> network(CASES["ratio 2"]).populations["hid"].size
    120
    """
    rng = np.random.default_rng(0)
    net = Network()
    net.add("in", Input(case.inputs))
    net.add("hid", _neurons(case, case.hidden, rng))
    net.add("out", _neurons(case, case.outputs, rng))
    # so that neurons spike about as often for all ratios: by the peak that a unit of current causes
    ratio = case.ratio
    peak = np.exp(-1.0) if ratio == 1.0 else ratio ** (-ratio / (ratio - 1.0))
    # and for any number of events: by the sum of the weights, its mean and its spread
    few = _YINYANG_INPUTS / case.active
    hidden = case.hidden
    net.connect("in", "hid", weight=rng.normal(0.37 * few / peak, 0.2 * np.sqrt(few) / peak, (case.inputs, hidden)))
    net.connect("hid", "out", weight=rng.normal(1.5 / (hidden * peak), 3.0 / (hidden * peak), (hidden, case.outputs)))
    if case.recurrent:
        spread = 0.2 / (np.sqrt(hidden) * peak)
        net.connect("hid", "hid", weight=rng.normal(0.0, spread, (hidden, hidden)), delay=1e-3)
    return net


def _neurons(case: Case, n: int, rng: np.random.Generator) -> LIF | ALIF:
    tau_mem = TAU_MEM * (rng.uniform(0.9, 1.1, n) if case.per_neuron else 1.0)
    common: dict[str, Any] = {"tau_mem": tau_mem, "t_refrac": case.t_refrac, "max_spikes": case.max_spikes}
    if case.adaptive:
        return ALIF(n, tau_syn=TAU_MEM / case.ratio, **common)
    if case.two:
        return LIF(n, tau_syn_exc=TAU_MEM / case.ratio, tau_syn_inh=1.5 * TAU_MEM / case.ratio, **common)
    return LIF(n, tau_syn=tau_mem / case.ratio, **common)


def stimulus(case: Case, batch: int = BATCH) -> Spikes:
    """Draw the stimulus of a case: Yin-Yang points, or as many inputs as are active at random times.

    Examples
    --------
    >>> from saltation.experiments.bench.cases import CASES, stimulus
    >>> stimulus(CASES["MNIST's shape"], batch=2).per_sample()
    array([150, 150])
    """
    if case.inputs == case.active == _YINYANG_INPUTS:
        points, _ = yinyang(batch, 42)
        return latency(points, 0.0, T_LATE, bias_time=0.0)
    rng = np.random.default_rng(1)
    times = np.full((batch, case.inputs), np.inf)
    for row in times:
        row[rng.choice(case.inputs, case.active, replace=False)] = rng.uniform(0.0, T_LATE, case.active)
    return Spikes.from_latencies(times)
