"""`Spikes` in arrays of static shape: what goes through ``jax.jit``."""

import dataclasses
from functools import partial
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from saltation import model
from saltation.errors import ParameterError
from saltation.jax.precision import require_float64
from saltation.model.checks import integer

# Up to so many pairs of a unit and an event in a sample, the first event of each unit is looked for among all.
_FEW = 4096


@final
@partial(jax.tree_util.register_dataclass, data_fields=["times", "units", "count"], meta_fields=["n_units"])
@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Spikes:
    """A batch of events with room for `capacity` of them in each sample; the JAX form of `saltation.Spikes`.

    ::

        s_n(t) = sum over k of delta(t - times[b, k]),  k < count[b] with units[b, k] = n    in sample b

    It is a pytree of its three arrays, and its times carry the gradient.

    Parameters
    ----------
    times : Array of float64, [batch, capacity]
        Times in seconds, inf where a place is empty; NaN where the run of the sample has failed.
    units : Array of int32, [batch, capacity]
        Unit of each event, in 0..n_units - 1; -1 where a place is empty.
    count : Array of int32, [batch]
        Number of events.  More than the capacity: so many would be needed, and the sample is NaN.
    n_units : int
        Number of units.

    References
    ----------
    Wunderlich and Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> import saltation as sal
    >>> from saltation.jax import Spikes
    >>> Spikes.from_numpy(sal.Spikes.from_lists([([1e-3, 4e-3], [1, 0]), ([2e-3], [1])], n_units=2))
    Spikes(batch=2, capacity=2, units=2)
    """

    times: jax.Array
    units: jax.Array
    count: jax.Array
    n_units: int

    # ---------------------------------------------------------------------------------- constructors
    @staticmethod
    def from_numpy(spikes: model.Spikes, capacity: int | None = None, n_units: int | None = None) -> "Spikes":
        """Copy a `saltation.Spikes`.

        Parameters
        ----------
        spikes : saltation.Spikes
            The events.
        capacity : int, optional
            Room for the events of a sample; by default that of the fullest one.
        n_units : int, optional
            Number of units, if the record does not know it.

        Raises
        ------
        ParameterError
            If it is something else, the capacity is too small, or the number of units is not known.

        Examples
        --------
        >>> import saltation as sal
        >>> from saltation.jax import Spikes
        >>> Spikes.from_numpy(sal.latency([[0.5, 1.0]], 0.0, 10e-3), capacity=3).times
        Array([[0.005, 0.01 ,   inf]], dtype=float64)
        """
        require_float64("Spikes.from_numpy")
        if not isinstance(spikes, model.Spikes):
            raise ParameterError(
                f"Spikes.from_numpy.spikes must be saltation.Spikes; got {type(spikes).__name__}; make them "
                "by saltation.Spikes.from_lists([(times, units), ...])"
            )
        width = spikes.n_units if n_units is None else n_units
        if width is None:
            raise ParameterError("Spikes.from_numpy.n_units must be given where the record does not know it; got None")
        times, units = spikes.to_padded(capacity)
        return Spikes(jnp.asarray(times), jnp.asarray(units), jnp.asarray(spikes.per_sample(), jnp.int32), int(width))

    @staticmethod
    def from_latencies(times: Any) -> "Spikes":
        """Build from one time for each unit, differentiably and under ``jit``; inf is silence.

        Parameters
        ----------
        times : array_like, [batch, units]
            Times in seconds, >= 0, or inf, which gets the gradient 0.

        Returns
        -------
        Spikes
            Sorted by time, then unit; the capacity is the number of units.

        Raises
        ------
        ParameterError
            If the shape is another.  A time that is NaN or negative makes the run of its sample fail.

        Examples
        --------
        >>> from saltation.jax import Spikes
        >>> Spikes.from_latencies([[3e-3, 1e-3, float("inf")]]).units
        Array([[ 1,  0, -1]], dtype=int32)
        """
        require_float64("Spikes.from_latencies")
        # what is known is sorted by NumPy: each operation outside of ``jit`` would be compiled for itself
        traced = any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(times))
        xp: Any = jnp if traced else np
        given = xp.asarray(times, xp.float64)
        if given.ndim != 2 or given.shape[1] == 0:
            raise ParameterError(f"Spikes.from_latencies.times must be [batch, units]; got shape {given.shape}")
        order = xp.argsort(given, axis=1, stable=True)
        ordered = xp.take_along_axis(given, order, axis=1)
        there = ordered != xp.inf
        units = xp.where(there, order, -1).astype(xp.int32)
        count = there.sum(axis=1, dtype=xp.int32)
        return Spikes(jnp.asarray(ordered), jnp.asarray(units), jnp.asarray(count), given.shape[1])

    # ------------------------------------------------------------------------------------------ sizes
    @property
    def batch(self) -> int:
        """Number of samples."""
        return self.times.shape[0]

    @property
    def capacity(self) -> int:
        """Room for the events of a sample."""
        return self.times.shape[1]

    def __len__(self) -> int:
        return self.batch

    # ------------------------------------------------------------------------------------------ views
    def counts(self, n_units: int | None = None) -> jax.Array:
        """Count the events of each unit in each sample, int32 [batch, n_units].

        Counts do not move with the parameters: their exact derivative is zero, and they carry none.
        """
        n = self._width("counts", n_units)
        rows, units = self._places(n)
        return jnp.zeros((self.batch, n), jnp.int32).at[rows, units].add(1, mode="drop")

    def first(self, n_units: int | None = None) -> jax.Array:
        """Time of the first event of each unit, in seconds, inf where silent, float64 [batch, n_units].

        ::

            first[b, n] = min of times[b, k] over the events k of unit n

        The gradient goes to that one event; a silent unit gets and gives exactly none.  Samples that failed are NaN.

        Examples
        --------
        >>> from saltation.jax import Spikes
        >>> Spikes.from_latencies([[float("inf"), 1e-3]]).first()
        Array([[  inf, 0.001]], dtype=float64)
        """
        n = self._width("first", n_units)
        if not self.capacity:
            return jnp.full((self.batch, n), jnp.inf)
        found = self._first_of_few(n) if n * self.capacity <= _FEW else self._first_of_many(n)
        # of what failed, all times are NaN, the first too
        return jnp.where(self.failed()[:, None], self.times[:, :1], found)

    def _first_of_few(self, n: int) -> jax.Array:
        """First times by a look at all events for each unit: less to compile than a scatter and its reverse."""
        columns = jnp.arange(self.capacity, dtype=jnp.int32)
        own = self.units[:, None, :] == jnp.arange(n, dtype=jnp.int32)[:, None]
        index = jnp.where(own, columns, self.capacity).min(axis=2)
        chosen = index[:, :, None] == columns
        times = jnp.where(chosen, self.times[:, None, :], 0.0).sum(axis=2)
        return jnp.where(index < self.capacity, times, jnp.inf)

    def _first_of_many(self, n: int) -> jax.Array:
        """First times by the events that there are."""
        rows, units = self._places(n)
        columns = jnp.broadcast_to(jnp.arange(self.capacity, dtype=jnp.int32), self.times.shape)
        nowhere = jnp.full((self.batch, n), self.capacity, jnp.int32)
        index = nowhere.at[rows, units].min(columns, mode="drop")
        padded = jnp.concatenate([self.times, jnp.full((self.batch, 1), jnp.inf)], axis=1)
        return jnp.take_along_axis(padded, index, axis=1)

    def failed(self) -> jax.Array:
        """Whether the run that made a sample has failed, bool [batch]."""
        return jnp.isnan(self.times).any(axis=1)

    def to_numpy(self) -> model.Spikes:
        """Copy into a checked `saltation.Spikes`; not under ``jit``.

        Raises
        ------
        ParameterError
            If a sample has failed, or its events are not in order.

        Examples
        --------
        >>> from saltation.jax import Spikes
        >>> Spikes.from_latencies([[1e-3, 2e-3]]).to_numpy()
        Spikes(batch=1, events=2, units=2, t=0.001 s..0.002 s)
        """
        times = np.asarray(self.times)
        bad = np.flatnonzero(np.isnan(times).any(axis=1))
        if bad.size:
            raise ParameterError(
                f"Spikes.to_numpy needs samples that ran to their end; samples {bad[:10].tolist()} have failed, or "
                f"had no room for their events (capacity {self.capacity}, needed "
                f"{int(np.asarray(self.count).max())}); see the status of the run"
            )
        return model.Spikes.from_padded(times, np.asarray(self.units), n_units=self.n_units)

    def _width(self, method: str, n_units: int | None) -> int:
        if n_units is None:
            return self.n_units
        return integer(f"Spikes.{method}", "n_units", n_units, minimum=self.n_units)

    def _places(self, n: int) -> tuple[jax.Array, jax.Array]:
        """Rows and columns of the events in ``[batch, n]``; beyond its edge where a place is empty."""
        rows = jnp.broadcast_to(jnp.arange(self.batch)[:, None], self.units.shape)
        return rows, jnp.where(self.units >= 0, self.units, n)

    def __repr__(self) -> str:
        shape = getattr(self.times, "shape", None)
        if shape is None or len(shape) != 2:
            return f"Spikes(times={self.times!r}, units={self.units!r}, count={self.count!r}, n_units={self.n_units})"
        return f"Spikes(batch={shape[0]}, capacity={shape[1]}, units={self.n_units})"


def as_spikes(value: Spikes | model.Spikes, n_units: int | None = None) -> Spikes:
    """Take spikes of either kind.

    Parameters
    ----------
    value : Spikes or saltation.Spikes
        Events; those of JAX are passed on as they are.
    n_units : int, optional
        Number of units, for a record that does not know it.

    Raises
    ------
    ParameterError
        If it is something else.

    Examples
    --------
    >>> import saltation as sal
    >>> from saltation.jax import as_spikes
    >>> as_spikes(sal.Spikes.from_latencies([[1e-3, 2e-3]]))
    Spikes(batch=1, capacity=2, units=2)
    """
    if isinstance(value, Spikes):
        return value
    if isinstance(value, model.Spikes):
        return Spikes.from_numpy(value, n_units=n_units if value.n_units is None else None)
    raise ParameterError(
        f"as_spikes.value must be saltation.jax.Spikes or saltation.Spikes; got {type(value).__name__}; "
        "make them by saltation.jax.Spikes.from_latencies(times) or saltation.Spikes.from_lists([(times, "
        "units), ...])"
    )
