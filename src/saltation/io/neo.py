"""Neo's spike trains, the form in which tools for the analysis of recordings exchange spikes."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from saltation.errors import FileFormatError, ParameterError
from saltation.io._common import AnyArray, checked_spikes, need, spikes_from
from saltation.io.units import PER_SECOND, from_seconds, seconds, to_seconds
from saltation.model import Spikes, events
from saltation.model.checks import describe, explain, number


def from_neo(
    trains: Any, *, origin: Literal["zero", "t_start"] = "zero", n_units: int | None = None, sort: bool = False
) -> Spikes:
    """Turn Neo's spike trains into spikes: the trains of a sample, in their order, are its units.

    ::

        times of unit n = train n in seconds      (origin "zero")
                          train n - t_start       (origin "t_start")

    Needs the extra ``io``.

    Parameters
    ----------
    trains : Block, Segment, sequence of SpikeTrain, or sequence of sequences of SpikeTrain
        A segment or a sequence of trains is one sample; a block or a sequence of sequences has one for each. All
        samples must have equally many trains.
    origin : {"zero", "t_start"}
        Where t = 0 lies.
    n_units : int, optional
        Number of units to expect; by default as many as there are trains.
    sort : bool
        Sort each train; otherwise unsorted times are refused. The trains of a sample are merged in any case, at equal
        times in the order of units.

    Raises
    ------
    FileFormatError
        If there is something else than trains, or times are negative or not finite.
    ParameterError
        If an argument is not allowed.
    MissingDependencyError
        If neo is not installed.

    Examples
    --------
    >>> import neo
    >>> from saltation.io import from_neo
    >>> from_neo([neo.SpikeTrain([1.0, 4.0], units="ms", t_stop=10.0), neo.SpikeTrain([2.0], units="ms", t_stop=10.0)])
    Spikes(batch=1, events=3, units=2, t=0.001 s..0.004 s)
    """
    neo = need("neo", "reading Neo's spike trains")
    if origin not in ("zero", "t_start"):
        raise ParameterError(explain("from_neo.origin", "'zero' or 't_start'", describe(origin)))
    samples = _samples(neo, trains)
    counts = sorted({len(sample) for sample in samples})
    width = counts[0] if len(counts) == 1 else events.checked_n_units("from_neo", n_units)
    if n_units is not None and counts not in ([n_units], []):
        raise FileFormatError(explain("from_neo.trains", f"{n_units} in each sample", f"{counts}"))
    if len(counts) > 1:
        raise FileFormatError(explain("from_neo.trains", "equally many in each sample", f"{counts}"))
    parts = [_merged(f"sample {i}", sample, origin, sort) for i, sample in enumerate(samples)]
    offsets = events.offsets_of(np.array([len(times) for times, _ in parts], dtype=np.int64))
    times = np.concatenate([np.empty(0), *(times for times, _ in parts)])
    units = np.concatenate([np.empty(0, np.int64), *(units for _, units in parts)])
    return spikes_from("from_neo", times, units, offsets, width or None, sort=False)


def to_neo(
    spikes: Spikes, *, t_stop: float, t_start: float = 0.0, time_unit: str = "s", n_units: int | None = None
) -> list[list[Any]]:
    """Turn spikes into Neo's spike trains: for each sample a list with one train for each unit.

    ::

        train n = { times[k] : units[k] = n },    t_start <= times <= t_stop

    Needs the extra ``io``.

    Parameters
    ----------
    spikes : Spikes
        What to turn.
    t_stop : float
        End of the recording in seconds, at or after the last spike; Neo cannot do without.
    t_start : float
        Its start in seconds, at or before the first spike.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of the trains.
    n_units : int, optional
        Number of units, if the spikes do not know it.

    Raises
    ------
    ParameterError
        If a spike lies outside, or the number of units is not known.
    MissingDependencyError
        If neo is not installed.

    Examples
    --------
    >>> from saltation.io import to_neo
    >>> from saltation.model import Spikes
    >>> (trains,) = to_neo(Spikes.from_latencies([[0.002, 0.001]]), t_stop=0.01, time_unit="ms")
    >>> [train.magnitude.tolist() for train in trains]
    [[2.0], [1.0]]
    """
    neo = need("neo", "making Neo's spike trains")
    checked_spikes("to_neo", spikes)
    if time_unit not in PER_SECOND:
        raise ParameterError(explain("to_neo.time_unit", f"one of {', '.join(PER_SECOND)}", describe(time_unit)))
    start = number("to_neo", "t_start", t_start)
    stop = number("to_neo", "t_stop", t_stop, minimum=start)
    outside = (spikes.times < start) | (spikes.times > stop)
    if outside.any():
        must, got = f"such that all spikes lie in {start}..{stop} s", f"a spike at {spikes.times[outside][0]} s"
        raise ParameterError(explain("to_neo.t_stop", must, got))
    width = spikes.counts(n_units).shape[1]
    scale = seconds("to_neo", time_unit)
    first, last = from_seconds(np.array([start, stop]), scale)
    result: list[list[Any]] = []
    for times, units in spikes.to_lists():
        order = np.argsort(units, kind="stable")
        cuts = np.searchsorted(units[order], np.arange(1, width))
        parts = np.split(from_seconds(times[order], scale), cuts)
        result.append([neo.SpikeTrain(part, units=time_unit, t_start=first, t_stop=last) for part in parts])
    return result


def _samples(neo: Any, trains: Any) -> list[list[Any]]:
    """Give the trains of each sample."""
    if isinstance(trains, neo.Block):
        return [list(segment.spiketrains) for segment in trains.segments]
    if isinstance(trains, neo.Segment):
        return [list(trains.spiketrains)]
    listed = _listed("from_neo.trains", trains, neo)
    if all(isinstance(train, neo.SpikeTrain) for train in listed):
        return [listed] if listed else []
    samples = [_listed(f"from_neo.trains of sample {i}", sample, neo) for i, sample in enumerate(listed)]
    for i, sample in enumerate(samples):
        for train in sample:
            if not isinstance(train, neo.SpikeTrain):
                raise FileFormatError(explain(f"from_neo.trains of sample {i}", "SpikeTrains", describe(train)))
    return samples


def _listed(where: str, value: Any, neo: Any) -> list[Any]:
    if isinstance(value, neo.SpikeTrain) or not isinstance(value, Sequence) or isinstance(value, str):
        # a SpikeTrainList is no Sequence, and a train has a length too
        if isinstance(value, neo.SpikeTrain) or not hasattr(value, "__iter__") or isinstance(value, str | dict):
            must = "a Block, a Segment, a list of SpikeTrains or a list of such lists"
            raise FileFormatError(explain(where, must, describe(value), "put a single train into a list"))
    return list(value)


def _merged(where: str, trains: list[Any], origin: str, sort: bool) -> tuple[AnyArray, AnyArray]:
    """Return times in seconds and units of one sample, in time."""
    columns: list[AnyArray] = []
    for n, train in enumerate(trains):
        times = _seconds(f"{where}, train {n}", train, train.t_start if origin == "t_start" else None)
        falls = np.diff(times) < 0
        if falls.any():
            if not sort:
                i = int(np.argmax(falls)) + 1
                got = f"{times[i]} s after {times[i - 1]} s"
                raise FileFormatError(explain(f"{where}, train {n}", "sorted", got, "sort=True sorts"))
            times = np.sort(times)
        columns.append(times)
    times = np.concatenate([np.empty(0), *columns])
    units = np.repeat(np.arange(len(columns)), [len(each) for each in columns])
    order = np.argsort(times, kind="stable")
    return times[order], units[order]


def _seconds(where: str, train: Any, zero: Any) -> AnyArray:
    """Times of a train in seconds, counted from `zero` if that is given."""
    values = np.asarray(train.magnitude)
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        raise FileFormatError(explain(where, "real numbers [n]", describe(values)))
    times = _converted(train.units, values)
    return times if zero is None else times - _converted(zero.units, np.asarray(zero.magnitude))


def _converted(units: Any, values: AnyArray) -> AnyArray:
    unit = float(units.rescale("s").magnitude)
    # the length that its name has with us, of which the conversion may be a rounding error away
    unit = next((1 / per for per in PER_SECOND.values() if abs(unit * per - 1) < 1e-12), unit)
    return to_seconds(values.astype(np.float64), unit)
