"""`torch_classifier`: a PyTorch module as a `Classifier`."""

from collections.abc import Callable
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from saltation.continual.classifier import Classifier, Floats, Ints
from saltation.continual.gradients import check_vmap, per_example_function
from saltation.continual.spiking import SpikingModule, spiking_gradients
from saltation.errors import ParameterError
from saltation.torch.forward import jvp
from saltation.torch.samples import run_samples

__all__ = ["torch_classifier"]


def torch_classifier(module: nn.Module) -> Classifier:
    """Take a module whose output are logits as a `Classifier`.

    ::

        p(y | x, w) = softmax(module(x))_y

    The parameters are those that require a gradient, in the order of ``module.named_parameters()``. Gradients of each
    example come from ``torch.func``; those of a `SpikingModule` from EventProp, one adjoint pass for each example.

    Parameters
    ----------
    module : torch.nn.Module
        From inputs [batch, ...] to logits [batch, label]. An example may not depend on the others of its batch: batch
        normalisation has to be in evaluation mode.

    Returns
    -------
    Classifier
        It computes in the module's dtype, and gives float64. The module is not changed.

    Raises
    ------
    ParameterError
        If nothing is trained, examples depend on each other, or dropout is active.

    References
    ----------
    Benjamin, Pehle and Daruwalla, Continual learning with the neural tangent ensemble, 2024, arXiv:2408.17394.

    Examples
    --------
    >>> import torch
    >>> from saltation.continual import torch_classifier
    >>> classifier = torch_classifier(torch.nn.Linear(2, 3))
    >>> classifier.size, classifier.log_probabilities(classifier.parameters(), torch.ones(1, 2)).shape
    (9, (1, 3))
    """
    if not isinstance(module, nn.Module):
        raise ParameterError(f"torch_classifier.module must be a torch.nn.Module; got {type(module).__name__}")
    shapes = {name: p for name, p in module.named_parameters() if p.requires_grad}
    if not shapes:
        raise ParameterError("torch_classifier.module must have parameters that require a gradient; got none")
    if isinstance(module, SpikingModule):
        return _Spiking(module, _Packing(shapes))
    check_vmap("torch_classifier", module)
    noisy = [name for name, part in module.named_modules() if isinstance(part, _DropoutNd) and part.training and part.p]
    if noisy:
        raise ParameterError(
            f"torch_classifier: probabilities must be the same each time; got dropout {noisy[0]!r} in training: call "
            "module.eval() before"
        )
    return _Differentiable(module, _Packing(shapes))


@final
class _Packing:
    """From a flat vector to the parameters of a module, and back."""

    def __init__(self, parameters: dict[str, nn.Parameter]) -> None:
        self.shapes = {name: (p.shape, p.dtype, p.numel()) for name, p in parameters.items()}
        self.size = sum(n for _, _, n in self.shapes.values())

    def unpack(self, w: Floats) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        at = 0
        for name, (shape, dtype, n) in self.shapes.items():
            found[name] = torch.tensor(w[at : at + n], dtype=dtype).reshape(shape)
            at += n
        return found

    def pack(self, parts: dict[str, Tensor], batch: int | None = None) -> Floats:
        lead = () if batch is None else (batch,)
        flat = [parts[name].detach().double().reshape(*lead, n) for name, (_, _, n) in self.shapes.items()]
        return torch.cat(flat, dim=-1).numpy()


@final
class _Differentiable(Classifier):
    """A module that ``torch.func`` differentiates."""

    def __init__(self, module: nn.Module, packing: _Packing) -> None:
        self._module, self._packing = module, packing

    @property
    def size(self) -> int:
        return self._packing.size

    def parameters(self) -> Floats:
        return self._packing.pack(dict(self._module.named_parameters()))

    def log_probabilities(self, w: Floats, x: Any) -> Floats:
        with torch.no_grad():
            return _numpy(self._forward(x)(self._packing.unpack(w)))

    def loss_gradients(self, w: Floats, x: Any, y: Ints) -> Floats:
        gradients = per_example_function(self._module, nn.functional.cross_entropy)
        return self._packing.pack(gradients(self._packing.unpack(w), x, torch.from_numpy(np.asarray(y))), len(y))

    def tangent(self, w: Floats, x: Any, along: Floats) -> Floats:
        return _numpy(jvp(self._forward(x), [self._packing.unpack(w)], [self._packing.unpack(along)])[1])

    def _forward(self, x: Any) -> Callable[[dict[str, Tensor]], Tensor]:
        return lambda values: torch.func.functional_call(self._module, values, (x,)).log_softmax(dim=1)


@final
class _Spiking(Classifier):
    """A spiking network with an encoder and a readout, differentiated by the engine."""

    def __init__(self, module: SpikingModule, packing: _Packing) -> None:
        self._module, self._packing = module, packing

    @property
    def size(self) -> int:
        return self._packing.size

    def parameters(self) -> Floats:
        return self._packing.pack(dict(self._module.named_parameters()))

    def log_probabilities(self, w: Floats, x: Any) -> Floats:
        with torch.no_grad():
            logits = torch.func.functional_call(self._module, self._packing.unpack(w), (x,))
            return _numpy(logits.log_softmax(dim=1))

    def loss_gradients(self, w: Floats, x: Any, y: Ints) -> Floats:
        found = spiking_gradients(
            self._module, nn.functional.cross_entropy, x, torch.from_numpy(np.asarray(y)), self._packing.unpack(w)
        )
        return self._packing.pack(found, len(y))

    def tangent(self, w: Floats, x: Any, along: Floats) -> Floats:
        module = self._module
        samples = run_samples(module.snn, module.encode(x), module.duration, values=_own(self._packing.unpack(w)))
        moved = _own(self._packing.unpack(along))
        return _numpy(samples.tangent(moved, lambda output: module.readout(output).log_softmax(dim=1))[1])


def _own(values: dict[str, Tensor]) -> dict[str, Tensor]:
    """By the names that the network has for them inside the module."""
    return {name.removeprefix("snn."): value for name, value in values.items()}


def _numpy(tensor: Tensor) -> Floats:
    return tensor.detach().double().numpy()
