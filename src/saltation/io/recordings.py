"""`LabelledSpikes`: a data set of spike trains with what they are."""

import dataclasses
from typing import Any, final

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model import Spikes
from saltation.model.checks import describe, explain, freeze, to_array
from saltation.model.record import Record, set_fields
from saltation.model.spikes import SampleIndex

Indices = npt.NDArray[np.int64]


@final
@dataclasses.dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class LabelledSpikes(Record):
    """Spike trains with a class for each.

    Parameters
    ----------
    spikes : Spikes
        One sample for each recording.
    labels : array_like of int, [batch]
        Class of each sample, >= 0.
    speakers : array_like of int, [batch], optional
        Who speaks in each sample, >= 0, where the format says so.
    classes : sequence of str
        Names of the classes, where the format has them; all labels must then be below their number.

    Raises
    ------
    ParameterError
        If lengths do not fit each other, or a label or speaker is not allowed.

    Examples
    --------
    >>> from saltation.io import LabelledSpikes
    >>> from saltation.model import Spikes
    >>> data = LabelledSpikes(Spikes.from_latencies([[0.001, 0.002], [0.003, 0.001]]), labels=[0, 1])
    >>> data[[1]].labels, len(data)
    (array([1]), 2)
    """

    spikes: Spikes
    labels: Indices
    speakers: Indices | None
    classes: tuple[str, ...]

    def __init__(
        self,
        spikes: Spikes,
        labels: npt.ArrayLike,
        speakers: npt.ArrayLike | None = None,
        classes: tuple[str, ...] | list[str] = (),
    ) -> None:
        if not isinstance(spikes, Spikes):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ParameterError(explain("LabelledSpikes.spikes", "Spikes", describe(spikes)))
        names = tuple(classes)
        if not all(isinstance(name, str) for name in names):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ParameterError(explain("LabelledSpikes.classes", "strings", describe(classes)))
        top = len(names) if names else None
        set_fields(
            self,
            spikes=spikes,
            labels=_per_sample("labels", labels, spikes.batch, top),
            speakers=None if speakers is None else _per_sample("speakers", speakers, spikes.batch, None),
            classes=names,
        )

    def __len__(self) -> int:
        return self.spikes.batch

    def __getitem__(self, index: SampleIndex) -> "LabelledSpikes":
        if isinstance(index, slice):
            picked: Any = np.arange(len(self))[index]
        else:
            picked = np.atleast_1d(np.asarray(index, dtype=None if np.size(index) else np.int64))
        speakers = None if self.speakers is None else self.speakers[picked]
        return LabelledSpikes(self.spikes[picked], self.labels[picked], speakers, self.classes)


def _per_sample(name: str, value: object, batch: int, top: int | None) -> Indices:
    where = f"LabelledSpikes.{name}"
    given = to_array(where, value)
    if given.ndim != 1 or (given.size > 0 and given.dtype.kind not in "iu"):
        raise ParameterError(explain(where, f"integers [{batch}]", describe(value)))
    if len(given) != batch:
        raise ParameterError(explain(where, f"as many as samples, {batch}", str(len(given))))
    # an unsigned number beyond int64 would turn negative
    bad = (given < 0) | (given > np.iinfo(np.int64).max) if top is None else (given < 0) | (given >= top)
    if bad.any():
        i = int(np.argmax(bad))
        allowed = ">= 0" if top is None else f"in 0..{top - 1}, the classes"
        raise ParameterError(explain(where, allowed, f"{given[i]} at sample {i}"))
    return freeze(given.astype(np.int64))
