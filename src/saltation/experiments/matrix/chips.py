"""Chips of an experiment: calibrated and measured once, and kept in its folder."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

from saltation.bss2 import Chip
from saltation.bss2.mac import (
    Circuits,
    Fast,
    FastModel,
    HagenCalibration,
    MockParameter,
    calibrate_hagen,
    get_mock_parameter,
    measure,
    measure_mock_parameter,
    set_mock_parameter,
)
from saltation.experiments.results import ResultFolder

__all__ = ["Prepared", "mean_parameter", "prepared", "with_parameter"]


@final
@dataclass(frozen=True, slots=True)
class Prepared:
    """A calibrated chip, its fast model, and gain and noise of its products."""

    serial: int
    calibration: HagenCalibration
    model: FastModel
    parameter: MockParameter

    def fast(self, seed: int) -> Fast:
        """What multiplies by its fast model."""
        return Fast(self.model, seed=seed)

    def circuits(self, seed: int) -> Circuits:
        """What multiplies on its circuits; a chip that has run nothing yet."""
        return Circuits(Chip(self.serial), self.calibration, seed=seed)


def prepared(serial: int, folder: ResultFolder) -> Prepared:
    """Calibrate a chip and measure its fast model, or take both from the folder."""
    calibration_file = folder.path / f"calibration-{serial}.npz"
    model_file = folder.path / f"fast-model-{serial}.npz"
    if calibration_file.exists() and model_file.exists():
        calibration, model = HagenCalibration.load(calibration_file), FastModel.load(model_file)
    else:
        chip = Chip(serial)
        calibration = calibrate_hagen(chip)
        model = measure(chip, calibration)
        calibration.save(calibration_file)
        model.save(model_file)
    return Prepared(serial, calibration, model, measure_mock_parameter(Fast(model)))


def mean_parameter(chips: Sequence[Prepared]) -> MockParameter:
    """Gain and noise for one ideal mode that stands for several chips.

    Examples
    --------
    >>> from types import SimpleNamespace as Chip
    >>> from saltation.bss2.mac import MockParameter
    >>> from saltation.experiments.matrix.chips import mean_parameter
    >>> mean_parameter([Chip(parameter=MockParameter(noise, 0.25)) for noise in (1.0, 2.0)])
    MockParameter(noise_std=1.5, gain=0.25)
    """
    found = [chip.parameter for chip in chips]
    noise, gain = (sum(getattr(each, name) for each in found) / len(found) for name in ("noise_std", "gain"))
    return MockParameter(noise, gain)


@contextlib.contextmanager
def with_parameter(parameter: MockParameter) -> Iterator[None]:
    """Gain and noise of the ideal mode, and the gain of gradients, inside a ``with`` block."""
    before = get_mock_parameter()
    set_mock_parameter(parameter)
    try:
        yield
    finally:
        set_mock_parameter(before)
