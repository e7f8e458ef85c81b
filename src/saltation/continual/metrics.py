"""Metrics of continual learning, from the accuracy matrix; where libraries differ, the definition has a name.

::

    R[i, j] = accuracy on task j after training on task i,    T tasks

A row is what was measured after a task, a column what became of one.

References
----------
Lopez-Paz and Ranzato, Gradient episodic memory for continual learning, 2017, arXiv:1706.08840 ("gem"). Chaudhry et al.,
Riemannian walk for incremental learning, 2018, arXiv:1801.10112 ("chaudhry"). Díaz-Rodríguez et al., Don't forget,
there is more than forgetting, 2018, arXiv:1810.13166 ("diaz-rodriguez").
"""

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import float_array

__all__ = [
    "average_accuracy",
    "backward_transfer",
    "forgetting",
    "forward_transfer",
    "learning_accuracy",
    "mean_accuracy",
]

Floats: TypeAlias = npt.NDArray[np.float64]


def average_accuracy(accuracies: npt.ArrayLike) -> float:
    """Mean accuracy over all tasks after the last one.

    ::

        ACC = mean_j R[T-1, j]

    Examples
    --------
    >>> from saltation.continual import average_accuracy
    >>> round(average_accuracy([[0.95, 0.1, 0.1], [0.9, 0.95, 0.1], [0.97, 0.85, 0.96]]), 4)
    0.9267
    """
    return float(_matrix("average_accuracy", accuracies)[-1].mean())


def learning_accuracy(accuracies: npt.ArrayLike) -> float:
    """Mean accuracy on each task right after it: how well the method learns, whatever it forgets.

    ::

        mean_j R[j, j]

    Examples
    --------
    >>> from saltation.continual import learning_accuracy
    >>> round(learning_accuracy([[0.95, 0.1, 0.1], [0.9, 0.95, 0.1], [0.97, 0.85, 0.96]]), 4)
    0.9533
    """
    return float(np.diag(_matrix("learning_accuracy", accuracies)).mean())


def mean_accuracy(accuracies: npt.ArrayLike) -> float:
    """Mean accuracy over all tasks seen so far, at all times.

    ::

        A = mean over i >= j of R[i, j]

    Examples
    --------
    >>> from saltation.continual import mean_accuracy
    >>> round(mean_accuracy([[0.95, 0.1, 0.1], [0.9, 0.95, 0.1], [0.97, 0.85, 0.96]]), 4)
    0.93
    """
    matrix = _matrix("mean_accuracy", accuracies)
    return float(matrix[np.tril_indices(len(matrix))].mean())


def forgetting(
    accuracies: npt.ArrayLike, definition: Literal["chaudhry", "avalanche", "mammoth"] = "chaudhry"
) -> float:
    """Accuracy lost on the earlier tasks, a mean over all but the last.

    ::

        chaudhry   max over j <= i < T-1 of R[i, j]  -  R[T-1, j]     negative where a task got better
        avalanche  R[j, j]                           -  R[T-1, j]     the negative of backward transfer
        mammoth    max over all i of R[i, j]         -  R[T-1, j]     never negative

    Parameters
    ----------
    accuracies : array_like, [task, task]
        The accuracy matrix, of two tasks or more.
    definition : {"chaudhry", "avalanche", "mammoth"}
        After whom: the paper (continuum has it too), or what these libraries compute.

    Raises
    ------
    ParameterError
        If the matrix is not square, or the definition unknown.

    Examples
    --------
    >>> from saltation.continual import forgetting
    >>> matrix = [[0.95, 0.1, 0.1], [0.9, 0.95, 0.1], [0.97, 0.85, 0.96]]
    >>> [round(forgetting(matrix, name), 4) for name in ("chaudhry", "avalanche", "mammoth")]
    [0.04, 0.04, 0.05]
    """
    matrix = _matrix("forgetting", accuracies, least=2)
    last = len(matrix) - 1
    if definition == "chaudhry":
        before = [matrix[j:last, j].max() for j in range(last)]
    elif definition == "avalanche":
        before = np.diag(matrix)[:last]
    elif definition == "mammoth":
        before = matrix[:, :last].max(axis=0)
    else:
        raise _unknown("forgetting", definition, "chaudhry", "avalanche", "mammoth")
    return float(np.mean(before - matrix[last, :last]))


