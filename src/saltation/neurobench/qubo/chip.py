"""The same on the emulated chip: a circuit or two for each node, driven by noise that the host plays."""

import time
from dataclasses import asdict, dataclass
from typing import Any, Final, final

import numpy as np

from saltation.bss2 import Backend, Chip
from saltation.engine import simulate
from saltation.errors import ParameterError, PlacementError
from saltation.model import LIF, Input, Network, poisson
from saltation.model.checks import SECONDS, integer, number
from saltation.neurobench.qubo.problem import MISProblem
from saltation.neurobench.qubo.readout import Readout
from saltation.neurobench.qubo.solution import MODELLED, Solution, check_limit, check_stop, solution_of

__all__ = ["LARGEST", "ChipSettings", "chip_network", "solve_chip"]

LARGEST: Final = 252
"""Most nodes on a chip: two circuits for each, with 256 signed inputs, of which noise takes four at least."""

_SIGNED = 256  # inputs of a node with two circuits
_BATCH = 4  # trials in a run of the emulator: what it keeps of their spikes is memory


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ChipSettings:
    """What the network on the chip is built of, in the time of the model: a second of it is a millisecond there.

    The chip has no leak beyond the threshold in a `Backend`, and one time constant of inhibition: Poisson spikes from
    the host drive the neurons, there is no fatigue, and noise, that of the circuits included, makes the set change.

    Attributes
    ----------
    tau_mem, tau_drive, tau_edge : float
        Time constants in seconds: of membranes, drive, inhibition along edges.
    drive : float
        Mean voltage that the drive alone would lift a neuron to; the threshold is 1.
    kick : float
        Weight of a spike of the drive.
    edge : float
        Inhibition along an edge.
    t_refrac : float
        Refractory time in seconds.
    section : float
        Seconds of a trial, each from rest.

    Raises
    ------
    ParameterError
        If a value is not allowed.

    Examples
    --------
    >>> from saltation.neurobench.qubo import ChipSettings
    >>> ChipSettings().drive
    1.5
    """

    tau_mem: float = 10e-3
    tau_drive: float = 5e-3
    tau_edge: float = 8e-3
    drive: float = 1.5
    kick: float = 0.5
    edge: float = 1.0
    t_refrac: float = 1e-3
    section: float = 0.5

    def __post_init__(self) -> None:
        """Check the values."""
        for name in ("tau_mem", "tau_drive", "tau_edge", "section"):
            number("ChipSettings", name, getattr(self, name), minimum=0.0, strict=True, hint=SECONDS)
        for name in ("drive", "kick", "edge"):
            number("ChipSettings", name, getattr(self, name), minimum=0.0, strict=True)
        number("ChipSettings", "t_refrac", self.t_refrac, minimum=0.0, hint=SECONDS)


def chip_network(
    problem: MISProblem, settings: ChipSettings | None = None, *, seed: int = 0
) -> tuple[Network, np.ndarray]:
    """Build the network of a problem for the chip; and the rates of its noise, in Hz.

    Up to 128 nodes each has its own Poisson spikes. Beyond, signed inputs are short: ``256 - nodes`` sources are left,
    each reaches a random half of the nodes, and each node gets half of them.

    Raises
    ------
    PlacementError
        If it has more nodes than the chip can have.

    Examples
    --------
    >>> from saltation.neurobench.qubo import chip_network, mis_problem
    >>> [chip_network(mis_problem(n, 0.05, seed=0))[1].size for n in (50, 100, 250)]
    [50, 100, 6]
    """
    own = ChipSettings() if settings is None else settings
    n = problem.nodes
    if n > LARGEST:
        raise PlacementError(
            f"chip_network.problem must have at most {LARGEST} nodes; got {n}: all may inhibit all, so that each has "
            f"{n} signed inputs and four of noise; with two circuits it has {_SIGNED}, with four there are 128 neurons"
        )
    sources = n if n <= _SIGNED // 2 else _SIGNED - n
    each = 1 if sources == n else sources // 2
    reached = np.eye(n)
    if sources < n:
        rng = np.random.default_rng(seed)
        reached = np.zeros((sources, n))
        for node in range(n):
            reached[rng.choice(sources, each, replace=False), node] = 1.0
    inhibition = np.zeros((n, n))
    inhibition[problem.edges[:, 0], problem.edges[:, 1]] = -own.edge
    net = Network()
    net.add("noise", Input(sources))
    cells = LIF(n, tau_mem=own.tau_mem, tau_syn_exc=own.tau_drive, tau_syn_inh=own.tau_edge, t_refrac=own.t_refrac)
    net.add("nodes", cells)
    net.connect("noise", "nodes", weight=own.kick * reached)
    net.connect("nodes", "nodes", weight=inhibition + inhibition.T)
    return net, np.full(sources, own.drive / (own.kick * own.tau_drive * each))


