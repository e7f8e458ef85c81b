"""The operation of :mod:`saltation.torch.ops` for a plain call: nothing is traced, and the run itself goes back.

A custom operation flattens, copies and compares its arguments on every call, so that a compiler may take it apart. A
call on ordinary tensors needs none of that: the same forward and backward functions, in an `autograd.Function` that
holds on to the run.
"""

from collections.abc import Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor

from saltation import model
from saltation.engine import Run
from saltation.torch import ops
from saltation.torch.specification import Specification, registered

_PLAIN = (Tensor, torch.nn.Parameter)
# Arguments of `_Run` before the tensors.
_OTHERS = 7


def possible(tensors: Sequence[Tensor]) -> bool:
    """Whether nothing looks over the shoulder of a call on these tensors, neither a compiler nor a kind of its own."""
    return not torch.compiler.is_compiling() and all(type(tensor) in _PLAIN for tensor in tensors)


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
    held = _Held()
    return list(_Run.apply(held, key, sizes, records, duration, throw, None, *parameters, *stimulus, *observed))


@final
class _Held:
    """A run on its way from the forward function to the backward one; a list would be taken for a list of tensors."""

    __slots__ = ("run",)
    run: Run


@final
class _Run(torch.autograd.Function):
    @staticmethod
    def forward(
        held: "_Held",
        key: int,
        sizes: tuple[int, int, int],
        records: Mapping[str, model.Spikes],
        duration: float,
        throw: bool,
        _: None,
        *tensors: Tensor,
    ) -> tuple[Tensor, ...]:
        specification = registered(key)
        parameters, stimulus, observed = _cut(tensors, sizes)
        seen = ops.observations(specification, observed)
        held.run = ops.simulated(specification, parameters, stimulus, seen, records, duration, throw)
        return tuple(ops.outputs_of(specification, held.run))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.held, ctx.key, ctx.sizes, _, ctx.duration = inputs[:5]
        ctx.n_spikes = 3 * len(registered(ctx.key).spiking)
        spikes = output[: ctx.n_spikes]
        ctx.mark_non_differentiable(*spikes[1::3], *spikes[2::3], output[-1])
        ctx.set_materialize_grads(False)
        # The parameters for the check that nobody has changed them in place since.
        ctx.save_for_backward(*inputs[_OTHERS:], output[-1])

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        specification: Specification = registered(ctx.key)
        saved = ctx.saved_tensors
        parameters, stimulus, observed = _cut(saved[:-1], ctx.sizes)
        of_parameters, of_stimulus, _ = _cut(ctx.needs_input_grad[_OTHERS:], ctx.sizes)
        wanted = [i for i, need in enumerate(of_parameters) if need]
        wanted += [len(parameters) + i for i, need in enumerate(of_stimulus[::3]) if need]
        real = [*cotangents[: ctx.n_spikes : 3], *cotangents[ctx.n_spikes : -1]]
        ops.check_status(saved[-1])
        found = list(_Gradients.apply(ctx.held, specification, wanted, len(parameters), *saved[:-1], *real))
        gradients = dict(zip(wanted, found, strict=True))
        results: list[Tensor | None] = [gradients.get(i) for i in range(len(parameters))]
        for i in range(len(stimulus)):
            results.append(gradients.get(len(parameters) + i // 3) if i % 3 == 0 else None)
        return (*[None] * _OTHERS, *results, *[None] * len(observed))


@final
class _Gradients(torch.autograd.Function):
    """The backward pass as a function of its own: first derivatives, which have none themselves."""

    @staticmethod
    def forward(
        held: _Held,
        specification: Specification,
        wanted: Sequence[int],
        n_parameters: int,
        *tensors: Tensor | None,
    ) -> tuple[Tensor, ...]:
        real = tensors[len(tensors) - _n_real(specification) :]
        parameters = [tensor for tensor in tensors[:n_parameters] if tensor is not None]
        return tuple(ops.gradients(specification, held.run, real, wanted, parameters))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        raise ops.no_second_derivative()


def _n_real(specification: Specification) -> int:
    """Number of outputs that can have a cotangent: spike times, then recorded voltages."""
    return len(specification.spiking) + len(specification.voltages)


def _cut(values: Sequence[Any], sizes: tuple[int, int, int]) -> tuple[list[Any], list[Any], list[Any]]:
    first, second = sizes[0], sizes[0] + sizes[1]
    return list(values[:first]), list(values[first:second]), list(values[second:])
