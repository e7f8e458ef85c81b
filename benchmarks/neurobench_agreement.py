"""Our counters, the package ``neurobench`` and plain loops on the same networks and inputs.

    pip install "saltation[neurobench]"
    python benchmarks/neurobench_agreement.py [--out benchmarks/results/neurobench_agreement.json]

Networks of PyTorch and snnTorch of different kinds, on which the package must be right, and the traps, where it is not
(`neurobench_cases.py`): for each, MACs, ACs and Dense of the package, of ours, and of loops over every product; who is
right; and why.  Of the networks that are no traps also footprint, connection sparsity, activation sparsity and membrane
updates (`neurobench_columns.py`).  Without data, in a minute.  It ends with an error if ours differs from the loops
anywhere, or the package is not as expected.
"""

import argparse
import contextlib
import io
import json
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

warnings.simplefilter("ignore")  # of the packages that are compared

import neurobench_columns as columns  # noqa: E402
import snntorch  # noqa: E402
import torch  # noqa: E402
from neurobench.benchmarks import Benchmark  # noqa: E402
from neurobench.metrics.workload import SynapticOperations  # noqa: E402
from neurobench.models import SNNTorchModel, TorchModel  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from neurobench_cases import Case, agreeing, traps  # noqa: E402

from reference import operations as slow  # noqa: E402
from saltation.neurobench import Complexity, count_torch, over_time  # noqa: E402

NAMES = ("Effective_MACs", "Effective_ACs", "Dense")
RESULTS = Path(__file__).parent / "results" / "neurobench_agreement.json"


# --------------------------------------------------------------------------------------------- the three counts
def package(case: Case) -> dict[str, float] | str:
    """What the package gives, or prints."""
    model = SNNTorchModel(case.net) if case.steps else TorchModel(case.net)
    case.prepare(model)
    loader = DataLoader(TensorDataset(case.x, torch.zeros(len(case.x))), batch_size=case.batch)
    said = io.StringIO()
    with torch.no_grad(), contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
        benchmark = Benchmark(model, loader, [], [], [[], [SynapticOperations]])
        found = benchmark.run()["SynapticOperations"]
    if isinstance(found, dict):
        return {name: float(found[name]) for name in NAMES}
    errors = [line for line in said.getvalue().splitlines() if line.startswith("Error")]
    return f"{found} ({errors[0]})"


def counted(case: Case) -> Complexity:
    forward = over_time(case.net, reset=lambda: snntorch.utils.reset(case.net)) if case.steps else None
    return count_torch(case.net, case.x.split(case.batch), forward=forward)


def ours(costs: Complexity) -> dict[str, float]:
    return {"Effective_MACs": costs.effective_macs, "Effective_ACs": costs.effective_acs, "Dense": costs.dense}


def loops(case: Case) -> dict[str, float]:
    """Every product one by one, at the inputs that the layers get."""
    if case.loops is not None:
        tally = case.loops(slow)
    else:
        tally = slow.Tally()
        for layer, inputs in calls(case):
            count_layer(tally, layer, inputs)
    return dict(zip(NAMES, (value / len(case.x) for value in tally.found), strict=True))


def calls(case: Case) -> list[tuple[nn.Module, tuple[Any, ...]]]:
    """Calls of layers with their inputs, in a run of the whole input at once."""
    seen: list[tuple[nn.Module, tuple[Any, ...]]] = []
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.RNNCellBase, nn.RNNBase)

    def keep(layer, args):
        seen.append((layer, args))

    handles = [m.register_forward_pre_hook(keep) for m in case.net.modules() if isinstance(m, kinds)]
    case.net.eval()
    run = over_time(case.net, reset=lambda: snntorch.utils.reset(case.net)) if case.steps else case.net
    with torch.no_grad():
        run(case.x)
    for handle in handles:
        handle.remove()
    return seen


def arrays(layer: nn.Module, *names: str) -> list[np.ndarray]:
    return [getattr(layer, name).detach().double().numpy() for name in names]