def solve_chip(
    problem: MISProblem,
    limit: float = 10e-3,
    *,
    chip: Chip | None = None,
    backend: Backend | None = None,
    seed: int = 0,
    settings: ChipSettings | None = None,
    stop_at: int | None = None,
) -> Solution:
    """Solve a problem by a spiking network on an emulated, calibrated chip.

    Trials of `ChipSettings.section` run one after another, each from rest; spikes come back through the links of the
    chip, with what mismatch, noise and lost events make of them, and are read out on the host (`Readout`).

    Parameters
    ----------
    problem : MISProblem
    limit : float
        Seconds of hardware time, as they are modelled, of the trials. The settling of analog values after they are
        written is loading; transfer, the host's noise and its readout are not modelled.
    chip : Chip, optional
        Which one; that with serial number 1 by default.
    backend : Backend, optional
        One that is there already, with its chip and calibration, in place of ``chip``.
    seed : int
        Of the noise from the host, of that in the circuits, and of which sources reach which node.
    settings : ChipSettings, optional
        What the network is built of.
    stop_at : int, optional
        Cost at which it is done, below 0: minus the number of nodes.

    Returns
    -------
    Solution
        ``seconds`` are modelled hardware time. ``extra`` has the serial number, the circuits in use, the modelled
        settling, and ``emulation_seconds``, which the emulator took and which says nothing about a chip.

    Raises
    ------
    PlacementError
        If it has more nodes than the chip can have.
    ParameterError
        If another argument is not allowed.

    Examples
    --------
    >>> from saltation.bss2 import Chip
    >>> from saltation.neurobench.qubo import mis_problem, solve_chip
    >>> found = solve_chip(mis_problem(25, 0.25, seed=0), limit=2e-3, chip=Chip(serial=1))
    >>> found.feasible, found.time_is
    (True, 'modelled hardware time')
    """
    wanted, enough = check_limit("solve_chip", limit), check_stop("solve_chip", stop_at)
    own = ChipSettings() if settings is None else settings
    integer("solve_chip", "seed", seed)
    if chip is not None and backend is not None:
        raise ParameterError("solve_chip: chip and backend were both given; a backend has its chip")
    net, rates = chip_network(problem, own, seed=seed)
    on_chip = Backend(Chip(serial=1) if chip is None else chip, seed=seed) if backend is None else backend
    circuits, _ = on_chip.placement(net).usage()["neuron circuits"]  # calibrates, which is loading
    rng = np.random.default_rng(seed)
    best, cost, added, removed = np.zeros(problem.nodes, bool), 0, 0, 0
    history: list[tuple[float, int]] = []
    operations = spikes = trials = 0
    seconds = settling = 0.0
    each = own.section * on_chip.point.time_scale
    fan_out = problem.degree
    reached = np.count_nonzero(net.projections["noise", "nodes"].weight, axis=1)
    begin = time.perf_counter()
    done = False
    while not done:
        noise = poisson(np.tile(rates, (_BATCH, 1)), own.section, rng)
        run = simulate(net, {"noise": noise}, own.section, backend=on_chip)
        settling += run.conditions["settled"]
        for trial in range(_BATCH):
            if seconds + each > wanted * (1 + 1e-9):
                done = True
                break
            seconds += each
            trials += 1
            fired = run.spikes["nodes"][trial : trial + 1]
            readout = Readout(problem, 1)
            found = readout.read(fired)
            added, removed = added + readout.added, removed + readout.removed
            spikes += fired.n_events
            operations += int(fired.counts()[0] @ fan_out)
            operations += int(noise[trial : trial + 1].counts()[0] @ reached)
            if found < cost:
                best, cost = readout.best, found
                history.append((seconds, cost))
            if enough is not None and cost <= enough:
                done = True
                break
    extra: dict[str, Any] = {
        "serial": on_chip.chip.serial,
        "circuits": circuits,
        "trials": trials,
        "modelled_settling": settling,
        "spikes": spikes,
        "added": added,
        "removed": removed,
        "emulation_seconds": time.perf_counter() - begin,
        "settings": asdict(own),
    }
    return solution_of(
        "chip",
        problem,
        best,
        seconds,
        time_is=MODELLED,
        operations=operations,
        history=tuple(history),
        extra=extra,
    )
