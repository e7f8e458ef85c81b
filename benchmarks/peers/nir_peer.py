"""What another framework does with a NIR file, and what it writes; runs inside that framework's environment.

    python nir_peer.py snntorch read FOLDER      net.nir, stimulus.npz -> spikes.npz
    python nir_peer.py norse write FOLDER        model.npz, stimulus.npz -> net.nir, spikes.npz

``stimulus.npz`` holds ``grid`` [step, input] of zeros and ones and the step ``dt`` in seconds; ``model.npz`` the
weights [in, out] and time constants, in seconds, of two layers.  Only the framework's own importer and exporter are in
use.
"""

import sys
import warnings
from pathlib import Path
from typing import Any

import nir
import numpy as np
import torch


def run(module: Any, grid: np.ndarray, state: bool) -> np.ndarray:
    """Step through a stimulus, and return the output of each step."""
    held, outputs = None, []
    with torch.no_grad():
        for row in grid:
            given = torch.as_tensor(row[None], dtype=torch.float32)
            result = module(given, held) if state else module(given)
            out, held = result if isinstance(result, tuple) else (result, None)
            outputs.append(out.numpy().reshape(-1))
    return np.array(outputs)


def read_snntorch(path: Path, grid: np.ndarray, dt: float) -> np.ndarray:
    from snntorch.import_nir import import_from_nir

    del dt
    # the state is kept in the modules
    return run(import_from_nir(nir.read(path)), grid, state=False)


def read_norse(path: Path, grid: np.ndarray, dt: float) -> np.ndarray:
    from norse.torch.utils.import_nir import from_nir

    return run(from_nir(nir.read(path), dt=dt), grid, state=True)


def write_snntorch(path: Path, grid: np.ndarray, dt: float, model: dict[str, np.ndarray]) -> np.ndarray:
    import snntorch as snn
    from snntorch.export_nir import export_to_nir

    layers: list[torch.nn.Module] = []
    for layer in (1, 2):
        weight = model[f"weight{layer}"]
        ones = torch.ones(weight.shape[1])
        alpha, beta = (1 - dt / model[f"{name}{layer}"] for name in ("tau_syn", "tau_mem"))
        options = {"threshold": ones, "init_hidden": True, "reset_mechanism": "zero", "reset_delay": False}
        layers += [
            linear(weight * dt / model[f"tau_mem{layer}"]),
            snn.Synaptic(float(alpha) * ones, float(beta) * ones, **options),
        ]
    module = torch.nn.Sequential(*layers)
    graph = export_to_nir(module, torch.zeros(grid.shape[1]))
    nir.write(path, graph)
    for each in module:
        if isinstance(each, snn.Synaptic):
            each.reset_mem()
    return run(module, grid, state=False)


def write_norse(path: Path, grid: np.ndarray, dt: float, model: dict[str, np.ndarray]) -> np.ndarray:
    from norse.torch import LIFCell, LIFParameters, SequentialState
    from norse.torch.utils.export_nir import to_nir

    layers: list[torch.nn.Module] = []
    for layer in (1, 2):
        rates = {f"{name}_inv": torch.as_tensor(1 / model[f"{name}{layer}"]) for name in ("tau_syn", "tau_mem")}
        layers += [linear(model[f"weight{layer}"]), LIFCell(LIFParameters(**rates), dt=dt)]
    module = SequentialState(*layers)
    # with dt = 1 its exporter writes seconds
    graph = to_nir(module, torch.zeros(1, grid.shape[1]), dt=1.0)
    for node in graph.nodes.values():
        for key, value in vars(node).items():
            if isinstance(value, np.ndarray) and value.ndim == 0:
                setattr(node, key, value[()])  # which nir can write, as it cannot an array of no dimension
    nir.write(path, graph)
    return run(module, grid, state=True)


def linear(weight: np.ndarray) -> torch.nn.Linear:
    layer = torch.nn.Linear(*weight.shape, bias=False)
    layer.weight.data = torch.as_tensor(weight.T, dtype=torch.float32)
    return layer


def main(framework: str, what: str, folder: Path) -> None:
    warnings.simplefilter("ignore")
    with np.load(folder / "stimulus.npz") as stored:
        grid, dt = stored["grid"], float(stored["dt"])
    if what == "read":
        spikes = {"snntorch": read_snntorch, "norse": read_norse}[framework](folder / "net.nir", grid, dt)
    else:
        with np.load(folder / "model.npz") as stored:
            model = dict(stored)
        writer = {"snntorch": write_snntorch, "norse": write_norse}[framework]
        spikes = writer(folder / "net.nir", grid, dt, model)
    np.savez(folder / "spikes.npz", spikes=spikes)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
