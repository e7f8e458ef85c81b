"""The benchmark's two baselines, an echo state network and an LSTM, as PyTorch modules that are counted as they run."""

import abc
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from saltation.errors import ParameterError
from saltation.model.checks import integer, number
from saltation.neurobench.counting.torch_model import count_torch
from saltation.neurobench.report import Complexity
from saltation.neurobench.tasks.chaotic import Predictor, known_points, steps_to_predict

__all__ = ["LSTM", "EchoState"]

Floats = npt.NDArray[np.float64]

WARM_UP = 45
"""Points that the readout of an echo state network does not learn from: 0.6 Lyapunov times."""


@final
class EchoState(Predictor):
    """An echo state network: a random recurrent layer, and a linear readout by ridge regression.

    ::

        z = tanh(W r + W_in (1, x)),    r := (1 - leakage) r + leakage z,    x_next = W_out (1, x, r)

    The defaults are the published row with 186 units.

    Parameters
    ----------
    units : int
        Size of the recurrent layer.
    bias_scale, input_scale : float
        Ranges of ``W_in``: its entries are uniform between -scale / 2 and scale / 2.
    probability : float
        Of a recurrent weight to be there; those that are, are normal.
    radius : float
        Size to which the first eigenvalue is scaled that LAPACK gives, as in the baseline; it need not be the largest.
    leakage, ridge : float
        As above; the penalty is on the sum over samples.
    seed : int
        Of the weights; the baseline takes the number of the run.

    References
    ----------
    Yik et al., NeuroBench, arXiv:2304.04640. H. Jaeger, H. Haas, Science 304, 78 (2004), doi:10.1126/science.1091277.

    Examples
    --------
    >>> from saltation.neurobench.tasks import EchoState, mackey_glass, window
    >>> echo = EchoState()
    >>> echo.fit(window(mackey_glass(points=1501)).known)
    >>> echo.predict(3).shape, echo.costs().dense, echo.costs().footprint
    ((3,), 35156.0, 281248)
    """

    def __init__(
        self,
        units: int = 186,
        *,
        bias_scale: float = 0.68,
        input_scale: float = 0.85,
        probability: float = 0.11,
        radius: float = 1.09,
        leakage: float = 0.58,
        ridge: float = 1e-8,
        seed: int = 0,
    ) -> None:
        n = integer("EchoState", "units", units, minimum=1)
        for name, value in (("probability", probability), ("radius", radius), ("leakage", leakage), ("ridge", ridge)):
            number("EchoState", name, value, minimum=0.0)
        self.leakage, self.ridge = leakage, ridge
        generator = torch.Generator().manual_seed(integer("EchoState", "seed", seed))
        # in the baseline's order of draws
        scales = torch.tensor([bias_scale, input_scale], dtype=torch.float64)
        into = scales * (torch.rand((n, 2), dtype=torch.float64, generator=generator) - 0.5)
        there = torch.rand((n, n), dtype=torch.float64, generator=generator) <= probability
        around = torch.zeros((n, n), dtype=torch.float64)
        around[there] = torch.normal(0.0, 1.0, (int(there.sum()),), dtype=torch.float64, generator=generator)
        first = float(torch.linalg.eigvals(around)[0].abs())
        if not first:
            raise ParameterError(
                f"EchoState: the first eigenvalue of {n} units with probability {probability} is 0, and cannot be "
                "scaled to a radius; take more units, or a higher probability"
            )
        self._module = _Reservoir(into, radius * around / first, leakage)
        self._start: Any = None
        self._steps = 0

    def fit(self, known: Floats) -> None:
        """Run through the known points, and solve for the readout."""
        self._start, self._steps = None, 0
        known = known_points("EchoState", known)
        if len(known) <= WARM_UP + 1:
            raise ParameterError(f"EchoState.fit.known must hold more than {WARM_UP + 1} points; got {len(known)}")
        inputs = torch.from_numpy(known.copy())
        with torch.no_grad():
            state = torch.zeros((1, self._module.recurrent.in_features), dtype=torch.float64)
            rows = []
            for x in inputs[:-1]:
                seen, state = self._module.step(x.reshape(1, 1), state)
                rows.append(seen)
            states, targets = torch.cat(rows)[WARM_UP:], inputs[1 + WARM_UP :, None]
            square = states.T @ states + self.ridge * torch.eye(states.shape[1], dtype=torch.float64)
            solved = torch.linalg.lstsq(square, states.T @ targets, driver="gelsd").solution
            self._module.readout.weight.copy_(solved.T)
        self._start = (inputs[-1].reshape(1, 1), state)

    def predict(self, steps: int) -> Floats:
        """Step by step."""
        self._steps = steps_to_predict("EchoState", steps, fitted=self._start is not None)
        with torch.no_grad():
            return self._module(self._start, self._steps).numpy()

    def costs(self) -> Complexity:
        """Counted while it predicts once more; its state is no part of the footprint, as in the published row."""
        return _counted("EchoState", self._module, self._start, self._steps)