def backward_transfer(accuracies: npt.ArrayLike, definition: Literal["gem", "diaz-rodriguez"] = "gem") -> float:
    """How later tasks changed the accuracy on earlier ones; negative where they were forgotten.

    ::

        gem             mean over j < T-1 of  R[T-1, j] - R[j, j]
        diaz-rodriguez  mean over i > j of    R[i, j] - R[j, j]

    Parameters
    ----------
    accuracies : array_like, [task, task]
        The accuracy matrix, of two tasks or more.
    definition : {"gem", "diaz-rodriguez"}
        After whom; mammoth has the first, continuum the second.

    Raises
    ------
    ParameterError
        If the matrix is not square, or the definition unknown.

    Examples
    --------
    >>> from saltation.continual import backward_transfer
    >>> matrix = [[0.95, 0.1, 0.1], [0.9, 0.95, 0.1], [0.97, 0.85, 0.96]]
    >>> [round(backward_transfer(matrix, name), 4) for name in ("gem", "diaz-rodriguez")]
    [-0.04, -0.0433]
    """
    matrix = _matrix("backward_transfer", accuracies, least=2)
    gained = matrix - np.diag(matrix)
    if definition == "gem":
        return float(gained[-1, :-1].mean())
    if definition == "diaz-rodriguez":
        return float(gained[np.tril_indices(len(matrix), -1)].mean())
    raise _unknown("backward_transfer", definition, "gem", "diaz-rodriguez")


def forward_transfer(
    accuracies: npt.ArrayLike,
    untrained: npt.ArrayLike | None = None,
    definition: Literal["gem", "diaz-rodriguez"] = "gem",
) -> float:
    """How earlier tasks help a task before it is trained on.

    ::

        gem             mean over j > 0 of  R[j-1, j] - b_j
        diaz-rodriguez  mean over i < j of  R[i, j]

    Parameters
    ----------
    accuracies : array_like, [task, task]
        The accuracy matrix, of two tasks or more.
    untrained : array_like, [task]
        ``b``: accuracies before any training; needed for "gem", and only there.
    definition : {"gem", "diaz-rodriguez"}
        After whom; mammoth and Avalanche have the first, continuum the second.

    Raises
    ------
    ParameterError
        If the matrix is not square, the accuracies before training are missing or not asked for, or the definition is
        unknown.

    Examples
    --------
    >>> from saltation.continual import forward_transfer
    >>> matrix = [[0.95, 0.3, 0.1], [0.9, 0.95, 0.2], [0.97, 0.85, 0.96]]
    >>> round(forward_transfer(matrix, untrained=[0.1, 0.1, 0.1]), 4)
    0.15
    """
    matrix = _matrix("forward_transfer", accuracies, least=2)
    if definition not in ("gem", "diaz-rodriguez"):
        raise _unknown("forward_transfer", definition, "gem", "diaz-rodriguez")
    if (untrained is None) == (definition == "gem"):
        must = "given" if definition == "gem" else "left out"
        raise ParameterError(f"forward_transfer.untrained must be {must} where the definition is {definition!r}")
    if definition == "diaz-rodriguez":
        return float(matrix[np.triu_indices(len(matrix), 1)].mean())
    before = float_array("forward_transfer", "untrained", untrained, shapes=((len(matrix),),))
    return float((np.diag(matrix, 1) - before[1:]).mean())


def _matrix(owner: str, accuracies: npt.ArrayLike, least: int = 1) -> Floats:
    found = float_array(owner, "accuracies", accuracies, shapes=((None, None),), minimum=0.0, maximum=1.0)
    if found.shape[0] != found.shape[1] or len(found) < least:
        raise ParameterError(
            f"{owner}.accuracies must be [task, task], of {least} tasks or more, a row after each task; got "
            f"{found.shape}"
        )
    return found.astype(np.float64)


def _unknown(owner: str, definition: str, *known: str) -> ParameterError:
    return ParameterError(f"{owner}.definition must be one of {', '.join(map(repr, known))}; got {definition!r}")
