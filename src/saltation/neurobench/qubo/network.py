"""The network that solves: a neuron for each node, inhibition along edges, and fatigue by its own spikes."""

from dataclasses import dataclass
from typing import final

import numpy as np

from saltation.errors import ParameterError
from saltation.model import LIF, Input, Network, Sparse
from saltation.model.checks import SECONDS, explain, integer, number
from saltation.neurobench.qubo.problem import MISProblem

__all__ = ["SpikingSettings", "spiking_network"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SpikingSettings:
    """What the network is built of; the same for all problems, sizes and densities.

    A neuron without inhibition fires regularly, as its leak potential is above the threshold 1. Its spikes keep its
    neighbours from firing, and tire it: a slow inhibitory current of its own adds up, until a neighbour gets ahead of
    it, whose spikes then hold it back. The set of those that fire is independent but for such changes, and fatigue is a
    memory of which nodes were in it lately, as that of a tabu search is.

    Attributes
    ----------
    tau_mem, tau_edge, tau_fatigue : float
        Time constants in seconds: of membranes, inhibition along edges, fatigue. They must differ.
    drive : float
        By how much the leak potential is above the threshold.
    edge : float
        Inhibition along an edge; at a few times the drive a spike stops all neighbours at once.
    fatigue : float
        Inhibition of itself by each spike.
    noise_rate : float
        Poisson spikes in Hz that each neuron gets, so that the network does not run in circles; none at 0.
    noise : float
        Inhibition by each of them.
    samples : int
        Trials side by side, from different noise.

    Raises
    ------
    ParameterError
        If a value is not allowed.

    Examples
    --------
    >>> from saltation.neurobench.qubo import SpikingSettings
    >>> SpikingSettings(samples=4).drive
    0.2
    """

    tau_mem: float = 10e-3
    tau_edge: float = 4e-3
    tau_fatigue: float = 100e-3
    drive: float = 0.2
    edge: float = 0.8
    fatigue: float = 0.008
    noise_rate: float = 2.0
    noise: float = 0.2
    samples: int = 1

    def __post_init__(self) -> None:
        """Check the values."""
        for name in ("tau_mem", "tau_edge", "tau_fatigue"):
            number("SpikingSettings", name, getattr(self, name), minimum=0.0, strict=True, hint=SECONDS)
        for name in ("drive", "edge", "fatigue", "noise"):
            number("SpikingSettings", name, getattr(self, name), minimum=0.0, strict=True)
        number("SpikingSettings", "noise_rate", self.noise_rate, minimum=0.0)
        integer("SpikingSettings", "samples", self.samples, minimum=1)
        if self.tau_edge == self.tau_fatigue:
            must = "another time constant than tau_edge, as two receptors have"
            raise ParameterError(explain("SpikingSettings.tau_fatigue", must, f"{self.tau_fatigue:g} s of both"))


def spiking_network(problem: MISProblem, settings: SpikingSettings | None = None) -> Network:
    """Build the network of a problem: populations "nodes" and "noise".

    ::

        tau_mem dV/dt = (1 + drive) - V + I_edge + I_fatigue,    a spike at V = 1, then V := 0
        I_edge    := I_edge - edge          at each spike of a neighbour, and decays with tau_edge
        I_fatigue := I_fatigue - fatigue    at each spike of its own, and decays with tau_fatigue

    Membranes start at 0, all alike: noise tells them apart.

    Examples
    --------
    >>> from saltation.neurobench.qubo import mis_problem, spiking_network
    >>> net = spiking_network(mis_problem(100, 0.05, seed=0))
    >>> list(net.projections)
    [('noise', 'nodes'), 'fatigue', 'edges']
    """
    own = SpikingSettings() if settings is None else settings
    n = problem.nodes
    net = Network()
    net.add("noise", Input(n))
    # receptors are named for their use in most networks; here both inhibit, "exc" slowly and "inh" fast
    cells = LIF(
        n,
        tau_mem=own.tau_mem,
        tau_syn_exc=own.tau_fatigue,
        tau_syn_inh=own.tau_edge,
        v_leak=1.0 + own.drive,
        v_init=0.0,
    )
    net.add("nodes", cells)
    each = np.arange(n)
    itself = Sparse(each, each, (n, n))
    net.connect("noise", "nodes", weight=np.full(n, -own.noise), connectivity=itself, receptor="inh")
    tired = np.full(n, -own.fatigue)
    net.connect("nodes", "nodes", name="fatigue", weight=tired, connectivity=itself, receptor="exc")
    if len(problem.edges):
        neighbours, begin = problem.neighbours
        edges = Sparse(np.repeat(each, np.diff(begin)), neighbours, (n, n))
        weight = np.full(neighbours.size, -own.edge)
        net.connect("nodes", "nodes", name="edges", weight=weight, connectivity=edges, receptor="inh")
    return net
