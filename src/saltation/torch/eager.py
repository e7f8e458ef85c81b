"""The operation of :mod:`saltation.torch.ops` for a plain call: nothing is traced, and the run itself goes back.

A custom operation flattens, copies and compares its arguments on every call, so that a compiler may take it apart. A
call on ordinary tensors needs none of that: the same forward and backward functions, in an `autograd.Function`. The run
hangs on one of its saved tensors, so that it is freed with them; where something has put others in their place, as
checkpointing does, it is made again.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor
from torch.utils._python_dispatch import _get_current_dispatch_mode

from saltation import model
from saltation.engine import Run
from saltation.torch import ops
from saltation.torch.specification import Specification, registered

_PLAIN = (Tensor, torch.nn.Parameter)


def possible(tensors: Sequence[Tensor]) -> bool:
    """Whether nothing looks over the shoulder of a call on these tensors: no compiler, no tracer, no other kind."""
    tracing = torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
    watched = tracing or torch.compiler.is_compiling() or _get_current_dispatch_mode() is not None
    return not watched and all(type(tensor) in _PLAIN for tensor in tensors)


def run(
    key: int,
    parameters: Sequence[Tensor],
    stimulus: Sequence[Tensor],
    observed: Sequence[Tensor],
    records: Mapping[str, model.Spikes],
    duration: float,
    throw: bool,
) -> list[Tensor]:
    """Outputs of `saltation.torch.ops.run`; ``records`` are the events of the stimulus that have been checked."""
    sizes = (len(parameters), len(stimulus), len(observed))
    call = _Call(registered(key), sizes, records, duration, throw, torch.empty(0))
    return list(_Run.apply(call, *parameters, *stimulus, *observed))


def transforming() -> bool:
    """Whether a transformation of `torch.func` is at work; where torch does not say so, it may be."""
    ask = getattr(torch._C, "_are_functorch_transforms_active", None)
    return True if ask is None else bool(ask())


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    """What a call is beside its tensors, of which there are ``sizes``: parameters, stimulus, observations.

    ``token`` carries the run from the forward function to the backward one.
    """

    specification: Specification
    sizes: tuple[int, int, int]
    records: Mapping[str, model.Spikes]
    duration: float
    throw: bool
    token: Tensor

    def simulate(self, tensors: Sequence[Tensor]) -> Run:
        parameters, stimulus, observed = self.cut(tensors)
        seen = ops.observations(self.specification, observed)
        return ops.simulated(self.specification, parameters, stimulus, seen, self.records, self.duration, self.throw)

    def cut(self, values: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        first, second = self.sizes[0], self.sizes[0] + self.sizes[1]
        return list(values[:first]), list(values[first:second]), list(values[second : sum(self.sizes)])


@final
class _Run(torch.autograd.Function):
    @staticmethod
    def forward(call: _Call, *tensors: Tensor) -> tuple[Tensor, ...]:
        result = call.simulate(tensors)
        call.token.run = result  # type: ignore[attr-defined]
        return tuple(ops.outputs_of(call.specification, result))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        call = inputs[0]
        # The tensors for the check that nobody has changed them in place since, too.
        ctx.save_for_backward(*inputs[1:], output[-1], call.token)
        ctx.call = _Call(call.specification, call.sizes, call.records, call.duration, call.throw, torch.empty(0))
        spikes = output[: 3 * len(call.specification.spiking)]
        ctx.mark_non_differentiable(*spikes[1::3], *spikes[2::3], output[-1])
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        call: _Call = ctx.call
        *tensors, status, token = ctx.saved_tensors
        ops.check_status(status)
        parameters, stimulus, observed = call.cut(tensors)
        of_parameters, of_stimulus, _ = call.cut(ctx.needs_input_grad[1:])
        wanted = [i for i, need in enumerate(of_parameters) if need]
        wanted += [len(parameters) + i for i, need in enumerate(of_stimulus[::3]) if need]
        n_spikes = 3 * len(call.specification.spiking)
        real = (*cotangents[:n_spikes:3], *cotangents[n_spikes:-1])
        # somebody may want a derivative of this, or the tensors are those of a transformation
        if torch.is_grad_enabled() or transforming():
            found: Sequence[Tensor] = _Gradients.apply(call, token, wanted, len(real), *tensors, *real)
        else:
            found = _adjoint_of(call, token, wanted, real, tensors)
        gradients = dict(zip(wanted, found, strict=True))
        results: list[Tensor | None] = [gradients.get(i) for i in range(len(parameters))]
        for i in range(len(stimulus)):
            results.append(gradients.get(len(parameters) + i // 3) if i % 3 == 0 else None)
        return (None, *results, *[None] * len(observed))


def _adjoint_of(
    call: _Call, token: Tensor, wanted: Sequence[int], cotangents: Sequence[Tensor | None], given: Sequence[Tensor]
) -> list[Tensor]:
    """Gradients for what is wanted of the ``given`` tensors, from the run that hangs on the token."""
    result = getattr(token, "run", None) or call.simulate(given)
    return ops.gradients(call.specification, result, cotangents, wanted, given[: call.sizes[0]])


@final
class _Gradients(torch.autograd.Function):
    """The backward pass as a function of its own: first derivatives, which have none themselves."""

    @staticmethod
    def forward(
        call: _Call, token: Tensor, wanted: Sequence[int], n_real: int, *tensors: Tensor | None
    ) -> tuple[Tensor, ...]:
        given = [tensor for tensor in tensors[: len(tensors) - n_real] if tensor is not None]
        return tuple(_adjoint_of(call, token, wanted, tensors[len(tensors) - n_real :], given))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        raise ops.no_second_derivative()


# `apply` asks each of them for its signature on every call, and finds this one at once
_Run.forward.__signature__ = inspect.signature(_Run.forward)  # type: ignore[attr-defined]
_Gradients.forward.__signature__ = inspect.signature(_Gradients.forward)  # type: ignore[attr-defined]
