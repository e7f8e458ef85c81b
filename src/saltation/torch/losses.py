"""Losses of spike times and of voltages, and the accuracy of a first spike.

First spike times are [batch, neuron] in seconds, inf where a neuron is silent. A time that does not exist
moves with no parameter: its exact derivative is zero. What each loss makes of silence is said below, and none
gives a NaN.

Labels are the numbers of neurons, from 0 on. Others are refused, except under the compiler, which does not look at
values.
"""

import math

import torch
from torch import Tensor

from saltation.errors import ParameterError
from saltation.model.checks import at_first, explain
from saltation.torch import eager


def ttfs_cross_entropy(
    first: Tensor, labels: Tensor, *, tau0: float, tau1: float | None = None, alpha: float = 0.0
) -> Tensor:
    """Cross-entropy of first spike times, where the earliest spike wins, with a pull to early spikes.

    ::

        L = mean over samples of  -log(exp(-t_l / tau0) / sum_n exp(-t_n / tau0)) + alpha (exp(t_l / tau1) -
        1)

    with l the label. Silent neurons leave the softmax. A sample whose label neuron is silent contributes
    neither value nor gradient, while the mean stays one over the whole batch: watch `ttfs_silent_labels`,
    since a small loss alone may be silence, and see `saltation.torch.bump_silent`.

    Parameters
    ----------
    first : Tensor, [batch, neuron]
        First spike times in seconds, inf where silent.
    labels : Tensor of int64, [batch]
        The neuron that should spike first.
    tau0 : float
        Scale of differences of times, in seconds, > 0.
    tau1 : float, optional
        Scale of the pull to early spikes, in seconds, > 0; needed where alpha is not 0.
    alpha : float
        Strength of that pull, >= 0.

    Returns
    -------
    Tensor, ()
        The loss.

    Raises
    ------
    ParameterError
        If an argument is not allowed.

    References
    ----------
    Göltz et al., Nature Machine Intelligence 3, 823 (2021), doi:10.1038/s42256-021-00388-x; Wunderlich and
    Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> import torch
    >>> from saltation.torch import ttfs_cross_entropy
    >>> first = torch.tensor([[10e-3, 12e-3, torch.inf]])
    >>> round(ttfs_cross_entropy(first, torch.tensor([0]), tau0=2e-3).item(), 4)
    0.3133
    """
    _check_scores("ttfs_cross_entropy", "first", first, labels)
    _check_positive("ttfs_cross_entropy.tau0", tau0, "times are in seconds")
    if not 0.0 <= alpha < math.inf:
        raise ParameterError(
            f"ttfs_cross_entropy.alpha must be >= 0 and finite; got {alpha!r}; it weighs a penalty of late spikes"
        )
    if tau1 is not None:
        _check_positive("ttfs_cross_entropy.tau1", tau1, "times are in seconds")
    of_label = first.gather(1, labels[:, None])[:, 0]
    fired = torch.isfinite(of_label)
    # Where before the logarithm and not after it: a masked inf would still make a NaN on the way back.
    times = torch.where(fired[:, None], first, torch.zeros_like(first))
    losses = torch.nn.functional.cross_entropy(-times / tau0, labels, reduction="none")
    if alpha > 0.0:
        if tau1 is None:
            raise ParameterError("ttfs_cross_entropy.tau1 must be given where alpha > 0; got None; it is in seconds")
        losses = losses + alpha * torch.expm1(torch.where(fired, of_label, torch.zeros_like(of_label)) / tau1)
    return torch.where(fired, losses, torch.zeros_like(losses)).mean()


def ttfs_silent_labels(first: Tensor, labels: Tensor) -> Tensor:
    """Count the samples whose label neuron is silent, int64; `ttfs_cross_entropy` leaves them out.

    Examples
    --------
    >>> import torch
    >>> from saltation.torch import ttfs_silent_labels
    >>> ttfs_silent_labels(torch.tensor([[10e-3, torch.inf]] * 3), torch.tensor([0, 1, 1]))
    tensor(2)
    """
    _check_scores("ttfs_silent_labels", "first", first, labels)
    return torch.isinf(first.gather(1, labels[:, None])).sum()


def ttfs_accuracy(first: Tensor, labels: Tensor) -> Tensor:
    """Share of samples in which the label's neuron spikes first, float64.

    Of several neurons that spike first at once, the one with the lowest number wins. A sample in which all
    are silent is wrong.

    Examples
    --------
    >>> import torch
    >>> from saltation.torch import ttfs_accuracy
    >>> first = torch.tensor([[2e-3, 1e-3], [1e-3, 1e-3], [torch.inf, torch.inf]])
    >>> round(ttfs_accuracy(first, torch.tensor([1, 0, 0])).item(), 3)
    0.667
    """
    _check_scores("ttfs_accuracy", "first", first, labels)
    earliest = first.amin(dim=1, keepdim=True)
    # Not argmin: which of several equal ones it gives is not promised on all devices.
    places = torch.arange(first.shape[1], device=first.device).expand_as(first)
    winner = torch.where(first == earliest, places, first.shape[1]).amin(dim=1)
    return ((winner == labels) & torch.isfinite(earliest[:, 0])).double().mean()


