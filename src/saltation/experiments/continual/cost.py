"""`beside_descent`: what an update of the tangent ensemble takes, and one of gradient descent beside it."""

import time
from collections.abc import Callable
from dataclasses import replace

import torch

from saltation.continual import Stream
from saltation.continual.learning import examples
from saltation.experiments.continual.networks import make_network
from saltation.experiments.continual.settings import ENSEMBLES, Settings
from saltation.experiments.continual.ways import make_method

__all__ = ["beside_descent"]

_REPEATS = 7


def beside_descent(settings: Settings, stream: Stream) -> dict[str, float] | None:
    """Time an update of the method, and one of gradient descent of the same network on the same batch, in turns.

    Networks of their own are trained for it, on the first batch of the first task; the shortest of some times counts.

    Returns
    -------
    dict, or None
        ``update_seconds``, ``descent_seconds`` and ``ratio``; None where the method is no ensemble, or runs on a chip,
        where both take the same runs of it.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from saltation.experiments.continual import recipe
    >>> from saltation.experiments.continual.cost import beside_descent
    >>> from saltation.experiments.continual.problems import make_stream
    >>> stream = make_stream("permuted-digits", tasks=2)
    >>> sorted(beside_descent(replace(recipe("nte"), stream="permuted-digits", hidden=10), stream))
    ['descent_seconds', 'ratio', 'update_seconds']
    """
    if settings.method not in ENSEMBLES or settings.backend != "exact":
        return None
    descent = replace(settings, method="sgd", tempering=1.0, max_delta=None, gradient_at="current", reseed_every=None)
    steps = [_step(each, stream) for each in (settings, descent)]
    best = [float("inf")] * len(steps)
    for _ in range(_REPEATS):
        for i, step in enumerate(steps):
            begin = time.perf_counter()
            step()
            best[i] = min(best[i], time.perf_counter() - begin)
    return {"update_seconds": best[0], "descent_seconds": best[1], "ratio": best[0] / best[1]}


def _step(settings: Settings, stream: Stream) -> Callable[[], object]:
    module, _ = make_network(settings, stream)
    method = make_method(settings, module)
    task = method.begin(examples(module, stream, 0, "train"))
    batch = task[torch.arange(min(settings.batch, len(task)))]
    method.step(batch)  # compiles what is to be compiled
    return lambda: method.step(batch)
