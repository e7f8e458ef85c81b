"""Help for what exact gradients cannot do: make silent neurons spike, and keep rates where they should be.

The exact derivative of a spike count is zero almost everywhere, so that no loss of counts trains anything.
What stands here is heuristic, is named so, and does nothing unless it is called.
"""

import torch
from torch import Tensor

from saltation.errors import ParameterError


def rate_regularisation(weight: Tensor, counts: Tensor, *, target: float | Tensor, strength: float = 1.0) -> Tensor:
    """Penalty of spike counts, with a surrogate gradient for the incoming weights.

    ::

        R = strength / 2  mean over samples of  sum_j (count_j - target_j)^2
        surrogate:  dR/dw_ij = strength  mean over samples of  (count_j - target_j),    for all i

    R has no exact gradient: counts are steps of the weights. The surrogate takes each count to grow by one
    for each unit of each incoming weight. Added to a loss, it goes to `weight` alone; the exact gradients,
    those through spike times, stay as they are.

    Parameters
    ----------
    weight : Tensor, [n_pre, n_post]
        Incoming weights of the population.
    counts : Tensor, [batch, n_post]
        Spike counts of the population, such as ``out.counts("hid")``.
    target : float or Tensor, [n_post]
        Wanted counts in a sample.
    strength : float
        Factor, >= 0.

    Returns
    -------
    Tensor, ()
        The penalty.

    Raises
    ------
    ParameterError
        If shapes do not fit.

    References
    ----------
    A choice of the field without a derivation; compare the regularisation of hidden spikes in Nowotny et al.,
    Loss shaping enhances exact gradient learning with EventProp in spiking neural networks, Neuromorphic
    Computing and Engineering (2025), doi:10.1088/2634-4386/ada852.

    Examples
    --------
    >>> import torch
    >>> from saltation.torch import rate_regularisation
    >>> weight = torch.zeros(2, 3, requires_grad=True)
    >>> penalty = rate_regularisation(weight, torch.tensor([[0, 2, 5]]), target=2.0, strength=0.1)
    >>> penalty.backward()
    >>> weight.grad
    tensor([[-0.2000,  0.0000,  0.3000],
            [-0.2000,  0.0000,  0.3000]])
    """
    _check("rate_regularisation", weight, counts)
    excess = counts.to(weight.dtype) - target
    penalty = 0.5 * strength * excess.square().sum(dim=1).mean()
    slope = strength * excess.mean(dim=0)
    linear = (weight * slope.detach()).sum()
    return penalty.detach() + (linear - linear.detach())


@torch.no_grad()
def bump_silent(weight: Tensor, counts: Tensor, amount: float) -> Tensor:
    """Raise, in place, all incoming weights of the neurons that are silent in a whole batch.

    ::

        w_ij := w_ij + amount    for all i, where  sum over samples of count_j = 0

    Parameters
    ----------
    weight : Tensor, [n_pre, n_post]
        Incoming weights of the population, changed in place, and without a trace in autograd: call it after
        ``backward`` and the step of the optimiser.
    counts : Tensor, [batch, n_post]
        Spike counts of the population, such as ``out.counts("hid")``.
    amount : float
        What is added.

    Returns
    -------
    Tensor of bool, [n_post]
        Which neurons were silent.

    Raises
    ------
    ParameterError
        If shapes do not fit.

    References
    ----------
    Göltz et al., Nature Machine Intelligence 3, 823 (2021), doi:10.1038/s42256-021-00388-x, methods.

    Examples
    --------
    >>> import torch
    >>> from saltation.torch import bump_silent
    >>> weight = torch.zeros(2, 3)
    >>> int(bump_silent(weight, torch.tensor([[0, 2, 0], [0, 0, 1]]), amount=0.5).sum())
    1
    >>> weight
    tensor([[0.5000, 0.0000, 0.0000],
            [0.5000, 0.0000, 0.0000]])
    """
    _check("bump_silent", weight, counts)
    silent = counts.sum(dim=0) == 0
    weight.add_(amount * silent.to(weight.dtype))
    return silent


def _check(owner: str, weight: Tensor, counts: Tensor) -> None:
    if weight.ndim != 2 or counts.ndim != 2 or counts.shape[1] != weight.shape[1]:
        raise ParameterError(
            f"{owner}.counts must be [batch, n_post] for a weight [n_pre, n_post]; got counts "
            f"{tuple(counts.shape)}, weight {tuple(weight.shape)}; take the counts of the population that "
            "the projection ends in"
        )
