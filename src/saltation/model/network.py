"""`Network`: a graph of populations and projections."""

import dataclasses
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, final

import numpy.typing as npt

from saltation.errors import NetworkError
from saltation.model import structure
from saltation.model.checks import describe, explain, suggest, text
from saltation.model.neurons import Population
from saltation.model.projection import Connectivity, DelayOf, Projection, ProjectionKey, Receptor
from saltation.model.summary import edge, summary


@final
class Network:
    """A builder of networks: named populations, and projections between them.

    A spike of population `pre` at t reaches population `post` at t + delay (`Projection` gives the equation);
    what the populations do with it is theirs (`LIF` and others). Populations and projections are frozen
    records: a network is changed by adding to it, or by `replace`, which returns a new one.

    Attributes
    ----------
    populations : Mapping of str to Population
        Populations by name, in the order in which they were added; read-only.
    projections : Mapping of (pre, post) or str to Projection
        Projections by key, in the order in which they were added; read-only. The key is the name of the
        projection, or (pre, post) where it has none.

    References
    ----------
    Wunderlich and Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> from saltation.model import LI, LIF, Input, Network, normal
    >>> net = Network()
    >>> net.add("in", Input(5))
    'in'
    >>> net.add("hid", LIF(120))
    'hid'
    >>> net.add("out", LI(3))
    'out'
    >>> net.connect("in", "hid", weight=normal((5, 120), 0.2, 0.1, seed=1))
    ('in', 'hid')
    >>> net.connect("hid", "out", weight=normal((120, 3), 0.0, 0.1, seed=2), delay=1e-3)
    ('hid', 'out')
    >>> net
    Network(in: Input(5), hid: LIF(120), out: LI(3); in -> hid, hid -> out)
    >>> net.replace(tau_mem={"hid": 0.01}).populations["hid"].tau_mem.item()
    0.01
    """

    __slots__ = ("_populations", "_projections", "_structure")

    def __init__(self) -> None:
        self._populations: dict[str, Population] = {}
        self._projections: dict[ProjectionKey, Projection] = {}
        # What a compiler derives from the structure alone, shared with the networks that `replace` makes of this one;
        # whoever changes the structure starts a new one.
        self._structure: dict[str, object] = {}

    @property
    def populations(self) -> Mapping[str, Population]:
        """Populations by name, in the order in which they were added."""
        return MappingProxyType(self._populations)

    @property
    def projections(self) -> Mapping[ProjectionKey, Projection]:
        """Projections by key, in the order in which they were added."""
        return MappingProxyType(self._projections)

    def add(self, name: str, population: Population) -> str:
        """Add a population under a name of its own, and return the name.

        Parameters
        ----------
        name : str
            Name, not empty and not yet taken.
        population : Input, LIF, LI or ALIF
            The neurons.

        Raises
        ------
        ParameterError
            If the name is not a string, or empty.
        NetworkError
            If the name is taken, or the population is none.

        Examples
        --------
        >>> from saltation.model import LIF, Network
        >>> Network().add("hid", LIF(120))
        'hid'
        """
        text("Network.add", "name", name)
        structure.check_free("Network.add.name", name, self._populations, self._projections)
        self._populations[name] = structure.checked_population(population)
        self._structure = {}
        return name

    def connect(
        self,
        pre: str,
        post: str,
        *,
        weight: npt.ArrayLike,
        delay: npt.ArrayLike = 0.0,
        name: str | None = None,
        receptor: Receptor | None = None,
        connectivity: Connectivity | None = None,
        delay_of: DelayOf | None = None,
    ) -> ProjectionKey:
        """Add a projection, and return its key.

        Parameters
        ----------
        pre, post : str
            Names of the populations, which may be the same one.
        weight : array_like, [n_pre, n_post] or connectivity.weight_shape
            Weights, in the unit of the voltage.
        delay : array_like, (), [n_pre] or the shape of weight
            Delays in seconds, >= 0.
        name : str, optional
            Name; needed for a second projection between the same two populations.
        receptor : {None, "exc", "inh"}
            Receptor of `post`, if it has two; None lets the sign of each weight decide.
        connectivity : Sparse, Conv1d, Conv2d, SumPool2d or Pooled, optional
            Which synapses there are; None for all pairs.
        delay_of : {None, "axon", "synapse"}
            What each of several delays belongs to; needed where a `Sparse` has as many synapses as `pre` has units,
            and `replace` keeps it (see `Projection`).

        Raises
        ------
        ParameterError
            If a weight, delay, name or receptor is not allowed in itself.
        NetworkError
            If it does not fit the network: unknown or unsuitable populations, sizes, a name that is taken.

        Examples
        --------
        >>> from saltation.model import LIF, Input, Network
        >>> net = Network()
        >>> pre, post = net.add("in", Input(1)), net.add("hid", LIF(2))
        >>> net.connect(pre, post, weight=[[0.5, 0.7]])
        ('in', 'hid')
        >>> net.connect(pre, post, weight=[[0.1, 0.2]], delay=5e-3, name="slow")
        'slow'
        """
        structure.check_known("Network.connect.pre", pre, self._populations)
        structure.check_known("Network.connect.post", post, self._populations)
        projection = Projection(pre, post, weight, delay, receptor, name, connectivity, delay_of)
        structure.check_fit("Network.connect", projection, self._populations)
        if name is not None:
            structure.check_free("Network.connect.name", name, self._populations, self._projections)
        elif projection.key in self._projections:
            raise NetworkError(
                explain(
                    "Network.connect.name",
                    f"given for a second projection from {pre!r} to {post!r}",
                    "None",
                    "the name is what tells the two apart, e.g. name='slow'",
                )
            )
        self._projections[projection.key] = projection
        self._structure = {}
        return projection.key

    def replace(
        self,
        *,
        weight: Mapping[ProjectionKey, npt.ArrayLike] | None = None,
        delay: Mapping[ProjectionKey, npt.ArrayLike] | None = None,
        **parameters: Mapping[str, npt.ArrayLike | None],
    ) -> "Network":
        """Return a network with other values; this one stays as it is.

        Only the records that change are built and checked anew, and as long as all arrays keep their number
        of dimensions and dtype, what was compiled from the structure is kept.

        Parameters
        ----------
        weight : mapping of projection key to array_like, optional
            New weights, of the same shape.
        delay : mapping of projection key to array_like, optional
            New delays. Where the shape leaves open whether they are of axons or of synapses, they are what the old
            ones were.
        **parameters : mapping of population name to array_like
            New values of parameters of neurons, e.g. ``tau_mem={"hid": 0.02}``.

        Raises
        ------
        ParameterError
            If a value or the name of a parameter is not allowed.
        NetworkError
            If a key is unknown, or a value does not fit the network.

        Examples
        --------
        >>> from saltation.model import LIF, Input, Network
        >>> net = Network()
        >>> key = net.connect(net.add("in", Input(1)), net.add("hid", LIF(2)), weight=[[0.5, 0.7]])
        >>> net.replace(weight={key: [[0.6, 0.8]]}, v_th={"hid": 0.9}).projections[key].weight
        array([[0.6, 0.8]])
        """
        synapses: dict[str, Mapping[ProjectionKey, npt.ArrayLike]] = {
            name: values for name, values in (("weight", weight), ("delay", delay)) if values is not None
        }
        known = {"weight", "delay"}
        if parameters:
            known.update(field.name for p in self._populations.values() for field in dataclasses.fields(p))
        for name, values in parameters.items():
            # for a population, the record itself knows best
            if name not in known and not set(values).intersection(self._populations):
                raise NetworkError(
                    f"Network.replace has no parameter {name!r} to change; {suggest(name, sorted(known))}"
                )
        on_projections = structure.by_target("Network.replace", synapses, self._projections, "the key of a projection")
        on_populations = structure.by_target(
            "Network.replace", parameters, self._populations, "the name of a population"
        )
        new = Network()
        new._populations.update(self._populations)
        new._projections.update(self._projections)
        same = True
        for name, changes in on_populations.items():
            old = self._populations[name]
            population = old.with_parameters(**changes)
            structure.check_receptors(name, old, population)
            new._populations[name] = population
            same = same and structure.same_layout(old, population)
        for key, values in on_projections.items():
            old = self._projections[key]
            projection = old.with_values(values)
            structure.check_fit("Network.replace", projection, self._populations)
            new._projections[key] = projection
            same = same and structure.same_layout(old, projection)
        if same:
            new._structure = self._structure
        return new

    def n_parameters(self, trainable: Iterable[str] = ("weight",)) -> int:
        """Count parameters.

        Parameters
        ----------
        trainable : iterable of str
            What counts: "weight", "delay", and names of parameters of neurons.

        Raises
        ------
        NetworkError
            If the network has no parameter of a name.

        Examples
        --------
        >>> from saltation.model import LIF, Input, Network
        >>> net = Network()
        >>> key = net.connect(net.add("in", Input(5)), net.add("hid", LIF(2)), weight=[[0.5, 0.7]] * 5)
        >>> net.n_parameters(), net.n_parameters(["weight", "tau_mem"])
        (10, 11)
        """
        counts = {"weight": 0, "delay": 0}
        for projection in self._projections.values():
            counts["weight"] += projection.weight.size
            counts["delay"] += projection.delay.size
        for population in self._populations.values():
            for name, array in population.parameters().items():
                counts[name] = counts.get(name, 0) + array.size
        names = [trainable] if isinstance(trainable, str) else list(trainable)
        for name in names:
            if name not in counts:
                raise NetworkError(
                    explain(
                        "Network.n_parameters.trainable",
                        "parameters of the network",
                        describe(name),
                        suggest(name, counts),
                    )
                )
        return sum(counts[name] for name in names)

    def summary(self) -> str:
        """Tables of the populations and the projections.

        Examples
        --------
        >>> from saltation.model import LIF, Input, Network
        >>> net = Network()
        >>> key = net.connect(net.add("in", Input(1)), net.add("hid", LIF(2)), weight=[[0.5, 0.7]])
        >>> print(net.summary())
        population  kind   size  receptors  parameters
        in          input     1  -                   0
        hid         lif       2  syn                 6
        <BLANKLINE>
        projection  shape  delay  receptor  weights
        in -> hid   1 x 2  0 s    -               2
        """
        return summary(self._populations, self._projections)

    def __repr__(self) -> str:
        nodes = ", ".join(f"{name}: {type(p).__name__}({p.size})" for name, p in self._populations.items())
        edges = ", ".join(edge(p) for p in self._projections.values())
        return f"Network({nodes}{'; ' + edges if edges else ''})"

    # A copy, or what comes out of a pickle, is a builder of its own, and compiles for itself.
    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (dict(self._populations), dict(self._projections))


def _rebuild(populations: dict[str, Population], projections: dict[ProjectionKey, Projection]) -> Network:
    network = Network()
    network._populations.update(populations)  # pyright: ignore[reportPrivateUsage]
    network._projections.update(projections)  # pyright: ignore[reportPrivateUsage]
    return network
