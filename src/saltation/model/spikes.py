"""`Spikes`: a batch of spike trains as events in continuous time."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias, final

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model import events, layouts
from saltation.model.checks import at_first, describe, explain, freeze, integer, is_array, number, to_array
from saltation.model.events import Indices, Times, Units
from saltation.model.record import Record, set_fields

SampleIndex: TypeAlias = int | slice | Sequence[int] | Sequence[bool] | npt.NDArray[np.integer | np.bool_]


@final
@dataclasses.dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class Spikes(Record):
    """A ragged batch of events: spike trains of several units in several samples.

    ::

        s_n(t) = sum over k of delta(t - times[k]),  k in [offsets[b], offsets[b + 1]) with units[k] = n

    Parameters
    ----------
    times : array_like, [n]
        Times in seconds, finite and >= 0, non-decreasing within each sample.
    units : array_like of int, [n]
        Unit of each event, in 0..n_units - 1.
    offsets : array_like of int, [batch + 1]
        Where each sample begins, and at last n: sample b holds the events offsets[b] to offsets[b + 1].
    n_units : int, optional
        Number of units. Without it, methods that return an array over units want to be told.

    The arrays are copied, as float64, int32 and int64, and read-only.

    Raises
    ------
    ParameterError
        If the arrays are not as described; the message names the event and its sample.

    References
    ----------
    Gradients with respect to the times: Wunderlich and Pehle, Scientific Reports 11, 12829 (2021),
    doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    Two samples; the first holds two events and the second one.

    >>> from saltation.model import Spikes
    >>> spikes = Spikes([0.001, 0.004, 0.002], [1, 0, 1], [0, 2, 3], n_units=2)
    >>> spikes
    Spikes(batch=2, events=3, units=2, t=0.001 s..0.004 s)
    >>> spikes.counts()
    array([[1, 1],
           [0, 1]])
    >>> spikes[1].times
    array([0.002])
    """

    times: Times
    units: Units
    offsets: Indices
    n_units: int | None

    # ---------------------------------------------------------------------------------- constructors
    def __init__(
        self,
        times: npt.ArrayLike,
        units: npt.ArrayLike,
        offsets: npt.ArrayLike,
        n_units: int | None = None,
    ) -> None:
        t = events.checked_times("Spikes.times", times)
        u = events.checked_units("Spikes.units", units)
        if len(u) != len(t):
            raise ParameterError(explain("Spikes.units", f"as long as times, {len(t)}", f"{len(u)} units"))
        o = events.checked_offsets("Spikes.offsets", offsets, len(t))
        n = events.checked_n_units("Spikes", n_units)
        events.check_values("Spikes", t, u, o, n)
        set_fields(self, times=freeze(t), units=freeze(u), offsets=freeze(o), n_units=n)

    @classmethod
    def _trusted(cls, times: Times, units: Units, offsets: Indices, n_units: int | None) -> "Spikes":
        """Take over arrays known to be valid, without a check or a copy; they become read-only."""
        spikes = object.__new__(cls)
        set_fields(spikes, times=freeze(times), units=freeze(units), offsets=freeze(offsets), n_units=n_units)
        return spikes

    @classmethod
    def from_lists(
        cls,
        samples: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]],
        n_units: int | None = None,
        sort: bool = False,
    ) -> "Spikes":
        """Build from one pair (times, units) for each sample.

        Parameters
        ----------
        samples : iterable of (times, units)
            Times in seconds [n_b] and units [n_b] of each sample.
        n_units : int, optional
            Number of units.
        sort : bool
            Sort each sample by time, keeping the order of equal times; otherwise unsorted times are refused.

        Raises
        ------
        ParameterError
            If times or units are not allowed.

        Examples
        --------
        >>> from saltation.model import Spikes
        >>> Spikes.from_lists([([0.002, 0.001], [0, 1]), ([], [])], n_units=2, sort=True).to_lists()[0]
        (array([0.001, 0.002]), array([1, 0], dtype=int32))
        """
        return cls._trusted(*layouts.from_lists(samples, n_units, sort))

    @classmethod
    def from_dense(cls, array: npt.ArrayLike, dt: float, t0: float = 0.0) -> "Spikes":
        """Build from an array of zeros and ones; a one at step k is an event at t0 + k dt.

        Parameters
        ----------
        array : array_like, [batch, steps, units]
            Zeros and ones, of any real dtype or bool.
        dt : float
            Length of a step in seconds, > 0.
        t0 : float
            Time of step 0 in seconds, >= 0.

        Raises
        ------
        ParameterError
            If the array is of another shape or holds other values, such as counts.

        Examples
        --------
        >>> from saltation.model import Spikes
        >>> Spikes.from_dense([[[0, 0], [1, 0], [0, 1]]], dt=1e-3).to_lists()
        [(array([0.001, 0.002]), array([0, 1], dtype=int32))]
        """
        return cls._trusted(*layouts.from_dense(array, dt, t0))

    @classmethod
    def from_padded(cls, times: npt.ArrayLike, units: npt.ArrayLike, n_units: int | None = None) -> "Spikes":
        """Build from padded arrays, where unit -1 with time inf marks an empty place.

        Parameters
        ----------
        times : array_like, [batch, capacity]
            Times in seconds, non-decreasing within each sample; inf where empty.
        units : array_like of int, [batch, capacity]
            Unit of each event; -1 where empty.
        n_units : int, optional
            Number of units.

        Raises
        ------
        ParameterError
            If the arrays do not fit each other, or a place is only half empty.

        Examples
        --------
        >>> import numpy as np
        >>> from saltation.model import Spikes
        >>> Spikes.from_padded([[0.001, np.inf], [0.002, 0.003]], [[1, -1], [0, 1]], n_units=2).per_sample()
        array([1, 2])
        """
        return cls._trusted(*layouts.from_padded(times, units, n_units))

    @classmethod
    def from_latencies(cls, times: npt.ArrayLike) -> "Spikes":
        """Build from one time for each unit; inf is silence. Events are sorted by time, then unit.

        Parameters
        ----------
        times : array_like, [batch, units]
            Times in seconds, >= 0, or inf.

        Raises
        ------
        ParameterError
            If a time is NaN or negative, or the shape is another.

        Examples
        --------
        >>> import numpy as np
        >>> from saltation.model import Spikes
        >>> Spikes.from_latencies([[0.003, 0.001, np.inf]]).to_lists()
        [(array([0.001, 0.003]), array([1, 0], dtype=int32))]
        """
        return cls._trusted(*layouts.from_latencies(times))

    @classmethod
    def empty(cls, batch: int, n_units: int | None = None) -> "Spikes":
        """Build a batch without events.

        Examples
        --------
        >>> from saltation.model import Spikes
        >>> Spikes.empty(2, n_units=5)
        Spikes(batch=2, events=0, units=5)
        """
        samples = integer("Spikes.empty", "batch", batch)
        n = events.checked_n_units("Spikes.empty", n_units)
        return cls._trusted(np.empty(0), np.empty(0, np.int32), np.zeros(samples + 1, np.int64), n)

    @classmethod
    def concatenate(cls, parts: Sequence["Spikes"]) -> "Spikes":
        """Join batches along the batch axis; numbers of units must agree, an unknown one takes the others'.

        Examples
        --------
        >>> from saltation.model import Spikes
        >>> len(Spikes.concatenate([Spikes.empty(2, 5), Spikes.empty(3, 5)]))
        5
        """
        n_units = _common_units("Spikes.concatenate", parts)
        lengths = np.concatenate([part.per_sample() for part in parts])
        times = np.concatenate([part.times for part in parts])
        units = np.concatenate([part.units for part in parts])
        return cls._trusted(times, units, events.offsets_of(lengths), n_units)

    @classmethod
    def merge(cls, parts: Sequence["Spikes"]) -> "Spikes":
        """Merge the events of batches of one size, sample by sample, in time.

        At equal times the events of an earlier part come first. Units keep their numbers; numbers of units
        must agree, an unknown one takes the others'.

        Examples
        --------
        >>> from saltation.model import Spikes
        >>> a, b = Spikes.from_latencies([[0.002]]), Spikes.from_latencies([[0.001]])
        >>> Spikes.merge([a, b]).times
        array([0.001, 0.002])
        """
        n_units = _common_units("Spikes.merge", parts)
        sizes = [part.batch for part in parts]
        if len(set(sizes)) > 1:
            raise ParameterError(
                explain("Spikes.merge.parts", "batches of one size", str(sizes), "to append, use concatenate")
            )
        samples = np.concatenate([part.sample_index() for part in parts])
        times = np.concatenate([part.times for part in parts])
        units = np.concatenate([part.units for part in parts])
        order = np.lexsort((times, samples))  # stable, so that an earlier part keeps its place at a tie
        offsets: Indices = np.stack([part.offsets for part in parts]).sum(axis=0)
        return cls._trusted(times[order], units[order], offsets, n_units)

    # ------------------------------------------------------------------------------------------ sizes
    def __len__(self) -> int:
        return self.batch

    @property
    def batch(self) -> int:
        """Number of samples."""
        return len(self.offsets) - 1

    @property
    def n_events(self) -> int:
        """Number of events in all samples together."""
        return len(self.times)

    def per_sample(self) -> Indices:
        """Count the events of each sample, int64 [batch]."""
        return np.diff(self.offsets)

    def sample_index(self) -> Indices:
        """Return the sample of each event, int64 [n]."""
        return events.samples_of(self.offsets)

    # ------------------------------------------------------------------------------------------ views
    def counts(self, n_units: int | None = None) -> Indices:
        """Count the events of each unit in each sample, int64 [batch, n_units]."""
        n = self._width("counts", n_units)
        return np.bincount(self._keys(n), minlength=self.batch * n).reshape(self.batch, n)

    def first_index(self, n_units: int | None = None) -> Indices:
        """Index into `times` of the first event of each unit, or -1 where silent, int64 [batch, n_units]."""
        n = self._width("first_index", n_units)
        return events.first_events(self._keys(n), self.batch * n).reshape(self.batch, n)

    def first(self, n_units: int | None = None) -> Times:
        """Time of the first event of each unit, in seconds, inf where silent, float64 [batch, n_units].

        Examples
        --------
        >>> from saltation.model import Spikes
        >>> Spikes.from_lists([([0.001, 0.002], [1, 1])], n_units=2).first()
        array([[  inf, 0.001]])
        """
        n = self._width("first", n_units)
        # One more entry, which the index -1 of the silent units finds.
        return np.append(self.times, np.inf)[self.first_index(n)]

    def sample(self, i: int) -> tuple[Times, Units]:
        """Return times and units of one sample."""
        one = self[integer("Spikes.sample", "i", i, minimum=-self.batch)]
        return one.times, one.units

    def to_lists(self) -> list[tuple[Times, Units]]:
        """Return times and units of each sample."""
        bounds = zip(self.offsets[:-1].tolist(), self.offsets[1:].tolist(), strict=True)
        return [(self.times[a:b], self.units[a:b]) for a, b in bounds]

    def to_dense(
        self,
        dt: float,
        duration: float,
        n_units: int | None = None,
        t0: float = 0.0,
        multiple: Literal["raise", "clip", "count"] = "raise",
    ) -> npt.NDArray[np.uint8]:
        """Lay the events on a time grid, uint8 [batch, steps, n_units].

        Step k holds the events with t0 + k dt <= t < t0 + (k + 1) dt, and the last step those at
        t0 + duration too.

        Parameters
        ----------
        dt : float
            Length of a step in seconds, > 0.
        duration : float
            Length of the grid in seconds, > 0; if it is not a multiple of dt, the last step is cut short.
        n_units : int, optional
            Number of units, if the record does not know it.
        t0 : float
            Start of the grid in seconds, >= 0.
        multiple : {"raise", "clip", "count"}
            What becomes of several events of one unit in one step: an error, a one, or their number.

        Raises
        ------
        ParameterError
            If events lie outside the grid or, by default, two of one unit fall in one step.

        Examples
        --------
        >>> from saltation.model import Spikes
        >>> Spikes.from_latencies([[0.0015, 0.003]]).to_dense(dt=1e-3, duration=3e-3)[0]
        array([[0, 0],
               [1, 0],
               [0, 1]], dtype=uint8)
        """
        return layouts.to_dense(
            self.times,
            self.units,
            self.offsets,
            self._width("to_dense", n_units),
            dt=dt,
            duration=duration,
            t0=t0,
            multiple=multiple,
        )

    def to_padded(self, capacity: int | None = None) -> tuple[Times, Units]:
        """Return padded times and units, [batch, capacity], with time inf and unit -1 where empty.

        Parameters
        ----------
        capacity : int, optional
            Places for events in each sample; by default as many as the fullest sample needs.

        Raises
        ------
        ParameterError
            If a sample has more events than places; the message gives the capacity needed.

        Examples
        --------
        >>> from saltation.model import Spikes
        >>> Spikes.from_latencies([[0.001, 0.002]]).to_padded(capacity=3)
        (array([[0.001, 0.002,   inf]]), array([[ 0,  1, -1]], dtype=int32))
        """
        return layouts.to_padded(self.times, self.units, self.offsets, capacity)

    def shift(self, dt: float) -> "Spikes":
        """Move all events by dt seconds; none may come to lie before t = 0.

        Examples
        --------
        >>> from saltation.model import Spikes
        >>> Spikes.from_latencies([[0.001]]).shift(0.002).times
        array([0.003])
        """
        times = self.times + number("Spikes.shift", "dt", dt)
        if (early := times < 0).any():
            got = f"an event at {at_first(times, early)}"
            hint = "a run starts at t = 0"
            raise ParameterError(explain("Spikes.shift.dt", f">= {-self.times.min():g}", got, hint))
        return Spikes._trusted(times, self.units, self.offsets, self.n_units)

    def __getitem__(self, index: SampleIndex) -> "Spikes":
        samples = self._samples(index)
        which, offsets = events.gather(self.offsets, samples)
        return Spikes._trusted(self.times[which], self.units[which], offsets, self.n_units)

    def __repr__(self) -> str:
        units = "?" if self.n_units is None else self.n_units
        span = f", t={self.times.min():.6g} s..{self.times.max():.6g} s" if self.n_events else ""
        return f"Spikes(batch={self.batch}, events={self.n_events}, units={units}{span})"

    # ---------------------------------------------------------------------------------------- private
    def _keys(self, n_units: int) -> Indices:
        """One number for each pair of a sample and a unit, of each event."""
        return self.sample_index() * n_units + self.units

    def _width(self, method: str, n_units: int | None) -> int:
        """Return the number of units to use in a method."""
        if n_units is None:
            if self.n_units is None:
                hint = f"pass it to Spikes or to {method}"
                raise ParameterError(explain(f"Spikes.{method}.n_units", "known", "None", hint))
            return self.n_units
        least = int(self.units.max(initial=0)) + 1
        return integer(f"Spikes.{method}", "n_units", n_units, minimum=least, hint="all units must fit in")

    def _samples(self, index: object) -> Indices:
        """Return the samples that an index into the batch picks, in order."""
        every = np.arange(self.batch, dtype=np.int64)
        if isinstance(index, slice):
            return every[index]
        picked = to_array("Spikes[...]", index)
        if picked.dtype.kind == "b" and picked.shape == (self.batch,):
            return every[picked]
        if picked.size == 0 and picked.ndim == 1 and not is_array(index):
            return every[:0]
        if picked.ndim > 1 or picked.dtype.kind not in "iu":
            must = f"an integer, a slice, integers [k] or bools [{self.batch}]"
            raise ParameterError(explain("Spikes[...]", must, describe(index), "the index picks samples"))
        outside = (picked < -self.batch) | (picked >= self.batch)
        if outside.any():
            # An IndexError, not one of ours: Python's iteration over samples ends with it.
            raise IndexError(explain("Spikes[...]", f"< {self.batch}, the batch", at_first(picked, outside)))
        return every[np.atleast_1d(picked)]


def _common_units(owner: str, parts: Sequence[Spikes]) -> int | None:
    """Find the number of units of batches that are to become one."""
    if len(parts) == 0:
        raise ParameterError(explain(f"{owner}.parts", "at least one Spikes", "none"))
    for part in parts:
        if not isinstance(part, Spikes):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ParameterError(explain(f"{owner}.parts", "a list of Spikes", describe(part)))
    known = sorted({part.n_units for part in parts if part.n_units is not None})
    if len(known) > 1:
        raise ParameterError(explain(f"{owner}.parts", "of one number of units", f"n_units {known}"))
    if not known:
        return None
    for part in parts:
        events.check_values(owner, part.times, part.units, part.offsets, known[0], ordered=False)
    return known[0]
