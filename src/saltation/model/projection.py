"""`Projection`: the synapses from one population to another."""

import dataclasses
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, final

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import SECONDS, FloatArray, describe, explain, float_array, text
from saltation.model.connectivity import Sparse
from saltation.model.convolution import Conv1d, Conv2d
from saltation.model.pooling import Pooled, SumPool2d
from saltation.model.record import Record, set_fields

Receptor: TypeAlias = Literal["exc", "inh"]
"""Name of one of two receptors."""

DelayOf: TypeAlias = Literal["axon", "synapse"]
"""What each delay of several belongs to: a unit of `pre`, or a weight."""

ProjectionKey: TypeAlias = tuple[str, str] | str
"""What a projection is called: (pre, post), or its name."""

Connectivity: TypeAlias = Sparse | Conv1d | Conv2d | SumPool2d | Pooled
"""Which synapses there are, and which weight each of them has."""

RECEPTORS: Final = ("exc", "inh")

DELAYS_OF: Final = ("axon", "synapse")


@final
@dataclasses.dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class Projection(Record):
    """Synapses with weights and delays: all-to-all, or as a connectivity lists them.

    A spike of unit m of `pre` at time t acts on unit n of `post` at its arrival::

        I_n := I_n + weight[m, n]    at    t + delay[m, n]

    With a connectivity, this holds for each synapse (m, n) that it has, with the weight and the delay that it gives
    to it.

    Parameters
    ----------
    pre, post : str
        Names of the populations.
    weight : array_like, [n_pre, n_post] or connectivity.weight_shape
        Weights, in the unit of the voltage; float32 and float64 are kept, and stored in a read-only copy.
    delay : array_like, (), [n_pre] or the shape of weight
        Delays in seconds, >= 0: one for all synapses, one for each axon, or one for each weight.
    receptor : {None, "exc", "inh"}
        Receptor of a population with two. None: the sign of each weight decides, w >= 0 is excitatory and
        w < 0 inhibitory. The receptor sets the time constant alone; the weight enters with its own sign.
    name : str, optional
        Name, needed to tell apart several projections between the same two populations.
    connectivity : Sparse, Conv1d, Conv2d, SumPool2d or Pooled, optional
        Which synapses there are; None: all pairs have one.
    delay_of : {None, "axon", "synapse"}
        What each of several delays belongs to: a unit of `pre` ("axon", delays [n_pre]), or a weight ("synapse",
        delays of the shape of weight). None: the shape decides. It cannot where a `Sparse` has as many synapses as
        `pre` has units; different delays then need this argument, unless synapse m leaves unit m, for which both are
        the same, and equal ones are those of axons. The projection keeps the answer, also for delays that
        `Network.replace` brings; for one delay for all it is None.

    Raises
    ------
    ParameterError
        If an argument is not allowed; the message names it.

    References
    ----------
    Wunderlich and Pehle, Event-based backpropagation can compute exact gradients for spiking neural networks,
    Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> from saltation.model import Projection
    >>> projection = Projection("in", "hid", [[0.5, -0.2]], delay=1e-3)
    >>> projection
    Projection(pre='in', post='hid', weight=array[1, 2] -0.2..0.5, delay=0.001)
    >>> projection.key
    ('in', 'hid')
    """

    pre: str
    post: str
    weight: FloatArray
    delay: FloatArray
    receptor: Receptor | None
    name: str | None
    connectivity: Connectivity | None
    delay_of: DelayOf | None

    def __init__(
        self,
        pre: str,
        post: str,
        weight: npt.ArrayLike,
        delay: npt.ArrayLike = 0.0,
        receptor: Receptor | None = None,
        name: str | None = None,
        connectivity: Connectivity | None = None,
        delay_of: DelayOf | None = None,
    ) -> None:
        if connectivity is not None and not isinstance(connectivity, Connectivity):  # pyright: ignore[reportUnnecessaryIsInstance]
            must = "Sparse, Conv1d, Conv2d, SumPool2d or Pooled"
            raise ParameterError(explain("Projection.connectivity", must, describe(connectivity)))
        weights = _checked_weight(weight, connectivity)
        if receptor is not None and receptor not in RECEPTORS:
            raise ParameterError(explain("Projection.receptor", "None, 'exc' or 'inh'", describe(receptor)))
        if delay_of is not None and delay_of not in DELAYS_OF:
            raise ParameterError(explain("Projection.delay_of", "None, 'axon' or 'synapse'", describe(delay_of)))
        delays, kind = _checked_delay(delay, weights, connectivity, delay_of)
        set_fields(
            self,
            pre=text("Projection", "pre", pre),
            post=text("Projection", "post", post),
            weight=weights,
            delay=delays,
            receptor=receptor,
            name=None if name is None else text("Projection", "name", name),
            connectivity=connectivity,
            delay_of=kind,
        )

    def with_values(self, values: Mapping[str, npt.ArrayLike]) -> "Projection":
        """The projection with another ``weight`` or ``delay``; what is not given is the very same array."""
        links = self.connectivity
        weight = _checked_weight(values["weight"], links) if "weight" in values else self.weight
        fits = "delay" not in values and weight.shape == self.weight.shape
        delay, kind = self.delay, self.delay_of
        if not fits:
            delay, kind = _checked_delay(values.get("delay", delay), weight, links, before=kind)
        new = object.__new__(Projection)
        set_fields(
            new,
            pre=self.pre,
            post=self.post,
            weight=weight,
            delay=delay,
            receptor=self.receptor,
            name=self.name,
            connectivity=links,
            delay_of=kind,
        )
        return new

    @property
    def key(self) -> ProjectionKey:
        """The name, or (pre, post) where there is none."""
        return (self.pre, self.post) if self.name is None else self.name

    @property
    def shape(self) -> tuple[int, int]:
        """Sizes of the populations that it connects."""
        if self.connectivity is not None:
            return self.connectivity.n_pre, self.connectivity.n_post
        return self.weight.shape[0], self.weight.shape[1]

    @property
    def delay_per_weight(self) -> bool:
        """Whether each weight has a delay of its own."""
        return self.delay_of == "synapse"


