"""What is counted of a `Network` at rest: bytes, parameters, weights that are zero."""

from collections.abc import Container, Iterable, Mapping

from saltation.errors import ParameterError
from saltation.model import ALIF, Input, Population, Projection, ProjectionKey, Sparse
from saltation.model.checks import suggest
from saltation.neurobench.counting.record import Static
from saltation.neurobench.counting.traffic import fans_of

_BYTES = 8  # of a number of a state: the engine runs in float64


def static_of(
    populations: Mapping[str, Population],
    projections: Mapping[ProjectionKey, Projection],
    trainable: Iterable[str] = ("weight",),
    *,
    weight_bytes: int | None = None,
    tied: Container[tuple[str, ProjectionKey]] = (),
) -> Static:
    """Count a network at rest; with ``weight_bytes`` for each weight in the place of those of its array.

    ``tied`` are kinds of parameters, and whose, that are counted elsewhere.

    Raises
    ------
    ParameterError
        If a kind of parameters is not there.
    """
    sizes = {"weight": 0, "delay": 0}
    weights = zeros = weight_total = delays = lists = 0
    for key, projection in projections.items():
        if ("delay", key) not in tied:
            sizes["delay"] += projection.delay.size
            delays += projection.delay.nbytes
        if isinstance(projection.connectivity, Sparse):
            lists += projection.connectivity.pre.nbytes + projection.connectivity.post.nbytes
        if ("weight", key) in tied:
            continue
        sizes["weight"] += projection.weight.size
        weight_total += projection.weight.nbytes if weight_bytes is None else weight_bytes * projection.weight.size
        weights += projection.weight.size
        zeros += int((projection.weight == 0.0).sum())
        if isinstance(projection.connectivity, Sparse):
            absent = int(fans_of(projection).all_of.sum()) - projection.weight.size
            weights, zeros = weights + absent, zeros + absent
    neurons = 0
    for key, population in populations.items():
        for name, value in population.parameters().items():
            if (name, key) not in tied:
                neurons += value.nbytes
                sizes[name] = sizes.get(name, 0) + value.size
    kinds = [trainable] if isinstance(trainable, str) else list(dict.fromkeys(trainable))
    for kind in kinds:
        if kind not in sizes:
            raise ParameterError(f"trainable must hold parameters of the network; got {kind!r}; {suggest(kind, sizes)}")
    state = sum(state_bytes(population) for population in populations.values())
    bytes_of = {"weights": weight_total, "delays": delays, "neurons": neurons, "lists": lists, "state": state}
    return Static(sum(bytes_of.values()), sum(sizes[kind] for kind in kinds), weights, zeros, bytes_of)


def state_bytes(population: Population) -> int:
    """Bytes that the neurons of a population keep between events.

    A voltage, a current for each receptor, an adaptation; the end of the hold where there is one, and a count of spikes
    where it is limited.

    Examples
    --------
    >>> from saltation.model import LIF
    >>> from saltation.neurobench.counting.network import state_bytes
    >>> state_bytes(LIF(10)), state_bytes(LIF(10, t_refrac=1e-3))
    (160, 240)
    """
    if isinstance(population, Input):
        return 0
    numbers = 1 + len(population.receptors) + isinstance(population, ALIF)
    if population.spiking:
        hold = population.parameters().get("t_refrac")
        numbers += bool(hold is not None and hold.any()) + (getattr(population, "max_spikes", None) is not None)
    return _BYTES * numbers * population.size
