"""`Sparse`: which synapses a projection has, where not all pairs of neurons have one."""

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeAlias, cast, final

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import at_first, describe, explain, freeze, integer, integer_array, number, to_array
from saltation.model.initialisers import Seed, generator
from saltation.model.record import Record, set_fields

Indices: TypeAlias = npt.NDArray[np.int64]

Synapses: TypeAlias = tuple[Indices, Indices, Indices]
"""For each synapse the neuron it leaves, the neuron it reaches, and the place of its weight in the flat array."""


@final
@dataclasses.dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class Sparse(Record):
    """One synapse for each pair in a list.

    Synapse k leads from unit pre[k] to unit post[k], with weight[k]; a pair may occur several times.

    Parameters
    ----------
    pre, post : array_like of int, [n_synapses]
        The units that each synapse connects.
    shape : (int, int)
        Sizes of the two populations.

    Raises
    ------
    ParameterError
        If an index is not that of a unit, or the arrays differ in length.

    References
    ----------
    Davison et al., PyNN: a common interface for neuronal network simulators, Frontiers in Neuroinformatics 2, 11
    (2009), doi:10.3389/neuro.11.011.2008 (the list of pairs is its ``FromListConnector``).

    Examples
    --------
    >>> from saltation.model import LIF, Input, Network, Sparse
    >>> net = Network()
    >>> pre, post = net.add("in", Input(3)), net.add("hid", LIF(2))
    >>> net.connect(pre, post, weight=[0.5, 0.7, -0.2], connectivity=Sparse([0, 1, 2], [0, 0, 1], shape=(3, 2)))
    ('in', 'hid')
    """

    pre: Indices
    post: Indices
    shape: tuple[int, int]

    def __init__(self, pre: npt.ArrayLike, post: npt.ArrayLike, shape: tuple[int, int]) -> None:
        size = _checked_shape("Sparse.shape", shape)
        indices = [
            integer_array("Sparse", name, value, shapes=((None,),), minimum=0)
            for name, value in (("pre", pre), ("post", post))
        ]
        for name, index, n in zip(("pre", "post"), indices, size, strict=True):
            bad = index >= n
            if bad.any():
                raise ParameterError(explain(f"Sparse.{name}", f"< {n}, the size in shape", at_first(index, bad)))
        if indices[0].size != indices[1].size or indices[0].size == 0:
            must = "as long as pre, and at least one synapse long"
            raise ParameterError(explain("Sparse.post", must, f"{indices[0].size} and {indices[1].size} synapses"))
        set_fields(self, pre=indices[0], post=indices[1], shape=size)

    @classmethod
    def random(cls, shape: tuple[int, int], p: float, seed: Seed) -> "Sparse":
        """Connect each pair with a probability, independently of all others; in order of pre, then post.

        Parameters
        ----------
        shape : (int, int)
            Sizes of the two populations.
        p : float
            Probability of a synapse, 0 < p <= 1.
        seed : int or numpy.random.Generator
            Where the randomness comes from.

        Raises
        ------
        ParameterError
            If an argument is not allowed, or nothing at all was drawn.

        Examples
        --------
        >>> from saltation.model import Sparse
        >>> Sparse.random((1000, 1000), 0.02, seed=1).n_synapses
        20062
        """
        n_pre, n_post = _checked_shape("Sparse.random.shape", shape)
        probability = number("Sparse.random", "p", p, minimum=0.0, maximum=1.0, strict=True)
        draw = generator("Sparse.random", seed)
        # the number of each row is binomial, and given it all subsets are as likely
        counts = draw.binomial(n_post, probability, n_pre)
        if not counts.any():
            hint = "a larger p, or another seed"
            raise ParameterError(explain("Sparse.random.p", "such that there are synapses", f"{p} of {shape}", hint))
        post: list[Indices] = [_subset(draw, n_post, int(n)) for n in counts]
        return cls(np.repeat(range_of(n_pre), counts), np.concatenate(post), (n_pre, n_post))

    @classmethod
    def from_matrix(cls, matrix: Any) -> "tuple[Sparse, npt.NDArray[Any]]":
        """Take the entries of a matrix [n_pre, n_post] that are not zero, dense or of ``scipy.sparse``.

        Parameters
        ----------
        matrix : array_like or scipy.sparse matrix or array, [n_pre, n_post]
            Weights. Of a sparse one all stored entries are taken, zeros among them.

        Returns
        -------
        Sparse
            The connectivity, in order of pre, then post.
        ndarray, [n_synapses]
            The weights.

        Raises
        ------
        ParameterError
            If it has not two dimensions, or no entry.

        Examples
        --------
        >>> from saltation.model import Sparse
        >>> connectivity, weight = Sparse.from_matrix([[0.0, 0.5], [0.7, 0.0]])
        >>> weight
        array([0.5, 0.7])
        """
        if hasattr(matrix, "tocsr"):
            rows = matrix.tocsr(copy=True)
            rows.sum_duplicates()
            pre = np.repeat(range_of(int(rows.shape[0])), np.diff(rows.indptr))
            return cls(pre, rows.indices, rows.shape), np.array(rows.data)
        dense = to_array("Sparse.from_matrix.matrix", matrix)
        if dense.ndim != 2:
            raise ParameterError(explain("Sparse.from_matrix.matrix", "[n_pre, n_post]", describe(matrix)))
        pre, post = np.nonzero(dense)
        return cls(pre, post, dense.shape), dense[pre, post]

    @property
    def n_pre(self) -> int:
        """Number of units that synapses may leave."""
        return self.shape[0]

    @property
    def n_post(self) -> int:
        """Number of units that synapses may reach."""
        return self.shape[1]

    @property
    def n_synapses(self) -> int:
        """Number of synapses."""
        return self.pre.size

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of the weights: one for each synapse."""
        return (self.pre.size,)

    def synapses(self) -> Synapses:
        """Give the neurons that each synapse leaves and reaches, and the place of its weight."""
        return self.pre, self.post, freeze(range_of(self.pre.size))


def range_of(n: int) -> Indices:
    """0, 1, ... n - 1."""
    return np.arange(n, dtype=np.int64)


def _subset(draw: np.random.Generator, n: int, size: int) -> Indices:
    """``size`` of the numbers below ``n``, in their order."""
    chosen: Indices = draw.choice(n, size, replace=False, shuffle=False)
    chosen.sort()
    return chosen


def _checked_shape(where: str, shape: object) -> tuple[int, int]:
    sizes = tuple(cast(Sequence[object], shape)) if isinstance(shape, tuple | list) else ()
    if len(sizes) != 2:
        raise ParameterError(explain(where, "(n_pre, n_post)", describe(cast(object, shape))))
    owner, _, name = where.rpartition(".")
    return integer(owner, name, sizes[0], minimum=1), integer(owner, name, sizes[1], minimum=1)