def _checked_weight(weight: npt.ArrayLike, connectivity: Connectivity | None) -> FloatArray:
    shape = (None, None) if connectivity is None else connectivity.weight_shape
    got = getattr(weight, "shape", None)
    if connectivity is not None and got == (connectivity.n_pre, connectivity.n_post) != shape:
        raise ParameterError(
            explain(
                "Projection.weight",
                f"one weight for each weight of its connectivity, of shape {shape}",
                f"a matrix of shape {got}",
                "leave the connectivity out for a dense matrix, or take the weights of its synapses",
            )
        )
    checked = float_array("Projection", "weight", weight, shapes=(shape,))
    if checked.size == 0:
        raise ParameterError(explain("Projection.weight", "of at least one synapse", f"shape {checked.shape}"))
    return checked


def _checked_delay(
    delay: npt.ArrayLike,
    weight: FloatArray,
    connectivity: Connectivity | None,
    delay_of: DelayOf | None = None,
    *,
    before: DelayOf | None = None,
) -> tuple[FloatArray, DelayOf | None]:
    """Delays, and what each of them belongs to; where the shape leaves that open, it is what it was ``before``."""
    n_pre = weight.shape[0] if connectivity is None else connectivity.n_pre
    allowed = {None: ((), (n_pre,), weight.shape), "axon": ((n_pre,),), "synapse": (weight.shape,)}
    name = "delay" if delay_of is None else f"delay with delay_of={delay_of!r}"
    checked = float_array("Projection", name, delay, shapes=allowed[delay_of], minimum=0.0, hint=SECONDS)
    if checked.ndim == 0:
        return checked, None
    if checked.shape != (n_pre,):
        return checked, "synapse"
    if checked.shape != weight.shape:
        return checked, "axon"
    kind = delay_of or before
    if kind is None and not _either_way(checked, connectivity):
        must = f"told apart by delay_of where there are as many synapses as units of pre, {n_pre}"
        hint = (
            "each may be of a unit of pre or of a synapse: say which by net.connect(..., delay_of='axon') or "
            "'synapse', which net.replace then keeps"
        )
        raise ParameterError(explain("Projection.delay", must, "different delays without it", hint))
    return checked, kind or "axon"


def _either_way(delay: FloatArray, connectivity: Connectivity | None) -> bool:
    """Whether delays of axons are those of synapses: all are equal, or synapse m leaves unit m."""
    if connectivity is None or np.all(delay == delay[0]):
        return True
    pre, _, place = connectivity.synapses()
    return np.array_equal(pre, place)