@final
class LSTM(Predictor):
    """An LSTM over normalised windows of points: the published row with 100 units, or 40 as the script has it.

    ::

        h, c = LSTM(LayerNorm(x_k-49 .. x_k), (h, c)),    x_k+1 = W max(h, 0) + b

    Before the first known point there are zeros. All known points are one sequence, whose gradient goes back to its
    start at each step of training.

    Parameters
    ----------
    units : int
        Hidden units.
    window : int
        Points in the window.
    epochs : int
        Steps of training.
    rate, decay : float
        Of Adam: learning rate, and L2 penalty.
    seed : int
        Of the first weights; the baseline takes the number of the run.

    References
    ----------
    Yik et al., NeuroBench, arXiv:2304.04640.

    Examples
    --------
    >>> from saltation.neurobench.tasks import LSTM, mackey_glass, window
    >>> lstm = LSTM(epochs=1)
    >>> lstm.fit(window(mackey_glass(points=1501)).known)
    >>> lstm.predict(3).shape, lstm.costs().dense, lstm.costs().footprint
    ((3,), 60400.0, 490008)
    """

    def __init__(
        self,
        units: int = 100,
        *,
        window: int = 50,
        epochs: int = 200,
        rate: float = 0.005,
        decay: float = 0.001,
        seed: int = 0,
    ) -> None:
        self.epochs = integer("LSTM", "epochs", epochs)
        self.rate = number("LSTM", "rate", rate, minimum=0.0, strict=True)
        self.decay = number("LSTM", "decay", decay, minimum=0.0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(integer("LSTM", "seed", seed))
            units, window = (integer("LSTM", n, v, minimum=1) for n, v in (("units", units), ("window", window)))
            self._module = _Recurrent(units, window)
        self._start: Any = None
        self._steps = 0

    def fit(self, known: Floats) -> None:
        """Train on the whole sequence, and run through it once more for the state."""
        self._start, self._steps = None, 0
        points = torch.from_numpy(known_points("LSTM", known).copy())
        module = self._module
        width = module.points.shape[1]
        padded = torch.cat([torch.zeros(width - 1, dtype=torch.float64), points[:-1]])
        inputs, targets = padded.unfold(0, width, 1), points[1:, None]
        optimiser = torch.optim.Adam(module.parameters(), lr=self.rate, weight_decay=self.decay)
        for _ in range(self.epochs):
            loss = nn.functional.mse_loss(module.sequence(inputs, module.state())[0], targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        with torch.no_grad():
            _, state = module.sequence(inputs, module.state())
        first = torch.cat([padded, points[-1:]])[-width:].reshape(1, -1)
        self._start = (first, state)

    def predict(self, steps: int) -> Floats:
        """Step by step."""
        self._steps = steps_to_predict("LSTM", steps, fitted=self._start is not None)
        with torch.no_grad():
            return self._module(self._start, self._steps).numpy()

    def costs(self) -> Complexity:
        """Counted while it predicts once more."""
        return _counted("LSTM", self._module, self._start, self._steps)


def _counted(owner: str, module: "_Continuing", start: Any, steps: int) -> Complexity:
    if not steps:
        raise ParameterError(f"{owner}.costs: nothing was predicted yet; call fit and predict first")
    return count_torch(module, [start], forward=lambda first: module(first, steps), samples=lambda _: steps)


class _Continuing(nn.Module, abc.ABC):
    """A module that goes on by itself from a start, for a number of steps."""

    @abc.abstractmethod
    def forward(self, start: Any, steps: int) -> Tensor:
        """Predictions, ``[step]``."""


@final
class _Reservoir(_Continuing):
    def __init__(self, into: Tensor, around: Tensor, leakage: float) -> None:
        super().__init__()
        n = around.shape[0]
        self.leakage = leakage
        self.into = nn.Linear(2, n, bias=False, dtype=torch.float64)
        self.recurrent = nn.Linear(n, n, bias=False, dtype=torch.float64)
        self.readout = nn.Linear(n + 2, 1, bias=False, dtype=torch.float64)
        with torch.no_grad():
            self.into.weight.copy_(into)
            self.recurrent.weight.copy_(around)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """What the readout sees, and the next state."""
        given = torch.cat([torch.ones_like(x), x], dim=1)
        # no activation layer, as in the published row, whose activation sparsity is 0 for that reason
        z = torch.tanh(self.recurrent(state) + self.into(given))
        state = (1.0 - self.leakage) * state + self.leakage * z
        return torch.cat([given, state], dim=1), state

    def forward(self, start: tuple[Tensor, Tensor], steps: int) -> Tensor:
        x, state = start
        found = []
        for _ in range(steps):
            seen, state = self.step(x, state)
            x = self.readout(seen)
            found.append(x)
        return torch.cat(found).reshape(-1)


@final
class _Recurrent(_Continuing):
    def __init__(self, units: int, window: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(window, units, dtype=torch.float64)
        self.activation = nn.ReLU()
        self.readout = nn.Linear(units, 1, dtype=torch.float64)
        self.norm = nn.LayerNorm(window, dtype=torch.float64)
        # what it keeps between steps is in the footprint
        self.points: Tensor
        self.h: Tensor
        self.c: Tensor
        self.register_buffer("points", torch.zeros((1, window), dtype=torch.float64))
        self.register_buffer("h", torch.zeros((1, units), dtype=torch.float64))
        self.register_buffer("c", torch.zeros((1, units), dtype=torch.float64))

    def state(self) -> tuple[Tensor, Tensor]:
        """The state before the first point."""
        return self.h, self.c

    def sequence(self, inputs: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Predictions ``[step, 1]`` for windows ``[step, point]``, and the state after them."""
        hidden, state = self.lstm(self.norm(inputs), state)
        return self.readout(self.activation(hidden)), state

    def forward(self, start: tuple[Tensor, tuple[Tensor, Tensor]], steps: int) -> Tensor:
        points, state = start
        found = []
        for _ in range(steps):
            prediction, state = self.sequence(points, state)
            found.append(prediction)
            points = torch.cat([points[:, 1:], prediction], dim=1)
        return torch.cat(found).reshape(-1)
