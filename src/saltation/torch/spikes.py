"""`Spikes` as tensors: a ragged batch of events whose times carry a gradient."""

import dataclasses
from collections.abc import Iterable
from typing import Any, final

import numpy as np
import torch
import torch.utils._pytree as pytree
from torch import Tensor

from saltation import model
from saltation.errors import ParameterError


@final
@dataclasses.dataclass(frozen=True, slots=True, eq=False, repr=False)
class Spikes:
    """A ragged batch of events as tensors; the torch form of `saltation.Spikes`.

    ::

        s_n(t) = sum over k of delta(t - times[k]),  k in [offsets[b], offsets[b + 1]) with units[k] = n

    It is a pytree: ``torch.compile``, ``torch.utils._pytree`` and modules take it like a tuple of its three
    tensors.

    Parameters
    ----------
    times : Tensor of float64, [n]
        Times in seconds, finite and >= 0, non-decreasing within each sample. They may require a gradient.
    units : Tensor of int32 or int64, [n]
        Unit of each event, in 0..n_units - 1.
    offsets : Tensor of int64, [batch + 1]
        Where each sample begins, and at last n.
    n_units : int
        Number of units.
    train : Tensor, [batch, step, n_units], optional
        The same spikes at every point of a time grid, as layers with ``Grid(dt)`` make them: what their surrogate
        gradient goes through.

    Dtypes and shapes are checked here, the values by the network that runs on them.

    Raises
    ------
    ParameterError
        If a tensor has another dtype or shape.

    References
    ----------
    Wunderlich and Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> import torch
    >>> from saltation.torch import Spikes
    >>> times = torch.tensor([1e-3, 4e-3, 2e-3], dtype=torch.float64, requires_grad=True)
    >>> spikes = Spikes(times, torch.tensor([1, 0, 1]), torch.tensor([0, 2, 3]), n_units=2)
    >>> spikes
    Spikes(batch=2, events=3, units=2, t=0.001 s..0.004 s, requires_grad=True)
    >>> spikes.counts()
    tensor([[1, 1],
            [0, 1]])
    """

    times: Tensor
    units: Tensor
    offsets: Tensor
    n_units: int
    train: Tensor | None = None

    def __post_init__(self) -> None:
        """Check what a tensor says of itself without a look at its values."""
        # Under the compiler each check would be a guard, and the tensors come from operations that keep to it.
        if not torch.compiler.is_compiling():
            _check("times", self.times, (torch.float64,), "times in float32 would lose events: use .double()")
            _check("units", self.units, (torch.int32, torch.int64), "units are indices: use .long()")
            _check("offsets", self.offsets, (torch.int64,), "offsets are positions: use .long()")
            if self.times.shape != self.units.shape or self.offsets.shape[0] < 1:
                raise ParameterError(
                    "Spikes.units must be as long as times, and offsets [batch + 1]; got times "
                    f"{tuple(self.times.shape)}, units {tuple(self.units.shape)}, offsets "
                    f"{tuple(self.offsets.shape)}"
                )
            if isinstance(self.n_units, bool) or not isinstance(self.n_units, int) or self.n_units < 1:
                raise ParameterError(f"Spikes.n_units must be an integer >= 1; got {self.n_units!r}")

    # ---------------------------------------------------------------------------------- constructors
    @staticmethod
    def from_numpy(spikes: model.Spikes, n_units: int | None = None) -> "Spikes":
        """Copy a `saltation.Spikes` into tensors.

        Parameters
        ----------
        spikes : saltation.Spikes
            The events.
        n_units : int, optional
            Number of units, if the record does not know it.

        Raises
        ------
        ParameterError
            If it is something else, or the number of units is not known.

        Examples
        --------
        >>> import saltation as sal
        >>> from saltation.torch import Spikes
        >>> Spikes.from_numpy(sal.latency([[0.5, 1.0]], 0.0, 10e-3)).times
        tensor([0.0050, 0.0100], dtype=torch.float64)
        """
        if not isinstance(spikes, model.Spikes):
            raise ParameterError(
                f"Spikes.from_numpy.spikes must be saltation.Spikes; got {type(spikes).__name__}; make them "
                "by saltation.Spikes.from_lists([(times, units), ...])"
            )
        width = spikes.n_units if n_units is None else n_units
        if width is None:
            raise ParameterError("Spikes.from_numpy.n_units must be given where the record does not know it; got None")
        # Copies, since the arrays of a record are read-only and tensors are not.
        arrays = (torch.from_numpy(np.array(a)) for a in (spikes.times, spikes.units, spikes.offsets))
        return Spikes(*arrays, n_units=int(width))

    @staticmethod
    def from_latencies(times: Tensor) -> "Spikes":
        """Build from one time for each unit, differentiably; inf is silence.

        Parameters
        ----------
        times : Tensor, [batch, units]
            Times in seconds, >= 0, or inf, which gets the gradient 0.

        Returns
        -------
        Spikes
            Sorted by time, then unit.

        Raises
        ------
        ParameterError
            If a time is NaN or negative, or the shape is another.

        Examples
        --------
        >>> import torch
        >>> from saltation.torch import Spikes
        >>> Spikes.from_latencies(torch.tensor([[3e-3, 1e-3, torch.inf]])).units
        tensor([1, 0])
        """
        if times.ndim != 2 or not times.is_floating_point() or not bool((times >= 0).all()):
            raise ParameterError(
                "Spikes.from_latencies.times must be [batch, units], real, and >= 0 or inf; got shape "
                f"{tuple(times.shape)}, dtype {times.dtype}, least "
                f"{times.min().item() if times.numel() else 'none'}"
            )
        order = torch.argsort(times, dim=1, stable=True)
        sorted_times = times.double().gather(1, order)
        fires = sorted_times < torch.inf
        offsets = torch.nn.functional.pad(fires.sum(dim=1).cumsum(0), (1, 0))
        return Spikes(sorted_times[fires], order[fires], offsets, times.shape[1])

    # ------------------------------------------------------------------------------------------ sizes
    @property
    def batch(self) -> int:
        """Number of samples."""
        return self.offsets.shape[0] - 1

    @property
    def n_events(self) -> int:
        """Number of events in all samples together."""
        return self.times.shape[0]

    def __len__(self) -> int:
        return self.batch

    def per_sample(self) -> Tensor:
        """Count the events of each sample, int64 [batch]."""
        return self.offsets.diff()

    def sample_index(self) -> Tensor:
        """Return the sample of each event, int64 [n]."""
        # Not repeat_interleave: a search keeps the size of the result plain to the compiler.
        places = torch.arange(self.n_events, device=self.offsets.device)
        return torch.bucketize(places, self.offsets[1:], right=True)

    # ------------------------------------------------------------------------------------------ views
    def counts(self, n_units: int | None = None) -> Tensor:
        """Count the events of each unit in each sample, int64 [batch, n_units].

        Counts do not move with the parameters: their exact derivative is zero, and they carry none.
        """
        n = self._width("counts", n_units)
        keys = self.sample_index() * n + self.units
        return keys.new_zeros(self.batch * n).scatter_add(0, keys, torch.ones_like(keys)).view(-1, n)

    def first(self, n_units: int | None = None) -> Tensor:
        """Time of the first event of each unit, in seconds, inf where silent, float64 [batch, n_units].

        ::

            first[b, n] = min of times[k] over the events k of unit n in sample b

        The gradient goes to that one event; a silent unit gets and gives exactly none, and never a NaN.

        Examples
        --------
        >>> import torch
        >>> from saltation.torch import Spikes
        >>> Spikes.from_latencies(torch.tensor([[torch.inf, 1e-3]])).first()
        tensor([[   inf, 0.0010]], dtype=torch.float64)
        """
        n = self._width("first", n_units)
        keys = self.sample_index() * n + self.units
        places = torch.arange(self.n_events, device=keys.device)
        # The place n_events, one past the end, is that of the silent ones: the appended inf, a constant.
        nowhere = keys.new_zeros(self.batch * n) + self.n_events
        index = nowhere.scatter_reduce(0, keys, places, "amin", include_self=True)
        padded = torch.cat([self.times, self.times.new_full((1,), torch.inf)])
        return padded[index].view(-1, n)

    def detach(self) -> "Spikes":
        """Return the same events without a gradient."""
        train = None if self.train is None else self.train.detach()
        return Spikes(self.times.detach(), self.units, self.offsets, self.n_units, train)

    def to_numpy(self) -> model.Spikes:
        """Copy into a checked `saltation.Spikes`.

        Examples
        --------
        >>> import torch
        >>> from saltation.torch import Spikes
        >>> Spikes.from_latencies(torch.tensor([[1e-3, 2e-3]], dtype=torch.float64)).to_numpy()
        Spikes(batch=1, events=2, units=2, t=0.001 s..0.002 s)
        """
        arrays = (tensor.detach().cpu().numpy() for tensor in (self.times, self.units, self.offsets))
        return model.Spikes(*arrays, n_units=self.n_units)

    def _width(self, method: str, n_units: int | None) -> int:
        if n_units is None:
            return self.n_units
        if n_units < self.n_units:
            raise ParameterError(f"Spikes.{method}.n_units must be >= {self.n_units}; got {n_units}")
        return n_units

    def __repr__(self) -> str:
        shown = f"batch={self.batch}, events={self.n_events}, units={self.n_units}"
        # A traced tensor has no values to show.
        if type(self.times) in (Tensor, torch.nn.Parameter) and self.n_events:
            shown += f", t={self.times.min().item():.6g} s..{self.times.max().item():.6g} s"
        return f"Spikes({shown}{', requires_grad=True' if self.times.requires_grad else ''})"


