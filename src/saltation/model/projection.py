"""`Projection`: the synapses from one population to another."""

import dataclasses
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, final

import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import SECONDS, FloatArray, describe, explain, float_array, text
from saltation.model.record import Record, set_fields

Receptor: TypeAlias = Literal["exc", "inh"]
"""Name of one of two receptors."""

ProjectionKey: TypeAlias = tuple[str, str] | str
"""What a projection is called: (pre, post), or its name."""

RECEPTORS: Final = ("exc", "inh")


@final
@dataclasses.dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class Projection(Record):
    """All-to-all synapses with weights and delays.

    A spike of unit m of `pre` at time t acts on unit n of `post` at its arrival::

        I_n := I_n + weight[m, n]    at    t + delay[m, n]

    Parameters
    ----------
    pre, post : str
        Names of the populations.
    weight : array_like, [n_pre, n_post]
        Weights, in the unit of the voltage; float32 and float64 are kept, and stored in a read-only copy.
    delay : array_like, (), [n_pre] or [n_pre, n_post]
        Delays in seconds, >= 0: one for all synapses, one for each axon, or one for each synapse.
    receptor : {None, "exc", "inh"}
        Receptor of a population with two. None: the sign of each weight decides, w >= 0 is excitatory and
        w < 0 inhibitory. The receptor sets the time constant alone; the weight enters with its own sign.
    name : str, optional
        Name, needed to tell apart several projections between the same two populations.

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

    def __init__(
        self,
        pre: str,
        post: str,
        weight: npt.ArrayLike,
        delay: npt.ArrayLike = 0.0,
        receptor: Receptor | None = None,
        name: str | None = None,
    ) -> None:
        weights = _checked_weight(weight)
        if receptor is not None and receptor not in RECEPTORS:
            raise ParameterError(explain("Projection.receptor", "None, 'exc' or 'inh'", describe(receptor)))
        set_fields(
            self,
            pre=text("Projection", "pre", pre),
            post=text("Projection", "post", post),
            weight=weights,
            delay=_checked_delay(delay, weights),
            receptor=receptor,
            name=None if name is None else text("Projection", "name", name),
        )

    def with_values(self, values: Mapping[str, npt.ArrayLike]) -> "Projection":
        """The projection with another ``weight`` or ``delay``; what is not given is the very same array."""
        weight = _checked_weight(values["weight"]) if "weight" in values else self.weight
        fits = "delay" not in values and weight.shape == self.weight.shape
        delay = self.delay if fits else _checked_delay(values.get("delay", self.delay), weight)
        new = object.__new__(Projection)
        set_fields(
            new, pre=self.pre, post=self.post, weight=weight, delay=delay, receptor=self.receptor, name=self.name
        )
        return new

    @property
    def key(self) -> ProjectionKey:
        """The name, or (pre, post) where there is none."""
        return (self.pre, self.post) if self.name is None else self.name


def _checked_weight(weight: npt.ArrayLike) -> FloatArray:
    checked = float_array("Projection", "weight", weight, shapes=((None, None),))
    if checked.size == 0:
        raise ParameterError(explain("Projection.weight", "of at least one synapse", f"shape {checked.shape}"))
    return checked


def _checked_delay(delay: npt.ArrayLike, weight: FloatArray) -> FloatArray:
    n_pre, n_post = weight.shape
    shapes = ((), (n_pre,), (n_pre, n_post))
    return float_array("Projection", "delay", delay, shapes=shapes, minimum=0.0, hint=SECONDS)
