"""What of a network is trained, and what is recorded of it where nothing is said: the same in all front ends."""

from collections.abc import Sequence
from typing import Any

from saltation.engine.backend import Backend
from saltation.engine.observation import PROBES, Probe, Record
from saltation.errors import ParameterError
from saltation.model import Input, MaxVoltage, Network, ProjectionKey
from saltation.model.checks import suggest

TIME_CONSTANTS = ("tau_mem", "tau_syn", "tau_syn_exc", "tau_syn_inh", "tau_adapt")
"""Kinds of parameters whose gradient costs extra."""

IN_SECONDS = ("delay", *TIME_CONSTANTS, "t_refrac")
"""Kinds of parameters that are in seconds."""

ON_WHOLE_STEPS = ("delay", "t_refrac")
"""Kinds of parameters that a grid rounds."""

KINDS = ("weight", "delay", *TIME_CONSTANTS, "beta", "v_th", "v_leak", "v_reset", "t_refrac", "v_init")
"""Kinds of parameters that can be trained."""


def parameter_name(kind: str, target: ProjectionKey) -> str:
    """Name of a parameter, such as ``weight_in_hid``: its kind and whose it is, as an identifier."""
    whose = target if isinstance(target, str) else "_".join(target)
    return "".join(c if c.isalnum() else "_" for c in f"{kind}_{whose}")


def trained_kinds(network: Network, trainable: Sequence[str], backend: Backend) -> frozenset[str]:
    """Check kinds of parameters to train: known, in the network, and of those that the backend's gradient reaches.

    Raises
    ------
    ParameterError
        If one is not.
    """
    names = (trainable,) if isinstance(trainable, str) else tuple(trainable)
    present = {"weight", "delay"} if network.projections else set[str]()
    for population in network.populations.values():
        present.update(population.parameters())
    for name in names:
        if name not in KINDS:
            raise ParameterError(f"trainable must hold kinds of parameters; got {name!r}; {suggest(name, KINDS)}")
        if name not in present:
            raise ParameterError(
                f"trainable must hold kinds of parameters that the network has; it has no {name!r}; "
                f"{suggest(name, [kind for kind in KINDS if kind in present])}"
            )
        if backend.surrogate_gradients and name in ON_WHOLE_STEPS:
            raise ParameterError(
                f"trainable must hold kinds of parameters that a surrogate gradient reaches; {name!r} is moved to "
                "whole steps of the grid; train it with Grid(dt, gradient='eventprop') or Exact()"
            )
    return frozenset(names)


def probes_of(network: Network, record: Record | None) -> tuple[tuple[str, tuple[Probe, ...], bool], ...]:
    """Probes of each recorded population, and whether the probe was given bare.

    None stands for ``MaxVoltage()`` of every population that does not spike.

    Raises
    ------
    ParameterError
        If a name or a probe is not allowed.
    """
    if record is None:
        silent = [name for name, population in network.populations.items() if not population.spiking]
        return tuple((name, (MaxVoltage(),), True) for name in silent)
    result: list[tuple[str, tuple[Probe, ...], bool]] = []
    for name, given in record.items():
        if name not in network.populations or isinstance(network.populations[name], Input):
            known = [n for n, p in network.populations.items() if not isinstance(p, Input)]
            raise ParameterError(
                f"record: a name must be a population with a voltage; got {name!r}; {suggest(name, known)}"
            )
        bare = isinstance(given, PROBES)
        probes: tuple[Any, ...] = (given,) if bare or not isinstance(given, tuple | list) else tuple(given)
        if not probes or not all(isinstance(probe, PROBES) for probe in probes):
            raise ParameterError(
                f"record[{name!r}] must be a probe or a tuple of probes (Voltage, MaxVoltage, "
                f"VoltageIntegral, SpikeTrain); got {given!r}"
            )
        result.append((name, probes, bare))
    return tuple(result)
