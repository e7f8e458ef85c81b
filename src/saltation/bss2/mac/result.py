"""`HagenCalibration`: codes found for the matrix mode of a chip, and how well its parts then agree."""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from saltation._files import write_bytes
from saltation.bss2.configuration import Configuration
from saltation.bss2.mac.target import HagenTarget
from saltation.errors import CalibrationError, FileFormatError
from saltation.model.checks import freeze

Floats = NDArray[np.float64]

SCHEMA_VERSION = 1
REGISTERS_SET = (
    "leak_v_leak",
    "leak_i_bias",
    "leak_enable_division",
    "leak_enable_multiplication",
    "membrane_capacitance_capacitance",
    "synapse_dac_bias",
    "cadc_offset",
    "driver_hagen_dac_offset",
    *(
        f"{kind}_input_{what}"
        for kind in ("excitatory", "inhibitory")
        for what in (
            "i_bias_tau",
            "i_bias_gm",
            "enable",
            "i_shift_reference",
            "enable_small_capacitance",
            "enable_high_resistance",
        )
    ),
)
"""Registers that a calibration for the matrix mode decides."""
_FORMAT = "saltation.bss2.mac.HagenCalibration"


@final
@dataclass(frozen=True)
class HagenCalibration:
    """What `calibrate_hagen` found; nothing of it can be written to.

    Attributes
    ----------
    serial : int
        Of the chip, the only one for which it is good.
    target : HagenTarget
        What was asked for.
    registers : dict of str to ndarray
        Codes, by register.
    report : dict of str to (ndarray, ndarray)
        Values measured with one code for all, and with the codes found: ``leak`` in LSB, ``tau_mem``, ``tau_syn_exc``
        and ``tau_syn_inh`` in seconds, and ``amplitude_exc`` and ``amplitude_inh`` in LSB of each column ``[512]``;
        ``driver`` in LSB of each driver ``[256]``.
    hardware_time : float
        Seconds that it would have taken on a chip.
    """

    serial: int
    target: HagenTarget
    registers: Mapping[str, NDArray[np.int32]]
    report: Mapping[str, tuple[Floats, Floats]]
    hardware_time: float

    def __post_init__(self) -> None:
        """Take copies that cannot be written to."""
        registers = {name: freeze(np.array(codes)) for name, codes in self.registers.items()}
        report = {name: (freeze(np.array(a)), freeze(np.array(b))) for name, (a, b) in self.report.items()}
        object.__setattr__(self, "registers", MappingProxyType(registers))
        object.__setattr__(self, "report", MappingProxyType(report))

    # read-only mappings cannot be pickled
    def __reduce__(self) -> tuple[Any, ...]:
        values = (getattr(self, each.name) for each in fields(self))
        return HagenCalibration, tuple(dict(value) if isinstance(value, Mapping) else value for value in values)

    def __repr__(self) -> str:
        return f"HagenCalibration(serial={self.serial}, hardware_time={self.hardware_time:.3g} s)"

    def apply(self, configuration: Configuration) -> None:
        """Write the registers found into a configuration."""
        for name, values in self.registers.items():
            configuration.set(name, values)

    def check(self, serial: int) -> None:
        """Refuse another chip.

        Raises
        ------
        CalibrationError
            If the serial number is another.
        """
        if serial != self.serial:
            raise CalibrationError(
                f"the calibration is of the chip with serial number {self.serial}; got the chip {serial}: each chip "
                "has codes of its own; calibrate_hagen(chip)"
            )

    def summary(self) -> dict[str, dict[str, float]]:
        """Of each quantity the median, and the standard deviation before and after."""
        result: dict[str, dict[str, float]] = {}
        for name, (before, after) in self.report.items():
            result[name] = {
                "median": float(np.nanmedian(after)),
                "before": float(np.nanstd(before)),
                "after": float(np.nanstd(after)),
                "failed": float(np.isnan(after).sum()),
            }
        return result

    def save(self, path: str | Path) -> Path:
        """Write it to an NPZ file, whole or not at all."""
        about = {
            "format": _FORMAT,
            "schema_version": SCHEMA_VERSION,
            "serial": self.serial,
            "target": asdict(self.target),
            "hardware_time": self.hardware_time,
        }
        arrays: dict[str, NDArray[Any]] = {f"register/{name}": values for name, values in self.registers.items()}
        for name, (before, after) in self.report.items():
            arrays[f"before/{name}"], arrays[f"after/{name}"] = before, after
        arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        return write_bytes(path, buffer.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> "HagenCalibration":
        """Read what `save` wrote.

        Raises
        ------
        FileFormatError
            If the file is not one of them.
        """
        try:
            with np.load(io.BytesIO(Path(path).read_bytes()), allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            about = json.loads(bytes(arrays.pop("about")).decode())
            if about["format"] != _FORMAT or about["schema_version"] != SCHEMA_VERSION:
                raise FileFormatError(f"{path} does not hold a calibration that this version reads")
            registers, before, after = (_below(arrays, folder) for folder in ("register/", "before/", "after/"))
            report = {name: (before[name], values) for name, values in after.items()}
            result = cls(about["serial"], HagenTarget(**about["target"]), registers, report, about["hardware_time"])
            if missing := [name for name in REGISTERS_SET if name not in registers]:
                raise FileFormatError(f"{path} does not hold all registers of a calibration; missing are {missing}")
            result.apply(Configuration())
        except (FileFormatError, FileNotFoundError):
            raise
        except Exception as error:  # of zip, JSON, NumPy and ours: a damaged file can be anything
            raise FileFormatError(
                f"{path} does not hold a calibration of the matrix mode: {type(error).__name__}: {error}"
            ) from error
        return result


def _below(arrays: Mapping[str, NDArray[Any]], folder: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(folder): array for name, array in arrays.items() if name.startswith(folder)}