def count_layer(tally: "slow.Tally", layer: nn.Module, args: tuple[Any, ...]) -> None:
    x = args[0].detach().double().numpy()
    if isinstance(layer, nn.Linear):
        slow.linear(tally, x.reshape(-1, x.shape[-1]), *arrays(layer, "weight"))
    elif isinstance(layer, nn.ConvTranspose2d):
        how = (layer.stride, layer.padding, layer.dilation, layer.groups, layer.output_padding)
        slow.conv_transposed(tally, x, *arrays(layer, "weight"), *how)
    elif isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        padding = [(p, p) for p in layer.padding]
        slow.conv(tally, x, *arrays(layer, "weight"), layer.stride, padding, layer.dilation, layer.groups)
    elif isinstance(layer, nn.RNNCellBase):
        kind = {nn.RNNCell: "rnn_tanh", nn.GRUCell: "gru", nn.LSTMCell: "lstm"}[type(layer)]
        state = args[1] if len(args) > 1 else None
        zero = torch.zeros(len(x), layer.hidden_size)
        h, c = state if isinstance(state, tuple) else (zero if state is None else state, zero)
        weights = arrays(layer, "weight_ih", "weight_hh", "bias_ih", "bias_hh")
        for row in range(len(x)):
            slow.cell(tally, kind, x[row], h[row].double().numpy(), c[row].double().numpy(), weights)
    elif isinstance(layer, nn.RNNBase):
        names = [f"{name}_l0" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        kind = {"LSTM": "lstm", "GRU": "gru", "RNN_TANH": "rnn_tanh"}[layer.mode]
        sequences = x if layer.batch_first else x.swapaxes(0, 1)
        slow.recurrent(tally, kind, sequences.tolist(), [[arrays(layer, *names)]], (layer.hidden_size,) * 2)


# ------------------------------------------------------------------------------------------------------- report
def compare(case: Case, fresh: tuple[Case, Case] | None) -> dict[str, Any]:
    others = {} if fresh is None else columns.compare(case, counted(case), fresh)
    want, own, theirs = loops(case), ours(counted(case)), package(case)
    return {
        "name": case.name,
        "trap": case.trap,
        "loops": want,
        "saltation": own,
        "neurobench": theirs,
        "saltation_right": close(own, want),
        "neurobench_right": isinstance(theirs, dict) and close(theirs, want),
        "columns": others,
    }


def close(a: dict[str, float], b: dict[str, float]) -> bool:
    return all(abs(a[name] - b[name]) <= 1e-9 * max(1.0, abs(b[name])) for name in NAMES)


def built(make: Callable[[], list[Case]]) -> list[Case]:
    """Cases with the same weights and inputs each time."""
    torch.manual_seed(0)
    return make()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    first, second = built(agreeing), built(agreeing)
    given = built(lambda: [*agreeing(), *traps()])
    cases = [compare(case, (first[i], second[i]) if i < len(first) else None) for i, case in enumerate(given)]
    packages = ("neurobench", "snntorch", "torch", "numpy")
    record = {"versions": {name: version(name) for name in packages}, "cases": cases}
    args.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    wrong = []
    for case in cases:
        who = {name: "right" if case[f"{name}_right"] else "WRONG" for name in ("saltation", "neurobench")}
        print(f"{case['name']:<42} ours {who['saltation']}, package {who['neurobench']}  {case['trap']}")
        for name in ("loops", "saltation", "neurobench"):
            print(f"    {name:<12}{case[name]}")
        for name, each in case["columns"].items():
            print(f"    {name:<20}" + ", ".join(f"{who} {each[who]}" for who in ("loops", "saltation", "neurobench")))
        wrong += [f"{case['name']}: {name}" for name in columns.unexpected(case["columns"])]
        if not case["saltation_right"] or case["neurobench_right"] != (not case["trap"]):
            wrong.append(case["name"])
    print(f"{len(cases)} cases; not as expected: {wrong or 'none'}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
