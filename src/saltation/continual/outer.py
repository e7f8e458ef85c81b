"""`OuterProducts`: gradients of each example for the weights of a dense layer, kept as two factors; PyTorch."""

import math
from dataclasses import dataclass
from functools import cache
from typing import final

import torch
from torch import Tensor
from torch.nn.functional import hardshrink

from saltation.errors import ParameterError

__all__ = ["OuterProducts"]

_SERIES_UP_TO = 0.75
"""Largest ``|lr g|`` of an example that goes through the series; its terms are cheap, and about 45 are enough there."""

_AT_ONCE = 1 << 24
"""Numbers of a piece of the others, which are formed one by one: bounds the memory."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class OuterProducts:
    """One matrix for each example, of rank one.

    ::

        g[k] = left[k] right[k]^T

    This is what the weights of a dense layer have: ``left`` are the gradients of its outputs, ``right`` its inputs. Two
    small arrays stand for ``batch`` matrices, and sums over the examples become products of matrices.

    Parameters
    ----------
    left : Tensor, [batch, row]
        Factors of the rows.
    right : Tensor, [batch, column]
        Factors of the columns.

    Raises
    ------
    ParameterError
        If they are not of the same examples.

    Examples
    --------
    >>> import torch
    >>> from saltation.continual import OuterProducts
    >>> g = OuterProducts(torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.tensor([[3.0], [5.0]]))
    >>> len(g), g.shape, g.dense().tolist()
    (2, torch.Size([2, 2, 1]), [[[3.0], [6.0]], [[0.0], [5.0]]])
    >>> g.sum_of_squares().tolist()
    [[9.0], [61.0]]
    """

    left: Tensor
    right: Tensor

    def __post_init__(self) -> None:
        """Check that there are as many factors on both sides."""
        if self.left.ndim != 2 or self.right.ndim != 2 or len(self.left) != len(self.right):
            raise ParameterError(
                "OuterProducts.left and right must be [batch, row] and [batch, column]; got "
                f"{tuple(self.left.shape)} and {tuple(self.right.shape)}"
            )

    def __len__(self) -> int:
        return len(self.left)

    @property
    def shape(self) -> torch.Size:
        """``[batch, row, column]``, as if they were formed."""
        return torch.Size((len(self.left), self.left.shape[1], self.right.shape[1]))

    def any(self) -> bool:
        """Whether a number of them is not zero."""
        return bool((self.left.any(dim=1) & self.right.any(dim=1)).any())

    def dense(self) -> Tensor:
        """Form them, [batch, row, column]."""
        return self.left.unsqueeze(2) * self.right.unsqueeze(1)

    def sum_of_squares(self) -> Tensor:
        """``sum_k g[k]^2``, number by number, [row, column]."""
        return self.left.square().T @ self.right.square()

    def log_factors(self, signs: Tensor, lr: float, floor: float) -> tuple[Tensor, int]:
        """Logarithms of the rule's factors, summed over the examples, and how many were raised to the floor.

        ::

            sum_k log max(1 - u_k, floor),   u_k = lr s g[k]
            log(1 - u) = -sum_n u^n / n,     sum_k u_k^n = s^n (left^n)^T ((lr right)^n)

        A power of an outer product is the outer product of powers, so that a term of the series is one product of
        matrices over all examples. An example takes as many terms as it needs for the rounding of the dtype, by the
        bound ``lr max|left_k| max|right_k|`` on its ``|u|``; those above 3/4, or so large that the floor may matter,
        are formed and taken one by one.

        Parameters
        ----------
        signs : Tensor, [row, column]
            ``s``: 1 or -1; for 0, of an expert that is dead, the result means nothing.
        lr, floor : float
            Of the rule.

        Returns
        -------
        Tensor, [row, column], and int
        """
        largest, widest = self.left.abs().amax(dim=1), self.right.abs().amax(dim=1)
        bound = lr * largest.double() * widest.double()
        order = bound.argsort(descending=True)
        bounds = bound[order].tolist()
        # not "<=": where a bound is not finite neither is the result, and the others must be told apart from it
        direct = sum(not b <= min(_SERIES_UP_TO, 0.5 * (1.0 - floor)) for b in bounds)
        if direct == len(bounds):
            return self._one_by_one(order, signs, lr, floor)
        # the largest number of each example is its bound on the left, and 1 on the right: no power overflows
        tiny = torch.finfo(self.left.dtype).tiny
        rest = order[direct:]
        left = (self.left * (bound / largest.clamp_min(tiny)).to(self.left).unsqueeze(1))[rest]
        right = (self.right / widest.clamp_min(tiny).unsqueeze(1))[rest]
        odd, even = _series(left, right, bounds[direct:])
        total = odd.mul_(signs).neg_() if even is None else odd.mul_(signs).add_(even).neg_()
        if not direct:
            return total, 0
        others, clamped = self._one_by_one(order[:direct], signs, lr, floor)
        return total.add_(others), clamped

    def _one_by_one(self, chosen: Tensor, signs: Tensor, lr: float, floor: float) -> tuple[Tensor, int]:
        total, clamped = torch.zeros_like(signs), 0
        for part in chosen.split(max(1, _AT_ONCE // max(1, signs.numel()))):
            some = OuterProducts(self.left[part], self.right[part])
            logarithms, raised = log_factors(some.dense(), signs, lr, floor)
            total += logarithms
            clamped += raised
        return total, clamped


def log_factors(gradients: Tensor, signs: Tensor, lr: float, floor: float) -> tuple[Tensor, int]:
    """Logarithms of the factors, summed over the examples, and how many were raised to the floor; in place.

    ::

        sum_k log max(1 - lr s g_k, floor)

    All is NaN where a gradient is infinite.
    """
    # one that autograd has expanded, such as a zero for all, cannot be written to
    minus = gradients.mul_(-lr * signs) if gradients.is_contiguous() else gradients * (-lr * signs)
    clamped = 0
    least = float(minus.min()) if minus.numel() else 0.0
    if not least >= floor - 1.0:
        clamped = int((minus < floor - 1.0).sum())
    total = minus.clamp_(min=floor - 1.0).log1p_().sum(dim=0)
    # an infinite gradient is no factor that is too small
    return (total.fill_(math.nan), 0) if least == -math.inf else (total, clamped)


def _series(left: Tensor, right: Tensor, bounds: list[float]) -> tuple[Tensor, Tensor | None]:
    """Odd and even part of ``sum_n sum_k (left_k right_k)^n / n``; examples with the largest bounds come first."""
    power_left, power_right, rows = left, right, len(bounds)
    odd, even = [(left, right)], list[tuple[Tensor, Tensor]]()
    # What is left out is far below the rounding of the first term; products of it would be subnormal, and very slow.
    negligible = torch.finfo(left.dtype).tiny ** 0.5
    for n, needed in enumerate(_bounds_for_terms(left.dtype)[1:], start=2):
        while rows and bounds[rows - 1] < needed:
            rows -= 1
        if not rows:
            break
        power_left = hardshrink(power_left[:rows] * left[:rows], negligible)
        power_right = hardshrink(power_right[:rows] * right[:rows], negligible)
        (odd if n % 2 else even).append((power_left / n, power_right))
    return _summed(odd), _summed(even) if even else None


def _summed(parts: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Sum of the products ``left^T right`` of all parts, as one."""
    return torch.cat([left for left, _ in parts]).T @ torch.cat([right for _, right in parts])


@cache
def _bounds_for_terms(dtype: torch.dtype) -> tuple[float, ...]:
    """Least bound b from which an example needs term n, for n from 1 on.

    What is left out from term n on is at most ``b^n / (n (1 - b))``; half a rounding of the first term may be.
    """
    allowed = 0.5 * torch.finfo(dtype).eps
    found = [0.0]
    while found[-1] < _SERIES_UP_TO:
        n = len(found) + 1
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = 0.5 * (low + high)
            enough = middle == 0.0 or (n - 1) * math.log(middle) - math.log(n * (1.0 - middle)) <= math.log(allowed)
            low, high = (middle, high) if enough else (low, middle)
        found.append(low)
    return tuple(found)
