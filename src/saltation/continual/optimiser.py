"""`NTE`: the rule of the tangent ensemble as an optimiser of PyTorch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias, final

import torch
from torch import Tensor, nn

from saltation.continual.outer import OuterProducts, log_factors
from saltation.continual.report import NTEReport
from saltation.errors import GradientError, ParameterError
from saltation.model.checks import number

__all__ = ["NTE"]

_WHERE = ("origin", "initial")
_WHEN = ("current", "seed")
_HOW = ("product", "sum")
_Parts: TypeAlias = list[tuple[dict[str, Any], nn.Parameter]]


@final
class NTE(torch.optim.Optimizer):
    """The update of the neural tangent ensemble: posterior weights of one expert for each parameter.

    ::

        w_i = w0_i + delta_i,     s_i = sign(delta_i),     g_ik = d loss_k / dw_i of example k
        |delta_i| := |delta_i| prod_k max(1 - lr s_i g_ik, floor)^tempering
        |delta_i| := |delta_i| z / sum_j |delta_j|          z: the sum in the beginning
        |delta_i| := min(|delta_i|, max_delta)

    The rule is multiplicative: no displacement changes its sign, and one that is zero stays zero. With the origin as
    seed point that is true of the weights themselves: excitatory synapses stay excitatory (Dale's law), and what the
    network begins with decides more than under gradient descent. The product runs over the examples, so that each needs
    a gradient of its own: `per_example_gradients` leaves it where `step` finds it, and `step` uses it up.

    Parameters
    ----------
    params : iterable of Parameter or of groups
        What is trained; `expert_parameters` leaves out normalisation layers, whose scales are no experts. Groups may
        have their own ``lr``, ``tempering`` and ``max_delta``; the sum is one over all of them.
    lr : float
        Strength of the likelihood, > 0.
    tempering : float
        Power of the likelihood, >= 0.
    max_delta : float, optional
        Upper limit of ``|delta|``; the paper has 0.1. The next rescaling gives what it cuts to the others.
    seed_point : {"origin", "initial"}
        ``w0``: zero, so that the weights are the displacements; or the values in the beginning, to which displacements
        drawn from a normal distribution are added.
    gradient_at : {"current", "seed"}
        Where gradients are taken: at the present parameters, or at fixed ones, the seed point until `reseed`, by means
        of `at_gradient_point`. The theory holds for the second, what learns is the first.
    batch : {"product", "sum"}
        "product": over the examples. "sum": one factor ``1 - lr s sum_k g_k`` for the batch, from ``parameter.grad`` of
        a loss that is summed over it, an approximation that is as cheap as gradient descent.
    renormalise : bool
        Whether the sum is kept; without it, and with one example, a step is gradient descent with the rate ``lr |w|``.
    noise : float
        Standard deviation of the displacements of ``seed_point="initial"``, and, at the origin, of what replaces
        parameters that are zero; with 0 these stay dead.
    floor : float
        Least factor of an example, > 0: smaller ones, negative ones too, are raised to it and counted in `report`. By
        default about a millionth, a power of two, so that float32 holds what it is compared with.
    generator : torch.Generator, optional
        Of the noise.

    Raises
    ------
    ParameterError
        If an argument is not allowed, or `max_delta` would cut values in the beginning.

    References
    ----------
    Benjamin, Pehle and Daruwalla, Continual learning with the neural tangent ensemble, 2024, arXiv:2408.17394,
    algorithm 1.

    Examples
    --------
    >>> import torch
    >>> from saltation.continual import NTE, expert_parameters, per_example_gradients
    >>> _ = torch.manual_seed(1)
    >>> module = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2))
    >>> optimiser = NTE(expert_parameters(module), lr=0.1)
    >>> x, y = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])
    >>> for _ in range(30):
    ...     _ = per_example_gradients(module, x, y)
    ...     optimiser.step()
    >>> module(x).argmax(dim=1).tolist(), optimiser.report().clamped
    ([0, 1], 0)
    """

    def __init__(
        self,
        params: Any,
        lr: float = 0.01,
        *,
        tempering: float = 1.0,
        max_delta: float | None = None,
        seed_point: Literal["origin", "initial"] = "origin",
        gradient_at: Literal["current", "seed"] = "current",
        batch: Literal["product", "sum"] = "product",
        renormalise: bool = True,
        noise: float = 1e-3,
        floor: float = 2.0**-20,
        generator: torch.Generator | None = None,
    ) -> None:
        for name, value, allowed in (
            ("seed_point", seed_point, _WHERE),
            ("gradient_at", gradient_at, _WHEN),
            ("batch", batch, _HOW),
        ):
            if value not in allowed:
                raise ParameterError(f"NTE.{name} must be {' or '.join(map(repr, allowed))}; got {value!r}")
        self._seed_point, self._gradient_at, self._batch = seed_point, gradient_at, batch
        self._noise = number("NTE", "noise", noise, minimum=0.0)
        self._floor = number("NTE", "floor", floor, minimum=0.0, maximum=1.0, strict=True)
        if seed_point == "initial" and not self._noise:
            raise ParameterError(
                "NTE.noise must be > 0 where seed_point is 'initial'; got 0; without displacements there are no experts"
            )
        self._renormalise, self._generator = bool(renormalise), generator
        self._at_point = False
        defaults = {"lr": lr, "tempering": tempering, "max_delta": max_delta, "radius": 0.0, "counts": {}}
        torch.optim.Optimizer.__init__(self, params, defaults)

    @property
    def sums(self) -> bool:
        """Whether it takes one gradient, summed over the batch, and not one of each example."""
        return self._batch == "sum"

    # ------------------------------------------------------------------------------------- the beginning
    @torch.no_grad()
    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters; the sum that is kept grows by theirs."""
        torch.optim.Optimizer.add_param_group(self, param_group)
        group = self.param_groups[-1]
        number("NTE", "lr", group["lr"], minimum=0.0, strict=True)
        number("NTE", "tempering", group["tempering"], minimum=0.0)
        group["counts"] = {"steps": 0, "examples": 0, "clamped": 0, "revived": 0}
        radius = self.param_groups[0]["radius"]
        for p in group["params"]:
            group["counts"]["revived"] += self._begin(p)
            delta = self._delta(p)
            self._check_limit(group["max_delta"], delta)
            radius += float(delta.abs().sum(dtype=torch.float64))
        if radius == 0.0:
            raise ParameterError(
                "NTE.params are all zero, and a zero never moves; give noise > 0, or values that are not zero"
            )
        for each in self.param_groups:
            each["radius"] = radius

    def _begin(self, p: nn.Parameter) -> int:
        """Put a parameter where it begins; give how many zeros were replaced."""
        if self._seed_point == "initial":
            self.state[p]["seed"] = p.detach().clone()
            self.state[p]["delta"] = self._random(p)
            p.add_(self.state[p]["delta"])
            return 0
        zero = p == 0
        if not self._noise or not bool(zero.any()):
            return 0
        p.copy_(torch.where(zero, self._random(p), p))
        return int(zero.sum())

    def _random(self, p: Tensor) -> Tensor:
        return self._noise * torch.randn(p.shape, generator=self._generator, dtype=p.dtype, device=p.device)

    def _check_limit(self, limit: float | None, delta: Tensor) -> None:
        if limit is None:
            return
        number("NTE", "max_delta", limit, minimum=0.0, strict=True)
        largest = float(delta.abs().max()) if delta.numel() else 0.0
        if largest > float(delta.new_tensor(limit)):
            raise ParameterError(
                f"NTE.max_delta must be at least the largest |delta| in the beginning, {largest:.3g}; got {limit!r}; "
                "leave out normalisation layers (expert_parameters), take seed_point='initial', or clamp the values "
                "before"
            )

    # ------------------------------------------------------------------------------------------ gradients
    @contextmanager
    def at_gradient_point(self) -> Iterator[None]:
        """Put the parameters, inside of a ``with`` block, where gradients are taken.

        With ``gradient_at="seed"`` they are the seed point, or where `reseed` was called; with "current" they stay.
        """
        if self._gradient_at == "current":
            yield
            return
        params = [p for group in self.param_groups for p in group["params"]]
        with torch.no_grad():
            for p in params:
                state = self.state[p]
                state["held"] = p.detach().clone()
                point = state.get("point", state.get("seed"))
                p.zero_() if point is None else p.copy_(point)
        try:
            yield
        finally:
            with torch.no_grad():
                for p in params:
                    p.copy_(self.state[p].pop("held"))
        self._at_point = True

    @torch.no_grad()
    def reseed(self) -> None:
        """Take gradients at the present parameters from now on; displacements stay as they are.

        Raises
        ------
        ParameterError
            If gradients are not taken at a fixed point.
        """
        if self._gradient_at != "seed":
            raise ParameterError(f"NTE.reseed needs gradient_at='seed'; got {self._gradient_at!r}")
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["point"] = p.detach().clone()

    @torch.no_grad()
    def accumulate(self) -> None:
        """Take the examples' gradients into the product, and forget them; `step` does so by itself.

        Raises
        ------
        ParameterError
            If there are none, or not one for each example.
        GradientError
            If at the origin a whole array has no gradient.
        """
        self._check_place()
        batches: set[int] = set()
        fresh: list[tuple[nn.Parameter, Tensor]] = []
        clamped = 0
        for group in self.param_groups:
            for p in group["params"]:
                found = self._taken(p)
                if found is None:
                    continue
                self._check_alive(p, found)
                batches.add(len(found))
                given = (self._delta(p).sign(), group["lr"], self._floor)
                factored = isinstance(found, OuterProducts)
                exponents, raised = found.log_factors(*given) if factored else log_factors(found, *given)
                fresh.append((p, exponents))
                clamped += raised
        if len(batches) != 1:
            raise ParameterError(_NO_GRADIENTS[self._batch] if not batches else _UNEQUAL.format(sorted(batches)))
        for p, exponents in fresh:
            state = self.state[p]
            state["log"] = exponents if "log" not in state else state["log"] + exponents
        counts = self.param_groups[0]["counts"]
        counts["examples"] += batches.pop()
        counts["clamped"] += clamped

    def _check_place(self) -> None:
        inside = "held" in self.state[self.param_groups[0]["params"][0]]
        if self._gradient_at == "seed" and not (self._at_point or inside):
            raise ParameterError(
                "NTE: with gradient_at='seed' gradients have to be taken inside of 'with optimiser.at_gradient_point()'"
            )

    def _taken(self, p: nn.Parameter) -> Tensor | OuterProducts | None:
        if self._batch == "sum":
            found, p.grad = p.grad, None
            return None if found is None else found.unsqueeze(0)
        found = getattr(p, "grad_sample", None)
        if found is None:
            return None
        if found.shape[1:] != p.shape:
            raise ParameterError(
                f"NTE: grad_sample must be [batch, {', '.join(map(str, p.shape))}]; got {tuple(found.shape)}; "
                "per_example_gradients makes it"
            )
        p.grad_sample = None  # type: ignore[attr-defined]
        return found

    def _check_alive(self, p: nn.Parameter, found: Tensor | OuterProducts) -> None:
        fixed = self._gradient_at == "seed" and self._seed_point == "origin" and "point" not in self.state[p]
        if fixed and not bool(found.any()):
            raise GradientError(
                f"NTE: at the origin, an array of shape {tuple(p.shape)} has no gradient at all: a network with hidden "
                "layers is silent there; take seed_point='initial', gradient_at='current', or reseed()"
            )

    # ----------------------------------------------------------------------------------------------- step
    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Make an update out of all examples since the last one.

        Parameters
        ----------
        closure : callable, optional
            Makes the gradients, by `per_example_gradients` or ``backward``, and gives the loss; it is called where
            gradients are taken.

        Returns
        -------
        What the closure gave, or None.

        Raises
        ------
        ParameterError
            If there are no gradients, or not where they should have been taken.
        GradientError
            If a gradient is not finite; the parameters are then as they were.
        """
        loss = None
        if closure is not None:
            with self.at_gradient_point(), torch.enable_grad():
                loss = closure()
        parts = [(group, p) for group in self.param_groups for p in group["params"]]
        new, norm = self._at_once(parts) or self._in_logarithms(parts)
        if not 0.0 < norm < float("inf"):
            raise GradientError(
                f"NTE.step needs gradients that are finite; got a sum of |delta| of {norm}; an earlier step may have "
                "been too large: take a smaller lr"
            )
        scale = self.param_groups[0]["radius"] / norm if self._renormalise else 1.0
        for (group, p), delta in zip(parts, new, strict=True):
            delta = torch.mul(delta, scale, out=p if self._seed_point == "origin" else delta)
            if group["max_delta"] is not None:
                delta.clamp_(-group["max_delta"], group["max_delta"])
            if self._seed_point == "initial":
                # kept beside the sum, in which a small displacement would lose its digits
                self.state[p]["delta"] = delta
                torch.add(self.state[p]["seed"], delta, out=p)
        self.param_groups[0]["counts"]["steps"] += 1
        self._at_point = False
        return loss

    def _in_logarithms(self, parts: _Parts) -> tuple[list[Tensor], float]:
        """Displacements times the products of all examples since the last step, up to a common factor; their sum."""
        name = "grad" if self.sums else "grad_sample"
        waiting = any("log" in self.state[p] for _, p in parts)
        if not waiting or any(getattr(p, name, None) is not None for _, p in parts):
            self.accumulate()
        exponents = [self.state[p].pop("log") if "log" in self.state[p] else torch.zeros_like(p) for _, p in parts]
        for (group, _), exponent in zip(parts, exponents, strict=True):
            if group["tempering"] != 1.0:
                exponent.mul_(group["tempering"])
        # The rescaling cancels it, and without it a large factor would overflow.
        top = max(float(e.max()) for e in exponents) if self._renormalise else 0.0
        new = [e.sub_(top).exp_().mul_(self._delta(p)) for (_, p), e in zip(parts, exponents, strict=True)]
        return new, sum(float(delta.abs().sum(dtype=torch.float64)) for delta in new)

    def _at_once(self, parts: _Parts) -> tuple[list[Tensor], float] | None:
        """Displacements times one factor each, and their sum; None where that is not all there is to do.

        It is the case of a summed gradient, none of whose factors is near the floor: logarithms would cost more than
        the gradient itself.
        """
        simple = self.sums and not any("log" in self.state[p] or group["tempering"] != 1.0 for group, p in parts)
        gradients = [p.grad for _, p in parts if p.grad is not None]
        if (
            not simple
            or len(gradients) != len(parts)
            or not all(
                group["lr"] * _largest(g) < 1.0 - self._floor for (group, _), g in zip(parts, gradients, strict=True)
            )
        ):
            return None
        self._check_place()
        new: list[Tensor] = []
        norm = 0.0
        for (_, p), gradient in zip(parts, gradients, strict=True):
            self._check_alive(p, gradient)
        for (group, p), gradient in zip(parts, gradients, strict=True):
            delta = self._delta(p)
            size = delta.abs()
            # All factors are finite, so that nothing can go wrong from here on: in place, where there is no seed.
            new.append(torch.addcmul(delta, size, gradient, value=-group["lr"], out=delta))
            norm += float(torch.abs(delta, out=size).sum(dtype=torch.float64))
            p.grad = None
        self.param_groups[0]["counts"]["examples"] += 1
        return new, norm

    def _delta(self, p: Tensor) -> Tensor:
        """Displacement of a parameter; one that somebody else has moved is displaced by as much."""
        state = self.state[p]
        here = state.get("held", p)
        if "seed" not in state:
            return here
        return torch.where(here == state["seed"] + state["delta"], state["delta"], here - state["seed"])

    @torch.no_grad()
    def report(self) -> NTEReport:
        """Tell what was clamped, what is at its limit or dead, and how many experts count."""
        counts = {
            key: sum(group["counts"][key] for group in self.param_groups) for key in self.param_groups[0]["counts"]
        }
        limited = dead = experts = 0
        total = weighted = 0.0
        for group in self.param_groups:
            for p in group["params"]:
                size = self._delta(p).abs().double()
                experts += size.numel()
                dead += int((size == 0).sum())
                if group["max_delta"] is not None:
                    limited += int((size >= float(p.new_tensor(group["max_delta"]))).sum())
                total += float(size.sum())
                weighted += float(torch.special.xlogy(size, size).sum())
        # the entropy of |delta| / total
        effective = float(torch.tensor(total).double().log().sub(weighted / total).exp()) if total else 0.0
        return NTEReport(experts=experts, limited=limited, dead=dead, effective=effective, **counts)


def _largest(gradient: Tensor) -> float:
    """Largest absolute value; NaN where there is one. Many times faster than a norm."""
    if not gradient.numel():
        return 0.0
    low, high = torch.aminmax(gradient)
    return max(-float(low), float(high))


_NO_GRADIENTS = {
    "product": "NTE.step needs a gradient for each example, in parameter.grad_sample; got none; call "
    "per_example_gradients(module, x, y) before, or take batch='sum' with a loss summed over the batch",
    "sum": "NTE.step with batch='sum' needs parameter.grad; got none; call loss.backward() before, of a loss that is "
    "summed over the batch",
}
_UNEQUAL = "NTE: the gradients of all parameters must be of the same examples; got batches of {} examples"
