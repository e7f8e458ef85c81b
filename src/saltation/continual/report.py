"""`NTEReport`: what the rule of the tangent ensemble had to do beside its formula, and how the experts stand."""

from dataclasses import dataclass
from typing import final

__all__ = ["NTEReport"]


@final
@dataclass(frozen=True, slots=True)
class NTEReport:
    """State of a training by the rule of the tangent ensemble.

    Attributes
    ----------
    steps, examples : int
        Numbers of updates and of examples, or of sums over batches.
    experts : int
        Number of parameters that take part.
    clamped : int
        Number of likelihood factors below the floor, which were raised to it, in all steps together. Many of them mean
        that the learning rate is too large.
    limited : int
        Number of displacements that are at their upper limit now.
    dead : int
        Number of parameters whose displacement is zero now: no step moves them.
    revived : int
        Number of parameters that were zero in the beginning and got a small random value.
    effective : float
        Effective number of experts, the exponential of the entropy of ``|delta|``.

    Examples
    --------
    >>> from saltation.continual import NTEReport
    >>> NTEReport(10, 400, 100, clamped=10, limited=0, dead=0, revived=30, effective=51.2).clamped_share
    0.00025
    """

    steps: int
    examples: int
    experts: int
    clamped: int
    limited: int
    dead: int
    revived: int
    effective: float

    @property
    def clamped_share(self) -> float:
        """Share of all factors that were clamped."""
        return self.clamped / max(1, self.examples * self.experts)
