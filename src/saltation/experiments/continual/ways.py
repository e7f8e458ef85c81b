"""`make_method`: methods of continual learning by name."""

import torch
from torch import nn

from saltation.continual import AGEM, EWC, NTE, SI, Descent, Ensemble, Joint, LwF, Method, Replay, expert_parameters
from saltation.experiments.continual.settings import ENSEMBLES, Settings, sub_seed

__all__ = ["beyond_limit", "make_method"]


def beyond_limit(settings: Settings, module: nn.Module) -> int:
    """Count the initial values that `make_method` cuts to `max_delta`; 0 where there is no such limit."""
    if settings.method not in ENSEMBLES or settings.max_delta is None:
        return 0
    return sum(int((p.detach().abs() > settings.max_delta).sum()) for p in expert_parameters(module))


def make_method(settings: Settings, module: nn.Module) -> Method:
    """Make the method that the settings ask for.

    Of NTE, parameters beyond `max_delta` are cut to it before, as the paper's code does with the first update. With
    ``gradient_at="seed"`` gradients are taken at the initial parameters, and every `reseed_every` updates at those of
    then.

    Examples
    --------
    >>> from saltation.experiments.continual import recipe
    >>> from saltation.experiments.continual.networks import make_mlp
    >>> from saltation.experiments.continual.ways import make_method
    >>> type(make_method(recipe("ewc"), make_mlp(64, 10, hidden=10))).__name__
    'EWC'
    """
    name, seed = settings.method, sub_seed(settings.seed, "method")
    if name in ENSEMBLES:
        return _ensemble(settings, module, seed)
    optimiser = _optimiser(settings, module)
    if name in ("sgd", "momentum", "adam"):
        return Descent(module, optimiser, reset=settings.reset)
    if name == "ewc":
        return EWC(module, optimiser, strength=settings.strength, examples=settings.examples, seed=seed)
    if name == "si":
        return SI(module, optimiser, strength=settings.strength)
    if name == "lwf":
        return LwF(module, optimiser, strength=settings.strength)
    if name == "replay":
        return Replay(module, optimiser, capacity=settings.examples, seed=seed)
    if name == "agem":
        return AGEM(module, optimiser, capacity=settings.examples, drawn=settings.batch, seed=seed)
    return Joint(module, optimiser)


def _optimiser(settings: Settings, module: nn.Module) -> torch.optim.Optimizer:
    params = [p for p in module.parameters() if p.requires_grad]
    if settings.method == "adam":
        return torch.optim.Adam(params, lr=settings.lr, betas=(0.9, 0.99))
    return torch.optim.SGD(params, lr=settings.lr, momentum=settings.momentum)


def _ensemble(settings: Settings, module: nn.Module, seed: int) -> Ensemble:
    params, limit = expert_parameters(module), settings.max_delta
    if limit is not None:
        with torch.no_grad():
            for p in params:
                p.clamp_(-limit, limit)
    optimiser = NTE(
        params,
        settings.lr,
        tempering=settings.tempering,
        max_delta=limit,
        gradient_at=settings.gradient_at,  # type: ignore[arg-type]  one of the two, as checked there
        batch="sum" if settings.method == "nte-sum" else "product",
        renormalise=settings.method != "scaled-sgd",
        generator=torch.Generator().manual_seed(seed),
    )
    if settings.gradient_at == "seed":
        optimiser.reseed()  # at the origin itself a network with hidden layers is silent
    return Ensemble(module, optimiser, reseed_every=settings.reseed_every)