def as_spikes(value: Spikes | model.Spikes, n_units: int | None = None) -> Spikes:
    """Take spikes of either kind as tensors.

    Parameters
    ----------
    value : Spikes or saltation.Spikes
        Events; tensors are passed on as they are.
    n_units : int, optional
        Number of units, for a record that does not know it.

    Raises
    ------
    ParameterError
        If it is something else.

    Examples
    --------
    >>> import saltation as sal
    >>> from saltation.torch import as_spikes
    >>> as_spikes(sal.Spikes.from_latencies([[1e-3, 2e-3]]))
    Spikes(batch=1, events=2, units=2, t=0.001 s..0.002 s)
    """
    if isinstance(value, Spikes):
        return value
    if isinstance(value, model.Spikes):
        return Spikes.from_numpy(value, n_units if value.n_units is None else None)
    raise ParameterError(
        f"as_spikes.value must be saltation.torch.Spikes or saltation.Spikes; got {type(value).__name__}; "
        "make them by saltation.torch.Spikes.from_latencies(times) or saltation.Spikes.from_lists([(times, "
        "units), ...])"
    )


def _check(name: str, value: Any, dtypes: tuple[torch.dtype, ...], hint: str) -> None:
    if not isinstance(value, Tensor):
        raise ParameterError(
            f"Spikes.{name} must be a tensor; got {type(value).__name__}; arrays and lists become tensors by "
            "Spikes.from_numpy(saltation.Spikes(...))"
        )
    if value.ndim != 1 or value.dtype not in dtypes:
        allowed = " or ".join(str(dtype).removeprefix("torch.") for dtype in dtypes)
        raise ParameterError(
            f"Spikes.{name} must be one-dimensional, {allowed}; got shape {tuple(value.shape)}, dtype "
            f"{str(value.dtype).removeprefix('torch.')}; {hint}"
        )


