"""The other columns for `neurobench_agreement.py`: footprint, sparsities and membrane updates, three times.

By loops: bytes of the net before it has run; weights, outputs of activations and entries of membranes one by one.
"""

import contextlib
import io
from typing import Any

import snntorch
import torch
from neurobench.benchmarks import Benchmark
from neurobench.metrics.static import ConnectionSparsity, Footprint
from neurobench.metrics.workload import ActivationSparsity, MembraneUpdates
from neurobench.models import SNNTorchModel, TorchModel
from neurobench_cases import Case
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from saltation.neurobench import Complexity, over_time

COLUMNS = ("Footprint", "ConnectionSparsity", "ActivationSparsity", "MembraneUpdates")
Columns = dict[str, float | None]

_WEIGHTS = ("weight", "weight_ih", "weight_hh")
_FUNCTIONS = "functional activations are not seen"
_NONE = "no activation is written as 0"

WHY: dict[tuple[str, str], str] = {
    ("residual path, layer called twice", "ActivationSparsity"): _FUNCTIONS,
    ("LSTM cell with its state", "ActivationSparsity"): _NONE,
    ("GRU cell with its state", "ActivationSparsity"): _NONE,
}
"""Where the package is expected to differ from the loops, and why."""


def package(case: Case) -> Columns:
    """What the package gives, for a net that has not run."""
    model = SNNTorchModel(case.net) if case.steps else TorchModel(case.net)
    loader = DataLoader(TensorDataset(case.x, torch.zeros(len(case.x))), batch_size=case.batch)
    workload = [ActivationSparsity, *([MembraneUpdates] if case.steps else [])]
    quiet = contextlib.redirect_stderr(io.StringIO())
    with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()), quiet:
        found = Benchmark(model, loader, [], [], [[Footprint, ConnectionSparsity], workload]).run()
    return {name: None if found.get(name) is None else float(found[name]) for name in COLUMNS}


def ours(costs: Complexity) -> Columns:
    found = costs.to_dict()
    return {name: found.get(name) for name in COLUMNS}


def loops(case: Case) -> Columns:
    """Each number one by one, from a net that has not run, and then sees all samples at once."""
    net = case.net.eval()
    size = sum(len(t.flatten().tolist()) * t.element_size() for t in (*net.parameters(), *net.buffers()))
    values = [value for module in net.modules() for name in _WEIGHTS for value in weights(module, name)]
    zeros, outputs, changed, neurons = watch(case, net)
    return {
        "Footprint": float(size),
        "ConnectionSparsity": values.count(0.0) / len(values),
        "ActivationSparsity": zeros / outputs if outputs else None,
        "MembraneUpdates": changed / len(case.x) if neurons else None,
    }


def weights(module: nn.Module, name: str) -> list[float]:
    """Of a connection layer; scales of a normalisation are no connections."""
    if isinstance(module, nn.BatchNorm1d):
        return []
    tensor = getattr(module, name, None)
    return tensor.flatten().tolist() if isinstance(tensor, torch.Tensor) else []


def watch(case: Case, net: nn.Module) -> tuple[int, int, int, int]:
    """Zeros among outputs of activations, outputs, changed entries of membranes, and neurons."""
    found = {"zeros": 0, "outputs": 0, "changed": 0}
    members: dict[nn.Module, list[float]] = {}

    def activated(output: torch.Tensor) -> None:
        listed = output.flatten().tolist()
        found["outputs"] += len(listed)
        found["zeros"] += listed.count(0.0)

    def after(module: Any, args: Any, output: Any) -> None:
        activated(output[0] if isinstance(output, tuple) else output)
        if isinstance(module, snntorch.SpikingNeuron):
            new = module.mem.flatten().tolist()
            old = members.get(module, [0.0] * len(new))
            found["changed"] += sum(a != b for a, b in zip(old, new, strict=True))
            members[module] = new

    for module in net.modules():
        if isinstance(module, snntorch.SpikingNeuron | nn.ReLU):
            module.register_forward_hook(after)
    run = over_time(net, reset=lambda: snntorch.utils.reset(net)) if case.steps else net
    with torch.no_grad():
        run(case.x)
        if case.activations is not None:
            for output in case.activations(net, case.x):
                activated(output)
    return found["zeros"], found["outputs"], found["changed"], len(members)


def compare(case: Case, costs: Complexity, fresh: tuple[Case, Case]) -> dict[str, Any]:
    """The three of each column, and who is right; the package gives four digits of connection sparsity.

    Neurons of snnTorch keep what they were last at: loops and package get the same case anew.
    """
    want, own, theirs = loops(fresh[0]), ours(costs), package(fresh[1])
    result: dict[str, Any] = {}
    for name in COLUMNS:
        result[name] = {
            "loops": want[name],
            "saltation": own[name],
            "neurobench": theirs[name],
            "saltation_right": close(own[name], want[name], 1e-12),
            "neurobench_right": close(theirs[name], want[name], 5.1e-5 if name == "ConnectionSparsity" else 1e-6),
            "why": WHY.get((case.name, name), ""),
        }
    return result


def close(a: float | None, b: float | None, tolerance: float) -> bool:
    return a is b if a is None or b is None else abs(a - b) <= tolerance * max(1.0, abs(b))


def unexpected(columns: dict[str, Any]) -> list[str]:
    """Columns in which ours is wrong, or the package is not as expected."""
    return [
        name
        for name, each in columns.items()
        if not each["saltation_right"] or each["neurobench_right"] == bool(each["why"])
    ]
