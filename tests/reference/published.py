"""Architectures of the published baselines of NeuroBench, written from their descriptions; weights are as drawn.

Neurons hold the constants that those of snnTorch hold as buffers, in the types in which they were given, since the
published footprints count them.
"""

import torch
from torch import nn


class Neuron(nn.Module):
    """A leaky integrator with a threshold: ``V := beta V + x``, a spike at ``V > threshold``, then V := 0."""

    def __init__(self, beta, threshold, fires=True):
        super().__init__()
        self.register_buffer("threshold", torch.tensor(threshold))  # a whole number takes eight bytes
        self.register_buffer("graded_spikes_factor", torch.tensor(1.0))
        self.register_buffer("reset_mechanism_val", torch.tensor(0))
        self.register_buffer("beta", torch.tensor(beta))
        self.v, self.fires = None, fires

    def forward(self, x):
        v = x if self.v is None else self.beta * self.v + x
        spikes = (v > self.threshold).to(x.dtype)
        self.v = v * (1.0 - spikes) if self.fires else v
        return spikes if self.fires else v


def motor_snn(channels):
    """Spikes of `channels` -> 50 neurons -> 2 integrators; no biases. One step of 4 ms is a sample."""
    return nn.Sequential(
        nn.Linear(channels, 50, bias=False), Neuron(0.96, 1), nn.Linear(50, 2, bias=False), Neuron(0.96, 1, fires=False)
    )


class Motor(nn.Module):
    """A dense network of motor prediction; the window of its input is a buffer."""

    def __init__(self, channels, pieces):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(channels * pieces, 32),
            nn.ReLU(),
            nn.BatchNorm1d(32),
            nn.Linear(32, 48),
            nn.ReLU(),
            nn.BatchNorm1d(48),
            nn.Linear(48, 2),
        )
        self.register_buffer("window", torch.zeros(1, channels))

    def forward(self, x):
        return self.layers(x)


class MotorSNN3(nn.Module):
    """Seven pieces of a window, normalised, one after another through 32-48-2 neurons."""

    def __init__(self, channels):
        super().__init__()
        self.norm = nn.LayerNorm([7, channels])
        self.layers = nn.Sequential(
            nn.Linear(channels, 32),
            Neuron(0.5, 0.5),
            nn.Linear(32, 48),
            Neuron(0.5, 0.5),
            nn.Linear(48, 2),
            Neuron(0.5, 0.5, fires=False),
        )
        self.scale_x, self.scale_y = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))
        self.register_buffer("window", torch.zeros(1, channels))

    def forward(self, x):
        x = self.norm(x)
        for piece in range(7):
            out = self.layers(x[:, piece])
        return torch.stack([self.scale_x * out[:, 0], self.scale_y * out[:, 1]], dim=1)


def keyword_snn():
    """20 -> three layers of 256 -> 35 neurons; 200 steps are a sample."""
    layers = []
    for before, after in ((20, 256), (256, 256), (256, 256), (256, 35)):
        layers += [nn.Linear(before, after), Neuron(0.9, 1.0)]
    return nn.Sequential(*layers)


def m5(classes, inputs=1, channels=32, first=80, stride=16, pool=4):
    """Four convolutions over time, each with a normalisation and a pool, and a readout."""
    layers, before = [], inputs
    for after, taps, step in ((channels, first, stride), (channels, 3, 1), (2 * channels, 3, 1), (2 * channels, 3, 1)):
        layers += [nn.Conv1d(before, after, taps, stride=step), nn.BatchNorm1d(after), nn.ReLU(), nn.MaxPool1d(pool)]
        before = after
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(before, classes))


def gesture_snn():
    """Three convolutions of 5 x 5 with pools of two, and 11 neurons, on 32 x 32 pixels of two polarities."""
    layers, before = [], 2
    for after in (16, 32, 64):
        layers += [nn.Conv2d(before, after, 5, padding="same"), nn.MaxPool2d(2), Neuron(0.9, 1.5)]
        before = after
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(1024, 11), Neuron(0.8, 0.4))


class MackeyGlassLSTM(nn.Module):
    """A cell on a window of 50 points, goes on from its own state; the window and the state are buffers."""

    def __init__(self, hidden):
        super().__init__()
        self.cell = nn.LSTMCell(50, hidden, dtype=torch.float64)
        self.norm = nn.LayerNorm(50, dtype=torch.float64)
        self.activation = nn.ReLU()
        self.readout = nn.Linear(hidden, 1, dtype=torch.float64)
        for name, size in (("window", 50), ("h", hidden), ("c", hidden)):
            self.register_buffer(name, torch.zeros(1, size, dtype=torch.float64))

    def forward(self, x):
        h, c = self.h, self.c
        for point in x:
            h, c = self.cell(self.norm(point), (h, c))
            out = self.readout(self.activation(h))
        return out


class EchoState(nn.Module):
    """An echo state network: a bias and the input, a reservoir, and a readout of all of them.

    Weights are drawn in the order of the published code, so that the same seed connects the same units.
    """

    def __init__(self, units, probability, seed):
        super().__init__()
        torch.manual_seed(seed)
        given = torch.rand((units, 2), dtype=torch.float64) - 0.5
        connected = torch.rand((units, units), dtype=torch.float64) <= probability
        inner = torch.zeros(units, units, dtype=torch.float64)
        inner[connected] = torch.normal(0.0, 1.0, size=(int(connected.sum()),), dtype=torch.float64)
        self.given = nn.Linear(2, units, bias=False, dtype=torch.float64)
        self.inner = nn.Linear(units, units, bias=False, dtype=torch.float64)
        self.readout = nn.Linear(units + 2, 1, bias=False, dtype=torch.float64)
        with torch.no_grad():
            self.given.weight.copy_(given)
            self.inner.weight.copy_(inner / units)
        self.state = torch.full((1, units), 0.1, dtype=torch.float64)

    def forward(self, x):
        x = torch.cat([torch.ones(1, 1, dtype=torch.float64), x.reshape(1, 1)], dim=1)
        self.state = 0.4 * self.state + 0.6 * torch.tanh(self.inner(self.state) + self.given(x))
        return self.readout(torch.cat([x, self.state], dim=1))
