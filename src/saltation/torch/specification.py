"""What an operation runs beside its tensors: a network without its values, as an immutable record with a key.

PyTorch's operations take tensors and numbers, so the structure of a network travels as an ``int``: the key of
a `Specification`, under which it is registered. The key is a digest of the content, so that equal structures
share one key, also in another process. Everything that may be large travels as tensors: weights, arrays of
parameters, and whatever is trained. What is left is small: names, sizes, scalars.
"""

import dataclasses
import hashlib
import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from saltation.engine import Backend
from saltation.engine.backends import check_backend
from saltation.engine.observation import Probe, Record
from saltation.engine.plan import Plan
from saltation.engine.training import probes_of, trained_kinds
from saltation.errors import ParameterError
from saltation.model import (
    Connectivity,
    DelayOf,
    Input,
    Network,
    Population,
    ProjectionKey,
    Receptor,
)


class Slot(NamedTuple):
    """A parameter that travels as a tensor: its kind, whose it is, its shape, and whether it is trained."""

    kind: str
    target: ProjectionKey
    shape: tuple[int, ...]
    trained: bool


class Edge(NamedTuple):
    """A projection without its weights; ``delay`` is None where it travels as a tensor."""

    pre: str
    post: str
    name: str | None
    receptor: Receptor | None
    delay: float | None
    delay_of: DelayOf | None
    connectivity: Connectivity | None = None

    @property
    def key(self) -> ProjectionKey:
        """The key of the projection in its network."""
        return (self.pre, self.post) if self.name is None else self.name


@dataclasses.dataclass(frozen=True)
class Specification:
    """A network without the values that travel, and how it is to be run.

    Attributes
    ----------
    populations : tuple of (str, population)
        Names and records; the parameters that travel are placeholders in them.
    edges : tuple of Edge
        Projections.
    slots : tuple of Slot
        Parameters that travel, in the order of the operation's argument.
    record : tuple of (str, probes, bool)
        Probes of each recorded population, and whether the probe was given bare.
    backend : Backend
        How to run it.
    observed : tuple of (str, bool)
        Populations with observations from elsewhere, and whether these are voltages and not spikes.
    """

    populations: tuple[tuple[str, Population], ...]
    edges: tuple[Edge, ...]
    slots: tuple[Slot, ...]
    record: tuple[tuple[str, tuple[Probe, ...], bool], ...]
    backend: Backend
    observed: tuple[tuple[str, bool], ...] = ()

    @cached_property
    def inputs(self) -> tuple[tuple[str, int], ...]:
        """Names and sizes of the populations that the stimulus drives."""
        return tuple((name, p.size) for name, p in self.populations if isinstance(p, Input))

    @cached_property
    def spiking(self) -> tuple[tuple[str, int], ...]:
        """Names and sizes of the populations whose spikes the operation returns."""
        return tuple((name, p.size) for name, p in self.populations if p.spiking and not isinstance(p, Input))

    @cached_property
    def voltages(self) -> tuple[tuple[str, Probe, int], ...]:
        """Population, probe and number of neurons of each voltage that the operation returns."""
        sizes = {name: p.size for name, p in self.populations}
        return tuple((name, probe, sizes[name]) for name, probes, _ in self.record for probe in probes)

    @cached_property
    def probes(self) -> Record:
        """The argument ``record`` of `saltation.simulate`."""
        return {name: probes[0] if bare else probes for name, probes, bare in self.record}

    @cached_property
    def key(self) -> int:
        """Digest of the content, 63 bits."""
        travelling: dict[ProjectionKey, set[str]] = {}
        for slot in self.slots:
            travelling.setdefault(slot.target, set()).add(slot.kind)
        content = (
            [(name, _content(p, travelling.get(name, set()))) for name, p in self.populations],
            [(*edge[:-1], _content(edge.connectivity)) for edge in self.edges],
            [tuple(slot) for slot in self.slots],
            [(name, _content(probes), bare) for name, probes, bare in self.record],
            _content(self.backend),
            self.observed,
        )
        digest = hashlib.blake2b(repr(content).encode(), digest_size=8).digest()
        return int.from_bytes(digest, "little") >> 1

    def network(self, values: Sequence[NDArray[Any]]) -> Network:
        """Build the network from the values of its slots.

        Raises
        ------
        ParameterError
            If a value is not allowed; the message names the parameter.
        NetworkError
            If a shape does not fit.
        """
        by_target: dict[ProjectionKey, dict[str, NDArray[Any]]] = {}
        for slot, value in zip(self.slots, values, strict=True):
            by_target.setdefault(slot.target, {})[slot.kind] = value
        net = Network()
        for name, population in self.populations:
            changes = by_target.get(name)
            net.add(name, population if changes is None else population.with_parameters(**changes))
        for edge in self.edges:
            given = by_target[edge.key]
            net.connect(
                edge.pre,
                edge.post,
                weight=given["weight"],
                delay=given["delay"] if edge.delay is None else edge.delay,
                name=edge.name,
                receptor=edge.receptor,
                connectivity=edge.connectivity,
                delay_of=edge.delay_of,
            )
        return net

    def updated(self, network: Network, values: Sequence[NDArray[Any]]) -> Network:
        """Replace the values that differ in a network of this specification, with the checks of `network`.

        What was compiled of the others is kept, and most of it serves again where only weights have changed.
        """
        changes: dict[str, dict[Any, NDArray[Any]]] = {}
        for slot, value in zip(self.slots, values, strict=True):
            if not np.array_equal(value_of(network, slot), value):
                changes.setdefault(slot.kind, {})[slot.target] = value
        return network.replace(**changes) if changes else network


