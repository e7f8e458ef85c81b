"""`Placed`: a network on the chip as an experiment knows it: populations by name, and how to place it again."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.configuration import Configuration
from saltation.bss2.physics import Physics
from saltation.bss2.placement import Placement, place
from saltation.errors import ParameterError, PlacementError
from saltation.model import LI, LIF, Input, Network, ProjectionKey
from saltation.model.checks import suggest

Ints = NDArray[np.int64]

_KINDS = {kind.__name__: kind for kind in (Input, LIF, LI)}


@final
@dataclass(frozen=True, eq=False)
class Placed:
    """A network that was placed.

    Attributes
    ----------
    placement : Placement
        Where it is.
    populations : dict of str to (str, int)
        Kind and size of each population.
    rows : dict of projection to int
        Parallel rows of each synapse.
    kept : tuple of int
        Circuits that are left alone.
    """

    placement: Placement
    populations: Mapping[str, tuple[str, int]]
    rows: Mapping[ProjectionKey, int]
    kept: tuple[int, ...]

    def circuits(self, population: str) -> Ints:
        """The circuit that spikes and is read, of each neuron of a population.

        Raises
        ------
        ParameterError
            If there is no such population on the circuits.
        """
        if population not in self.placement.circuits:
            known = suggest(population, self.placement.circuits)
            raise ParameterError(f"a population on circuits must be one of those placed; got {population!r}; {known}")
        return self.placement.circuits[population][:, 0]

    def spiking(self, population: str) -> Ints:
        """As `circuits`, of a population that spikes."""
        circuits = self.circuits(population)
        if self.populations[population][0] == LI.__name__:
            raise ParameterError(f"population {population!r} is of LI, which do not spike; record their voltages")
        return circuits

    def whole(self, key: ProjectionKey, weights: npt.ArrayLike, cut: bool) -> tuple[Ints, int]:
        """Weights ``[pre, post]`` as whole numbers, and how many were cut to what the rows hold.

        Raises
        ------
        ParameterError
            If there is no such projection, or the weights are not whole numbers of its shape.
        """
        if key not in self.placement.written:
            known = suggest(key, self.placement.written)
            raise ParameterError(f"a projection must be one of those placed; got {key!r}; {known}")
        given = np.asarray(weights)
        written = self.placement.written[key]
        shape = (int(written.pre.max()) + 1, int(written.post.max()) + 1)
        if given.shape != shape:
            raise ParameterError(f"weights of projection {key!r} must have the shape {shape}; got {given.shape}")
        rounded = np.rint(given) if given.dtype.kind == "f" else given
        if given.dtype.kind not in "iuf" or not np.array_equal(rounded, given):
            raise ParameterError(
                f"weights of projection {key!r} must be whole numbers, as the chip has them; got the dtype "
                f"{given.dtype}"
                + (f" and {given[rounded != given][0]}" if given.dtype.kind == "f" else "")
                + "; round "
                "them, or train a model by saltation.bss2.Backend, which scales and rounds"
            )
        most = g.WEIGHT_MAX * written.rows
        result = rounded.astype(np.int64)
        if not cut:
            return result, 0
        return np.clip(result, -most, most), int((np.abs(result) > most).sum())

    def to_dict(self) -> dict[str, Any]:
        """What `from_dict` needs."""
        return {
            "populations": {name: list(each) for name, each in self.populations.items()},
            "rows": [[list(key) if isinstance(key, tuple) else key, rows] for key, rows in self.rows.items()],
            "between": [list(self._between(key)) for key in self.rows],
            "kept": list(self.kept),
            "digest": self._digest(),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Placed":
        """Place again what was placed.

        Raises
        ------
        PlacementError
            If this version places it elsewhere.
        """
        network = Network()
        populations = {name: (kind, size) for name, (kind, size) in stored["populations"].items()}
        for name, (kind, size) in populations.items():
            network.add(name, _KINDS[kind](size))
        rows: dict[ProjectionKey, int] = {}
        for (key, parallel), (pre, post) in zip(stored["rows"], stored["between"], strict=True):
            named = {} if isinstance(key, list) else {"name": key}
            network.connect(pre, post, weight=np.zeros((populations[pre][1], populations[post][1])), **named)
            rows[key if isinstance(key, str) else (key[0], key[1])] = parallel
        kept = tuple(stored["kept"])
        placed = cls(place(network, rows=rows, kept=kept), populations, rows, kept)
        if placed._digest() != stored["digest"]:
            raise PlacementError(
                "this version of Saltation places the network of the file elsewhere; the experiment can be run as it "
                "is, but its populations cannot be used by name; place the network in a new Experiment"
            )
        return placed

    def _between(self, key: ProjectionKey) -> tuple[str, str]:
        found = [
            (pre, demand.name) for demand in self.placement.demands for pre, other, _ in demand.sources if other == key
        ]
        return found[0]

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for name, circuits in self.placement.circuits.items():
            digest.update(name.encode() + circuits.tobytes())
        for written in self.placement.written.values():
            digest.update(written.pre.tobytes() + written.post.tobytes() + written.excitatory.tobytes())
        for name, played in self.placement.played.items():
            digest.update(name.encode() + b"".join(each.tobytes() for each in played))
        return digest.hexdigest()


def ignored(network: Network) -> dict[str, list[str]]:
    """Parameters of neurons that a placement takes no notice of, by population: those that are not the usual ones."""
    found: dict[str, list[str]] = {}
    for name, population in network.populations.items():
        if not isinstance(population, LIF | LI):
            continue
        usual = type(population)(population.size)
        own = [each.name for each in fields(population) if not _alike(population, usual, each.name)]
        if own:
            found[name] = own
    return found


def _alike(population: LIF | LI, usual: LIF | LI, name: str) -> bool:
    given, default = getattr(population, name), getattr(usual, name)
    if given is None or default is None:
        return given is default
    return bool(np.all(np.equal(given, default)))


def place_in(
    configuration: Configuration,
    network: Network,
    rows: Mapping[ProjectionKey, int] | int,
    kept: tuple[int, ...],
    physics: Physics,
) -> Placed:
    """Place a network, and write circuits, rows, labels, nodes and weights into a configuration; all or nothing."""
    placement = place(network, rows=rows, kept=kept)
    populations = {name: (type(each).__name__, each.size) for name, each in network.populations.items()}
    parallel = {key: written.rows for key, written in placement.written.items()}
    placed = Placed(placement, populations, parallel, kept)
    changed = configuration.copy()
    placement.configure(changed)
    placement.share_capacitance(changed, physics)
    for key, projection in network.projections.items():
        whole, _ = placed.whole(key, projection.weight, cut=False)
        placement.write_weights(changed, key, whole)
    for name in changed.differences(configuration):
        configuration[name][...] = changed[name]
    return placed
