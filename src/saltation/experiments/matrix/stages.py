"""`run`: float, quantised, ideal mode, deployed on chips, fine-tuned on them; each on the test set."""

import copy
import dataclasses
from collections.abc import Callable
from typing import Any, final

import numpy as np
import torch
from torch import nn

from saltation.bss2.mac import MockParameter, Trace, hardware
from saltation.bss2.perceptron import convert, use_mock
from saltation.bss2.perceptron.nn import MACLayer
from saltation.experiments.matrix.chips import Prepared, mean_parameter, prepared, with_parameter
from saltation.experiments.matrix.settings import Settings
from saltation.experiments.matrix.task import Task, load, network
from saltation.experiments.matrix.training import Scores, evaluate, fit
from saltation.experiments.results import SCHEMA_VERSION, ResultFolder
from saltation.experiments.torch_support import one_thread

__all__ = ["STAGES", "Outcome", "run"]

STAGES = ("float", "quantised", "ideal", "deployed", "in the loop")
"""In their order: each begins with the weights of the one before, those on a chip with those of the ideal mode."""

Told = Callable[[str, dict[str, Any] | None], object]

# noise of stages, told apart from those of training
_EVALUATION, _CIRCUITS = 1000, 2000


@final
@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a run gives: the result as it is written, training after training, and what a batch took on a chip."""

    result: dict[str, Any]
    histories: dict[str, list[dict[str, Any]]]
    trace: Trace


def run(settings: Settings, folder: ResultFolder, on_stage: Told = lambda stage, record: None) -> Outcome:
    """Run all stages; those that the folder has trained already are taken from there.

    ::

        float        the network as it is trained
        quantised    converted, and trained on, in the ideal mode without noise: 5 bits, 6 bits, 8 bits
        ideal        the same with the mean gain and noise of the chips, trained on where the recipe says so
        deployed     the same weights, on the fast model of a chip, whatever its gain and its mismatch
        in the loop  trained on there: forward the chip's results, backward a product with its gain

    Parameters
    ----------
    settings : Settings
        The recipe.
    folder : ResultFolder
        Weights, calibrations and fast models are written to it.
    on_stage : callable
        Called with the name of a stage and None where it begins, and with the record of each of its epochs.

    Returns
    -------
    Outcome

    Raises
    ------
    MissingDataError
        If the data set is not on this machine.
    """
    on_stage("data", None)
    task = load(settings)
    on_stage("calibration", None)
    chips = [prepared(serial, folder) for serial in settings.serials]
    with one_thread():
        return _Work(settings, folder, task, on_stage).outcome(chips)


class _Work:
    """A run in progress: what all stages share, and what they have found."""

    def __init__(self, settings: Settings, folder: ResultFolder, task: Task, on_stage: Told) -> None:
        self.settings, self.folder, self.task, self.on_stage = settings, folder, task, on_stage
        self.histories: dict[str, list[dict[str, Any]]] = {}
        self.rows: list[dict[str, Any]] = []

    def outcome(self, chips: list[Prepared]) -> Outcome:
        parameter = mean_parameter(chips)
        noiseless = MockParameter(0.0, parameter.gain)
        floating, quantised = self.software(noiseless)
        ideal = self.ideal(parameter, quantised)
        confusion: dict[str, Any] = {}
        circuits: list[dict[str, Any]] = []
        trace = Trace()
        for chip in chips:
            model, found = self.on_chip(chip, ideal)
            confusion[str(chip.serial)] = found.confusion
            circuits += self.circuits(chip, model)
            if not trace.operations:
                with hardware(chip.fast(0)), torch.no_grad(), trace:
                    model(self.task.test.x)
        weights = sum(each.numel() for each in floating.parameters())
        result = {
            "experiment": self.settings.experiment,
            "schema_version": SCHEMA_VERSION,
            "seed": self.settings.seed,
            "serials": list(self.settings.serials),
            "parameters": weights,
            "train_samples": len(self.task.train),
            "test_samples": len(self.task.test),
            "names": list(self.task.names),
            "chips": [{"serial": chip.serial, **dataclasses.asdict(chip.parameter)} for chip in chips],
            "num_sends": [each.num_sends for each in quantised.modules() if isinstance(each, MACLayer)],
            "stages": self.rows,
            "circuits": circuits,
            "confusion": confusion,
            "hardware": _of_trace(trace, len(self.task.test)),
            "out": str(self.folder.path),
        }
        return Outcome(result, self.histories, trace)

    def software(self, noiseless: MockParameter) -> tuple[nn.Sequential, nn.Sequential]:
        own = self.settings
        torch.manual_seed(own.seed)
        floating = network(own.experiment)
        self.train("float", floating, own.epochs, own.batch, own.learning_rate)
        self.note("float", None, self.scores("float", floating))
        with with_parameter(noiseless):
            quantised = convert(
                floating,
                self.task.train.x[: own.calibration_batch],
                mock=True,
                shift=own.shift,
                clip_inputs=True,
                wait_between_events=own.wait_between_events,
                avg=own.average,
            )
            self.note("converted", None, self.scores("converted", quantised))
            self.train("quantised", quantised, own.quantised_epochs, own.loop_batch, own.loop_learning_rate)
            self.note("quantised", None, self.scores("quantised", quantised))
        return floating, quantised

    def ideal(self, parameter: MockParameter, quantised: nn.Sequential) -> nn.Sequential:
        own = self.settings
        model = copy.deepcopy(quantised)
        with with_parameter(parameter):
            # noise of the ideal mode comes from torch's generator
            torch.manual_seed(own.seed)
            self.train("ideal", model, own.ideal_epochs, own.loop_batch, own.loop_learning_rate)
            torch.manual_seed(own.seed + _EVALUATION)
            self.note("ideal", None, self.scores("ideal", model))
        return model

    def on_chip(self, chip: Prepared, ideal: nn.Sequential) -> tuple[nn.Sequential, Scores]:
        own = self.settings
        model = copy.deepcopy(ideal)
        use_mock(model, False)
        with with_parameter(chip.parameter):
            with hardware(chip.fast(own.seed + _EVALUATION)):
                self.note("deployed", chip.serial, self.scores("deployed", model))
            with hardware(chip.fast(own.seed)):
                name = f"loop-{chip.serial}"
                self.train(name, model, own.loop_epochs, own.loop_batch, own.loop_learning_rate)
            with hardware(chip.fast(own.seed + _EVALUATION)):
                found = self.scores("in the loop", model)
                self.note("in the loop", chip.serial, found)
        return model, found

    def circuits(self, chip: Prepared, model: nn.Sequential) -> list[dict[str, Any]]:
        """The first test samples on circuits, beside two runs of the fast model: what noise alone changes."""
        some = self.task.test.first(self.settings.circuits)
        if not self.settings.circuits:
            return []
        self.on_stage(f"circuits of chip {chip.serial}", None)
        seed, classes = self.settings.seed + _CIRCUITS, len(self.task.names)
        found: list[Scores] = []
        for unit in (chip.circuits(seed), chip.fast(seed), chip.fast(seed + 1)):
            with hardware(unit):
                found.append(evaluate(model, some, classes))
        slow, fast, again = found
        return [
            {
                "serial": chip.serial,
                "samples": len(some),
                "right_circuits": slow.right,
                "right_fast": fast.right,
                "same_answers": int(np.sum(slow.answers == fast.answers)),
                "same_answers_fast_again": int(np.sum(again.answers == fast.answers)),
                "seconds_circuits": slow.seconds,
                "seconds_fast": fast.seconds,
            }
        ]

    def train(self, name: str, model: nn.Sequential, epochs: int, batch: int, learning_rate: float) -> None:
        """Train, or take from the folder what was trained before."""
        recipe = dataclasses.replace(self.settings, epochs=max(epochs, 1), learning_rate=learning_rate)
        self.on_stage(name, None)
        if (self.folder.path / f"weights-{name}.npz").exists():
            stored = self.folder.read_arrays(f"weights-{name}")
            model.load_state_dict({key: torch.from_numpy(np.array(array)) for key, array in stored.items()})
            self.histories[name] = list(self.folder.read_json(f"history-{name}"))  # type: ignore[arg-type]  # as written
            return
        history = fit(
            model,
            self.task.train,
            epochs=epochs,
            batch=batch,
            rate=recipe.learning_rate_of,
            seed=self.settings.seed,
            on_epoch=lambda record: self.on_stage(name, record),
        )
        self.histories[name] = history
        self.folder.write_json(f"history-{name}", history)
        # last: a training that has its weights is done
        self.folder.write_arrays(f"weights-{name}", **{key: t.numpy() for key, t in model.state_dict().items()})

    def scores(self, name: str, model: nn.Sequential) -> Scores:
        self.on_stage(f"{name}, test", None)
        return evaluate(model, self.task.test, len(self.task.names))

    def note(self, stage: str, serial: int | None, found: Scores) -> None:
        row = {"stage": stage, "serial": serial, "accuracy": found.accuracy, "right": found.right}
        self.rows.append({**row, "seconds": found.seconds})


def _of_trace(trace: Trace, samples: int) -> dict[str, Any]:
    """Estimates for the test set in one batch."""
    return {
        "samples": samples,
        "seconds": trace.seconds,
        "macs": trace.macs,
        "runs": trace.runs,
        "utilisation": trace.utilisation,
        "operations": trace.table(),
    }
