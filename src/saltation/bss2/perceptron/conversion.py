"""`convert`: a trained model of floats as layers of the chip, scaled by what a batch shows."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
import torch
from torch import Tensor, nn

from saltation.bss2.mac.connection import (
    Units,
    connected,
    get_mock_parameter,
    init_hardware,
    restored_on_error,
    set_mock_parameter,
)
from saltation.bss2.mac.gain import gain_and_noise
from saltation.bss2.mac.ranges import ACTIVATION_MAX, INPUTS, OUTPUT_MAX, OUTPUT_MIN, WEIGHT_MAX
from saltation.bss2.perceptron.convolution import windows
from saltation.bss2.perceptron.nn import Conv1d, Conv2d, ConvertingReLU, Layer, Linear, MACLayer
from saltation.errors import ParameterError
from saltation.model.checks import integer, number

_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d)
_ON_HOST = (nn.Flatten, nn.MaxPool1d, nn.MaxPool2d)
_NOTHING = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d)
_PARTS = (nn.Sequential, *_WEIGHTED, nn.ReLU, *_ON_HOST, *_NOTHING)
_HOOKS = ("_forward_hooks", "_forward_pre_hooks")
_KNOWN = "Sequential of Linear, Conv1d, Conv2d, ReLU, Flatten, MaxPool1d, MaxPool2d, Dropout and Identity"
# Numbers of the calibration batch that decide a scale.
_ENOUGH = 2**23


@final
@dataclass(frozen=True)
class ScaledInput:
    """Inputs of a model as activations: scaled; where there are negative ones, in two parts.

    ::

        y = scale x,    or  scale [max(x, 0), max(-x, 0)]  along the features or channels

    Attributes
    ----------
    scale : float
        Activation for an input of 1.
    signed : bool
        Whether in two parts: the layer then has twice as many inputs.
    clip : bool
        Whether activations beyond 31 are clipped; else the chip refuses them.
    dimension : int
        Of the features or channels.

    Examples
    --------
    >>> import torch
    >>> ScaledInput(10.0, signed=True)(torch.tensor([1.0, -2.0]))
    tensor([10.,  0.,  0., 20.])
    """

    scale: float
    signed: bool = False
    clip: bool = False
    dimension: int = -1

    def __call__(self, x: Tensor) -> Tensor:
        """Activations of inputs."""
        y = self.scale * (torch.cat([x.relu(), (-x).relu()], self.dimension) if self.signed else x)
        return y.clamp(max=ACTIVATION_MAX) if self.clip else y


@final
class Rescale(nn.Module):
    """From LSB back to the units of the converted model: multiply by a number that is not trained.

    Parameters
    ----------
    factor : float
        The number.

    Examples
    --------
    >>> import torch
    >>> Rescale(0.5)(torch.tensor([3.0]))
    tensor([1.5000])
    """

    factor: Tensor

    def __init__(self, factor: float) -> None:
        nn.Module.__init__(self)
        self.register_buffer("factor", torch.tensor(float(factor)))

    def forward(self, input: Tensor) -> Tensor:
        """Scaled."""
        return input * self.factor

    def extra_repr(self) -> str:
        """The number."""
        return f"{float(self.factor):.4g}"


def convert(
    model: nn.Module,
    calibration_batch: Tensor,
    *,
    unit: Units | None = None,
    mock: bool = False,
    shift: int = 1,
    reach: float = 80.0,
    percentile: float = 99.9,
    clip_inputs: bool = False,
    wait_between_events: int = 5,
    avg: int = 1,
) -> nn.Sequential:
    r"""Make layers of the chip out of a trained model, to be run as they are or trained further.

    For each layer with weights ``W``, whose inputs are activations of ``s`` for 1::

        c         = min(31 2**shift / largest output, reach / largest partial sum)      LSB for an output of 1
        num_sends = ceil(c max|W| / (63 gain s)),    weight = c W / (gain num_sends s)
        bias      = mean of (c (W x + b) - what the chip gives without bias), and what rounding takes
        s of the next layer = c / 2**shift

    Largest values are a percentile over the batch, those of inputs the maximum. The last layer has ``c = reach /
    largest output``, and `Rescale` behind it. Biases are found on the chip, layer after layer, so that they make up
    for offsets of its neurons too. Inputs with negative values are sent in two parts, `ScaledInput`, to a first layer
    with weights ``[W, -W]``.

    Parameters
    ----------
    model : torch.nn.Module
        A Sequential, also a nested one, of Linear, Conv1d, Conv2d (without dilation and groups), ReLU, Flatten, pooling
        by the maximum, which stays on the host, Dropout and Identity, which are left out. Between two layers with
        weights there is a ReLU. It is not changed.
    calibration_batch : Tensor, [batch, ...]
        Inputs as those that will come.
    unit : optional
        What it is to run on: `init_hardware` connects to it, and `set_mock_parameter` gets its measured gain and noise.
        None: what is connected, with the gain that is set.
    mock : bool
        In the ideal mode, with the numbers of `set_mock_parameter`.
    shift : int
        Of `ConvertingReLU` behind each layer but the last.
    reach : float
        LSB up to which a result may be trusted to be linear.
    percentile : float
        What of outputs and partial sums need not saturate, in per cent.
    clip_inputs : bool
        Clip inputs beyond the largest of the batch; else they are refused when they come.
    wait_between_events : int
        From one event to the next, in periods of 8 ns.
    avg : int
        So many outputs with the same weights are averaged in the last layer, which is a Linear: see `Linear`.

    Returns
    -------
    torch.nn.Sequential
        Its weights and biases are in LSB: they are trained with steps of about 0.1, where those of the model took
        about 0.001.

    Raises
    ------
    ParameterError
        If the model has a part that the chip does not have, or one with a forward, hooks or parametrizations of its
        own, or the batch does not go through it.
    SimulationError
        If nothing is connected, without ``unit`` and ``mock``.

    Examples
    --------
    >>> import torch
    >>> from saltation.bss2.mac import Ideal
    >>> from saltation.bss2.perceptron import MockParameter, convert, release_hardware, set_mock_parameter
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 3))
    >>> x = torch.rand(100, 64)
    >>> chip_model = convert(model, x, unit=Ideal())
    >>> with torch.no_grad():
    ...     error = chip_model(x) - model(x)
    >>> bool(error.abs().mean() < 0.1)
    True
    >>> release_hardware()
    >>> set_mock_parameter(MockParameter())
    """
    shift = integer("convert", "shift", shift)
    reach = number("convert", "reach", reach, minimum=0.0, strict=True)
    percentile = number("convert", "percentile", percentile, minimum=0.0, strict=True)
    avg = integer("convert", "avg", avg, minimum=1)
    before, stages = _parsed(model)
    batch = _checked(calibration_batch)
    if avg > 1 and not isinstance(stages[-1].module, nn.Linear):
        raise ParameterError(
            f"convert.avg must be 1 where the last layer is no Linear; got {avg} and {stages[-1].module}"
        )
    if unit is not None and mock:
        raise ParameterError("convert: unit is where it runs, mock that it runs on none; give one of them")
    with restored_on_error():
        if unit is not None:
            init_hardware(unit)
            set_mock_parameter(gain_and_noise(connected().units))
        elif not mock:
            connected()
        with torch.no_grad():
            x = _through(before, batch)
            signed, largest = bool((x < 0).any()), float(x.abs().max()) or 1.0
            scale = ACTIVATION_MAX / largest
            modules = [copy.deepcopy(each) for each in before]
            chip_x = x
            for n, stage in enumerate(stages):
                weighted = stage.module
                first = ScaledInput(scale, signed, clip_inputs, -1 if isinstance(weighted, nn.Linear) else 1)
                lsb = _output_scale(
                    stage, first(x) / scale if n == 0 else x, signed and n == 0, shift, reach, percentile
                )
                own_avg = avg if n == len(stages) - 1 else 1
                layer = _layer(weighted, lsb, scale, first if n == 0 else None, mock, wait_between_events, own_avg)
                modules.append(layer)
                y = weighted(x)
                _set_bias(layer, chip_x, lsb * y, shift if stage.rectified else None)
                own = [
                    ConvertingReLU(shift, mock) if isinstance(m, nn.ReLU) else copy.deepcopy(m) for m in stage.behind
                ]
                modules += own
                x, chip_x = _through(stage.behind, y), _through(own, layer(chip_x))
                scale = lsb / 2**shift if stage.rectified else lsb
    # behind a last ReLU there are activations; without one, LSB of the result
    return nn.Sequential(*modules, Rescale(1.0 / scale))


def use_mock(model: nn.Module, mock: bool = True) -> nn.Module:
    """Set all layers of a model to the ideal mode, or to the chip, and give the model back.

    Examples
    --------
    >>> import saltation.bss2.perceptron as hxtorch
    >>> hxtorch.use_mock(hxtorch.nn.Linear(4, 2, bias=False))
    Linear(in_features=4, out_features=2, bias=False, num_sends=34, mock=True)
    """
    for module in model.modules():
        if isinstance(module, Layer):
            module.mock = mock
    return model


# ------------------------------------------------------------------------------------------------ private
@dataclass
class _Stage:
    """A layer with weights, and what is behind it."""

    module: nn.Linear | nn.Conv1d | nn.Conv2d
    behind: list[nn.Module] = field(default_factory=list)

    @property
    def rectified(self) -> bool:
        return any(isinstance(each, nn.ReLU) for each in self.behind)


def _parsed(model: nn.Module) -> tuple[list[nn.Module], list[_Stage]]:
    """What comes before the first weights, and the rest."""
    if not isinstance(model, nn.Module):
        raise ParameterError(f"convert.model must be a torch.nn.Module; got {type(model).__name__}")
    before: list[nn.Module] = []
    stages: list[_Stage] = []
    for module in _flat(model):
        behind = stages[-1].behind if stages else before
        if isinstance(module, _WEIGHTED):
            if stages and not stages[-1].rectified:
                raise ParameterError(
                    f"convert.model: {module} follows {stages[-1].module} without a ReLU between them, and activations "
                    "of the chip have no sign; multiply the weights of both, or put a ReLU between"
                )
            _check_weighted(module)
            stages.append(_Stage(module))
        elif isinstance(module, nn.ReLU):
            if not any(isinstance(each, nn.ReLU) for each in behind):
                behind.append(nn.ReLU())  # not in place
        elif isinstance(module, _ON_HOST):
            behind.append(module)
        elif not isinstance(module, _NOTHING):
            raise ParameterError(f"convert.model must be a {_KNOWN}; got {type(module).__name__}{_hint(module)}")
    if not stages:
        raise ParameterError(f"convert.model must have weights: a {_KNOWN}; got none")
    return before, stages


def _flat(model: nn.Module) -> list[nn.Module]:
    _check_plain(model)
    if isinstance(model, nn.Sequential):
        return [each for part in model for each in _flat(part)]
    return [model]


def _check_plain(module: nn.Module) -> None:
    """Refuse what does more than its class of torch: only that is converted."""
    kind = next((each for each in _PARTS if isinstance(module, each)), None)
    if kind is None:
        return  # refused, or told, where it stands
    name = type(module).__name__
    if type(module).forward is not kind.forward or "forward" in vars(module):
        raise ParameterError(
            f"convert.model: {name} has a forward of its own, of which a {kind.__name__} would be left; write what it "
            f"does as a {_KNOWN}"
        )
    if any(getattr(module, hooks) for hooks in _HOOKS):
        raise ParameterError(
            f"convert.model: {name} has hooks, as of weight_norm or spectral_norm, that a chip would not run; remove "
            "them before"
        )
    if nn.utils.parametrize.is_parametrized(module):
        raise ParameterError(
            f"convert.model: {name} has parametrized weights; torch.nn.utils.parametrize.remove_parametrizations("
            "module, name) leaves plain ones"
        )


def _check_weighted(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        return
    assert isinstance(module, nn.Conv1d | nn.Conv2d)
    if set(module.dilation) != {1} or module.groups != 1 or isinstance(module.padding, str):
        raise ParameterError(
            f"convert.model: dilation and groups of {module} must be 1, and its padding numbers; take a layer for each "
            "group, and a kernel with zeros for a dilation"
        )


def _hint(module: nn.Module) -> str:
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        return "; fold it into the weights before: torch.nn.utils.fusion.fuse_conv_bn_eval, fuse_linear_bn_eval"
    return ""


def _checked(batch: Tensor) -> Tensor:
    if not isinstance(batch, Tensor) or not batch.is_floating_point() or not batch.numel():
        raise ParameterError(
            "convert.calibration_batch must be a tensor of floats [batch, ...]; got none, or another type"
        )
    if not batch.isfinite().all():
        raise ParameterError("convert.calibration_batch must be finite; got NaN or infinity")
    return batch.detach()


def _through(modules: Sequence[nn.Module], x: Tensor) -> Tensor:
    for module in modules:
        x = module(x)
    return x


def _output_scale(stage: _Stage, x: Tensor, signed: bool, shift: int, reach: float, percentile: float) -> float:
    """LSB for an output of 1, from inputs whose parts of both signs are apart."""
    module = stage.module
    weight = module.weight.detach()
    if signed:
        weight = torch.cat([weight, -weight], dim=1)
    x = x[: max(1, _ENOUGH // max(1, x[0].numel() * weight.shape[0]))]
    vectors = x if isinstance(module, nn.Linear) else _windows(module, x)
    vectors = vectors.reshape(-1, vectors.shape[-1])
    matrix = weight.flatten(1).t()
    partial = torch.stack([a @ b for a, b in zip(vectors.split(INPUTS, dim=1), matrix.split(INPUTS), strict=True)])
    y = partial.sum(dim=0) + (0.0 if module.bias is None else module.bias.detach())
    ceiling, counted = (ACTIVATION_MAX * 2.0**shift, y.relu()) if stage.rectified else (reach, y.abs())
    found = [(ceiling, _largest(counted, percentile)), (reach, _largest(partial.abs(), percentile))]
    return min((limit / value for limit, value in found if value > 0.0), default=1.0)


def _windows(module: nn.Conv1d | nn.Conv2d, x: Tensor) -> Tensor:
    padding = [int(size) for size in reversed(module.padding) for _ in range(2)]
    mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
    return windows(nn.functional.pad(x, padding, mode), module.kernel_size, module.stride)


def _largest(values: Tensor, percentile: float) -> float:
    return float(np.percentile(values.cpu().numpy(), min(percentile, 100.0)))


def _layer(
    module: nn.Linear | nn.Conv1d | nn.Conv2d,
    lsb: float,
    scale: float,
    first: ScaledInput | None,
    mock: bool,
    wait_between_events: int,
    avg: int,
) -> MACLayer:
    weight = module.weight.detach()
    if first is not None and first.signed:
        weight = torch.cat([weight, -weight], dim=1)
    gain, largest = get_mock_parameter().gain, float(weight.abs().max())
    num_sends = max(1, math.ceil(lsb * largest / (WEIGHT_MAX * gain * scale) - 1e-9))
    own = {
        "num_sends": num_sends,
        "wait_between_events": wait_between_events,
        "mock": mock,
        "input_transform": first,
    }
    if isinstance(module, nn.Linear):
        layer: MACLayer = Linear(weight.shape[1], weight.shape[0], avg=avg, **own)
    else:
        kind = Conv1d if isinstance(module, nn.Conv1d) else Conv2d
        assert not isinstance(module.padding, str)  # checked before
        edges = (module.kernel_size, module.stride, module.padding)
        layer = kind(weight.shape[1], weight.shape[0], *edges, padding_mode=module.padding_mode, **own)
    layer.to(weight.device)
    layer.weight.copy_(weight * (lsb / (gain * num_sends * scale)))
    return layer


def _set_bias(layer: MACLayer, x: Tensor, expected: Tensor, shift: int | None) -> None:
    """A bias with which the mean of each output is that of the model, and with it what rounding down takes."""
    assert layer.bias is not None
    layer.bias.zero_()
    difference = expected.clamp(OUTPUT_MIN, OUTPUT_MAX) - layer(x)
    channel = difference.dim() - 1 if isinstance(layer, Linear) else 1
    mean = difference.mean(dim=[n for n in range(difference.dim()) if n != channel])
    # half of what is shifted out, and half of an LSB where the bias itself is rounded down
    lost = 0.0 if shift is None else (2.0**shift - 1.0) / 2.0
    rounded = 0.5 if shift is not None or isinstance(layer, Linear) else 0.0
    layer.bias.copy_(mean + lost + rounded)
