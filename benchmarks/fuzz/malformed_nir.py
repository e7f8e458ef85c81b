"""Malformed NIR files for `fuzz_readers.py`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import saltation as sal

Rng = np.random.Generator
NEURON = "node/nodes/maps"


class Content:
    """A network that compares by what it holds."""

    def __init__(self, network: sal.Network) -> None:
        self.network = network

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Content):
            return NotImplemented
        mine, its = self.network, other.network
        return dict(mine.populations) == dict(its.populations) and dict(mine.projections) == dict(its.projections)

    __hash__ = None  # pyright: ignore[reportAssignmentType]


def network() -> sal.Network:
    rng = np.random.default_rng(0)
    net = sal.Network()
    conv = sal.Conv2d((1, 4, 4), 2, 2, stride=2)
    net.add("input", sal.Input(16))
    net.add("maps", sal.LIF(8, tau_mem=rng.uniform(5e-3, 20e-3, 8)))
    net.add("hidden", sal.LIF(3, tau_syn_exc=3e-3, tau_syn_inh=5e-3))
    net.add("readout", sal.LI(2))
    net.connect("input", "maps", weight=rng.normal(size=conv.weight_shape), connectivity=conv, name="conv")
    net.connect("maps", "hidden", weight=rng.normal(size=(8, 3)), receptor="exc", name="fc", delay=1e-3)
    net.connect("hidden", "hidden", weight=rng.normal(size=(3, 3)), receptor="inh", name="rec")
    net.connect("hidden", "readout", weight=rng.normal(size=(3, 2)))
    return net


def nir_target(folder: Path, damaged: Callable[[Rng, bytes], tuple[str, bytes]]) -> tuple[Any, ...]:
    path = folder / "net.nir"
    net = network()
    content = sal.io.write_nir(path, net, time_unit="ms").read_bytes()

    def invalid(rng: Rng) -> tuple[str, bytes]:
        path.write_bytes(content)
        with h5py.File(path, "r+") as file:
            name = BREAKS[int(rng.integers(len(BREAKS)))](rng, file)
        return name, path.read_bytes()

    def read(given: bytes) -> Content:
        path.write_bytes(given)
        return Content(sal.io.read_nir(path))

    return Content(net), read, lambda rng: damaged(rng, content), invalid, validate


def validate(found: Content) -> None:
    """Every record passes through its own constructor again."""
    again = sal.Network()
    for name, population in found.network.populations.items():
        again.add(
            name, population.with_parameters() if not isinstance(population, sal.Input) else sal.Input(population.size)
        )
    for each in found.network.projections.values():
        again.connect(
            each.pre,
            each.post,
            weight=each.weight,
            delay=each.delay,
            name=each.name,
            receptor=each.receptor,
            connectivity=each.connectivity,
        )
    assert Content(again) == found


# ---------------------------------------------------------------------------------------------- broken rules
def put(file: Any, name: str, value: Any) -> None:
    if name in file:
        del file[name]
    file[name] = value


def not_finite(rng: Rng, file: Any) -> str:
    fields = [("maps", "v_threshold"), ("fc", "weight"), ("hidden", "tau"), ("readout", "w_in"), ("conv", "weight")]
    node, field = fields[int(rng.integers(len(fields)))]
    values = file[f"node/nodes/{node}/{field}"][()]
    values.reshape(-1)[int(rng.integers(values.size))] = rng.choice([np.nan, np.inf, -np.inf])
    put(file, f"node/nodes/{node}/{field}", values)
    return f"{node}.{field} not finite"


def time_constant(rng: Rng, file: Any) -> str:
    field = str(rng.choice(["tau_mem", "tau_syn"]))
    values = file[f"{NEURON}/{field}"][()]
    values.reshape(-1)[int(rng.integers(values.size))] = rng.choice([0.0, -1.0])
    put(file, f"{NEURON}/{field}", values)
    return f"{field} not above zero"


def threshold(rng: Rng, file: Any) -> str:
    values = file[f"{NEURON}/v_threshold"][()]
    values.reshape(-1)[int(rng.integers(values.size))] = rng.choice([0.0, -1.0])
    put(file, f"{NEURON}/v_threshold", values)
    return "threshold not above reset"


def shape(rng: Rng, file: Any) -> str:
    node, field = [("maps", "tau_mem"), ("fc", "weight"), ("conv", "weight"), ("rec", "weight"), ("readout", "r")][
        int(rng.integers(5))
    ]
    values = file[f"node/nodes/{node}/{field}"][()]
    put(file, f"node/nodes/{node}/{field}", [values[1:], values[None], values.reshape(-1)[1:]][int(rng.integers(3))])
    return f"shape of {node}.{field}"


def dtype(rng: Rng, file: Any) -> str:
    node, field = [("maps", "tau_mem"), ("fc", "weight"), ("readout", "v_leak")][int(rng.integers(3))]
    values = file[f"node/nodes/{node}/{field}"][()]
    put(file, f"node/nodes/{node}/{field}", [values.astype(complex), values.astype("S8"), "text"][int(rng.integers(3))])
    return f"dtype of {node}.{field}"


def missing(rng: Rng, file: Any) -> str:
    found: list[str] = []
    file["node"].visit(lambda name: found.append(name) if "metadata" not in name else None)
    # an Input has its shape alone; without optional fields a node is another valid one
    allowed = [n for n in found if not n.endswith(("v_reset", "w_in", "start_dim", "end_dim", "input_shape"))]
    # what nothing is lost with: an output is not ours, and types of nodes that flatten are not looked at
    allowed = [n for n in allowed if not n.startswith("nodes/output") and "flatten/input_type" not in n]
    name = str(rng.choice(allowed))
    del file[f"node/{name}"]
    return f"no {name}"


def misspelt(rng: Rng, file: Any) -> str:
    node = str(rng.choice(["maps", "fc", "hidden", "conv"]))
    field = str(rng.choice([n for n in file[f"node/nodes/{node}"] if n not in ("metadata", "v_reset", "w_in")]))
    file.move(f"node/nodes/{node}/{field}", f"node/nodes/{node}/{field}_")
    return f"{node}.{field} misspelt"


def kind(rng: Rng, file: Any) -> str:
    node = str(rng.choice(["maps", "fc", "hidden", "conv", "readout"]))
    put(file, f"node/nodes/{node}/type", str(rng.choice(["IF", "Threshold", "Nothing", "", "Input"])))
    return f"type of {node}"


def edge(rng: Rng, file: Any) -> str:
    edges = [tuple(e.decode() for e in row) for row in file["node/edges"][()]]
    way = int(rng.integers(4))
    at = int(rng.integers(len(edges)))
    if way == 0:
        edges[at] = (edges[at][0], "nowhere")
    elif way == 1:
        edges.append(edges[at])
    elif way == 2:
        edges.append(("readout", "conv"))
    else:
        edges.append(("fc", "fc"))
    put(file, "node/edges", edges)
    return "edges"


def numbers(rng: Rng, file: Any) -> str:
    field = str(rng.choice(["stride", "padding", "dilation", "groups"]))
    bad: Any = [-1, 10**6, 0.5, [1, 2, 3], "full"][int(rng.integers(5))]
    if field == "padding" and bad == 10**6:
        bad = -1
    put(file, f"node/nodes/conv/{field}", bad)
    return f"{field} {bad}"


def notes(rng: Rng, file: Any) -> str:
    where = "node/metadata/saltation_time_unit"
    put(file, where, [-1.0, 0.0, np.nan, "ms", [1e-3, 1e-3]][int(rng.integers(5))])
    return "noted unit"


BREAKS = (not_finite, time_constant, threshold, shape, dtype, missing, misspelt, kind, edge, numbers, notes)