_LEAVES = ("times", "units", "offsets", "train")


def _flatten(spikes: Spikes) -> tuple[list[Any], int]:
    leaves = [spikes.times, spikes.units, spikes.offsets]
    # as a leaf, None would be handed to whoever maps a function over tensors
    return leaves if spikes.train is None else [*leaves, spikes.train], spikes.n_units


def _flatten_with_keys(spikes: Spikes) -> tuple[list[tuple[Any, Any]], int]:
    leaves, n_units = _flatten(spikes)
    return [(pytree.GetAttrKey(name), leaf) for name, leaf in zip(_LEAVES, leaves, strict=False)], n_units


def _unflatten(leaves: Iterable[Any], n_units: int) -> Spikes:
    # Leaves may be anything while a tree is mapped, so that the checks of __init__ have no place here.
    spikes = object.__new__(Spikes)
    object.__setattr__(spikes, "train", None)
    for name, leaf in zip(_LEAVES, leaves, strict=False):
        object.__setattr__(spikes, name, leaf)
    object.__setattr__(spikes, "n_units", n_units)
    return spikes


pytree.register_pytree_node(
    Spikes,
    _flatten,
    _unflatten,
    serialized_type_name="saltation.torch.Spikes",
    flatten_with_keys_fn=_flatten_with_keys,
)