def spike_time_mse(first: Tensor, target: Tensor, *, silent_time: float | None = None) -> Tensor:
    """Mean squared error of first spike times.

    ::

        L = mean over samples and neurons of  (t_n - target_n)^2

    Neurons whose target is inf are left out. A silent neuron with a target contributes no gradient, and to
    the value nothing or, with `silent_time`, what it would if it had spiked then; to make it spike needs
    `saltation.torch.bump_silent`. The mean is one over all times that have a target.

    Parameters
    ----------
    first : Tensor, [batch, neuron]
        First spike times in seconds, inf where silent.
    target : Tensor, broadcastable to [batch, neuron]
        Wanted times in seconds; inf where any is as good. A NaN or -inf is refused; under the compiler, which does not
        look at values, a NaN makes the loss NaN.
    silent_time : float, optional
        Time in seconds that stands for silence in the value of the loss, such as the duration.

    Returns
    -------
    Tensor, ()
        The loss, in seconds squared.

    Raises
    ------
    ParameterError
        If an argument is not allowed.

    References
    ----------
    Bohte et al., Neurocomputing 48, 17 (2002), doi:10.1016/S0925-2312(01)00658-0.

    Examples
    --------
    >>> import torch
    >>> from saltation.torch import spike_time_mse
    >>> first = torch.tensor([[10e-3, torch.inf]], dtype=torch.float64)
    >>> spike_time_mse(first, torch.tensor([[12e-3, 5e-3]], dtype=torch.float64)).item()
    2e-06
    """
    try:
        given = target.to(first.dtype)
        wanted = given.expand_as(first)
    except RuntimeError:
        raise ParameterError(
            f"spike_time_mse.target must broadcast to the shape of first, {tuple(first.shape)}; got "
            f"{tuple(target.shape)}"
        ) from None
    if _known(given):
        bad = ~(given > -math.inf)
        _refuse("spike_time_mse.target", given, bad, "times, or inf where any is as good", "use inf")
    asked = wanted != math.inf  # a NaN is asked for, so that it stays one
    fired = torch.isfinite(first)
    instead = wanted if silent_time is None else torch.full_like(first, silent_time)
    zero = torch.zeros_like(first)
    times = torch.where(asked, torch.where(fired, first, instead), zero)
    squares = (times - torch.where(asked, wanted, zero)).square()
    return squares.sum() / asked.sum().clamp(min=1)


def max_over_time_cross_entropy(v: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of the largest voltage of each neuron over time.

    ::

        L = mean over samples of  -log(exp(v_l) / sum_n exp(v_n)),    v_n = max over t of V_n(t)

    Parameters
    ----------
    v : Tensor, [batch, neuron]
        Maxima, as ``MaxVoltage()`` records them; or voltages ``[batch, time, neuron]``, of which the maxima
        are taken.
    labels : Tensor of int64, [batch]
        The neuron that should reach highest.

    Returns
    -------
    Tensor, ()
        The loss.

    Raises
    ------
    ParameterError
        If an argument is not allowed.

    References
    ----------
    Wunderlich and Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> import torch
    >>> from saltation.torch import max_over_time_cross_entropy
    >>> round(max_over_time_cross_entropy(torch.tensor([[1.0, 0.0]]), torch.tensor([0])).item(), 4)
    0.3133
    """
    largest = v.amax(dim=1) if v.ndim == 3 else v
    _check_scores("max_over_time_cross_entropy", "v", largest, labels)
    return torch.nn.functional.cross_entropy(largest, labels)


def _check_scores(owner: str, name: str, scores: Tensor, labels: Tensor) -> None:
    if scores.ndim != 2 or not scores.is_floating_point():
        raise ParameterError(
            f"{owner}.{name} must be [batch, neuron], floating point; got shape {tuple(scores.shape)}, dtype "
            f"{str(scores.dtype).removeprefix('torch.')}"
        )
    if labels.shape != scores.shape[:1] or labels.dtype != torch.int64:
        raise ParameterError(
            f"{owner}.labels must be int64 [{scores.shape[0]}], one neuron for each sample; got shape "
            f"{tuple(labels.shape)}, dtype {str(labels.dtype).removeprefix('torch.')}; one-hot labels become "
            "numbers by .argmax(1)"
        )
    if _known(labels):
        n = scores.shape[1]
        must = f"from 0 to {n - 1}, the numbers of the neurons"
        _refuse(f"{owner}.labels", labels, (labels < 0) | (labels >= n), must, "classes are counted from 0")


def _known(values: Tensor) -> bool:
    """Whether values can be looked at: no compiler, tracer or transformation is at work, and there are values."""
    # the compiler first, which then follows nothing of the rest
    if torch.compiler.is_compiling():
        return False
    return eager.possible((values,)) and not eager.transforming() and not values.is_meta


def _refuse(where: str, given: Tensor, bad: Tensor, must: str, hint: str) -> None:
    if bool(bad.any()):
        text = at_first(given.detach().cpu().numpy(), bad.cpu().numpy())
        raise ParameterError(explain(where, must, text, hint))


def _check_positive(where: str, value: float, hint: str) -> None:
    if not 0.0 < value < math.inf:
        raise ParameterError(f"{where} must be > 0 and finite; got {value!r}; {hint}")
