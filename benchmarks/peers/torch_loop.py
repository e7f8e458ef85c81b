"""Training of a time-stepped network in PyTorch, the same for all peers that have none of their own."""

from typing import Any

import numpy as np
import torch
from protocol import Built, Data, Look, Setup, batches, binned


def linear(weight: np.ndarray, scale: float) -> torch.nn.Linear:
    """A layer without bias, of which the input has one, from weights [in, out]."""
    layer = torch.nn.Linear(*weight.shape, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight.T * scale))
    return layer


def train(net: torch.nn.Module, data: Data, setup: Setup, info: dict[str, Any]) -> Built:
    """Train `net`, which takes spikes [step, sample, 5] and gives (scores [sample, 3], number of hidden spikes)."""
    torch.set_num_threads(setup.threads)
    optimiser = torch.optim.Adam(net.parameters(), lr=data.learning_rate, fused=True)
    spikes = torch.from_numpy(binned(data)).transpose(0, 1).contiguous()
    labels = torch.from_numpy(data.labels)

    def step(chosen: torch.Tensor) -> float:
        optimiser.zero_grad()
        scores, _ = net(spikes[:, chosen])
        loss = torch.nn.functional.cross_entropy(scores, labels[chosen])
        loss.backward()
        optimiser.step()
        return loss.item()

    def epoch(order: np.ndarray) -> float:
        return float(np.mean([step(chosen) for chosen in torch.from_numpy(batches(order, data.batch))]))

    @torch.no_grad()
    def look() -> Look:
        scores, hidden = net(spikes)
        return Look(float(hidden) / len(labels), float((scores.argmax(1) == labels).double().mean()))

    common = {
        "gradient": "surrogate, backpropagation through time",
        "loss": "cross-entropy of the mean of leaky integrators over time",
        "precision": "float32",
    }
    return Built(epoch, look, {**common, **info})