def value_of(network: Network | Plan, slot: Slot) -> NDArray[Any]:
    """Value of a slot in a network."""
    if slot.kind in ("weight", "delay"):
        return getattr(network.projections[slot.target], slot.kind)
    return getattr(network.populations[str(slot.target)], slot.kind)


def specify(
    network: Network, trainable: Sequence[str], record: Record | None, backend: Backend | None
) -> tuple[Specification, list[NDArray[Any]]]:
    """Split a network into what is fixed and the values that travel, in the order of the slots.

    Parameters
    ----------
    network : Network
        What is to be run.
    trainable : sequence of str
        Kinds of parameters that are trained, out of `saltation.engine.training.KINDS`.
    record : dict of str to probe or tuple of probes, optional
        What is recorded; None stands for ``MaxVoltage()`` of every population that does not spike.
    backend : Exact or Grid, optional
        How it is run; ``Exact()`` by default.

    Raises
    ------
    ParameterError
        If a kind is unknown, or the network has no such parameter; or a probe is none.
    """
    backend = check_backend(backend)
    kinds = trained_kinds(network, trainable, backend)
    slots: list[Slot] = []
    values: list[NDArray[Any]] = []
    edges: list[Edge] = []
    for key, projection in network.projections.items():
        fixed = projection.delay.ndim == 0 and "delay" not in kinds
        delay = float(projection.delay) if fixed else None
        ends = (projection.pre, projection.post, projection.name, projection.receptor)
        edges.append(Edge(*ends, delay, projection.delay_of, projection.connectivity))
        for kind, value in (("weight", projection.weight), ("delay", projection.delay)):
            if kind == "weight" or not fixed:
                slots.append(Slot(kind, key, value.shape, kind in kinds))
                values.append(value)
    for name, population in network.populations.items():
        for kind, value in population.parameters().items():
            if value.ndim or kind in kinds:
                slots.append(Slot(kind, name, value.shape, kind in kinds))
                values.append(value)
    populations = tuple(network.populations.items())
    specification = Specification(
        populations,
        tuple(edges),
        tuple(slots),
        probes_of(network, record),
        backend,
    )
    return specification, values


# ----------------------------------------------------------------------------------------------- registry
_REGISTRY: dict[int, Specification] = {}


def register(specification: Specification) -> int:
    """Make a specification known under its key, and return the key."""
    _REGISTRY.setdefault(specification.key, specification)
    return specification.key


def registered(key: int) -> Specification:
    """Find a specification by its key.

    Raises
    ------
    ParameterError
        If it is not known in this process.
    """
    found = _REGISTRY.get(int(key))
    if found is None:
        raise ParameterError(
            f"saltation::run.key must be the key of a network known in this process; got {key}; an exported "
            "or cached graph needs the module it came from: build it first"
        )
    return found


# ------------------------------------------------------------------------------------------------ private
def _content(value: Any, without: set[str] | frozenset[str] = frozenset()) -> Any:
    """Turn records and arrays into nested tuples whose repr is the same for equal content."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, hashlib.blake2b(np.ascontiguousarray(value).data, digest_size=16).digest()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [field.name for field in dataclasses.fields(value) if field.name not in without]
        return _type_name(value), *((name, _content(getattr(value, name))) for name in fields)
    if isinstance(value, tuple | list):
        return tuple(_content(item) for item in value)
    if value is None or isinstance(value, str | int | bool) or (isinstance(value, float) and math.isfinite(value)):
        return value
    # A foreign backend: the registry keeps it alive, so that its address names it in this process.
    return _type_name(value), id(value)


def _type_name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
