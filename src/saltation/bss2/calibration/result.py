"""`Calibration`: codes found for a chip, and how well its circuits then agree."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from saltation._files import write_bytes
from saltation.bss2 import geometry as g
from saltation.bss2.calibration.target import NeuronTarget
from saltation.bss2.configuration import Configuration
from saltation.bss2.translation import hold_times
from saltation.errors import CalibrationError, FileFormatError
from saltation.model.checks import freeze

Floats = NDArray[np.float64]

SCHEMA_VERSION = 1
_FORMAT = "saltation.bss2.Calibration"
_SEARCHED = (
    "leak_v_leak",
    "reset_v_reset",
    "threshold_v_threshold",
    "leak_i_bias",
    *(
        f"{kind}_input_{what}"
        for kind in ("excitatory", "inhibitory")
        for what in ("i_bias_tau", "i_bias_gm", "i_shift_reference")
    ),
)
DECIDED_BY = {
    "leak": "leak_v_leak",
    "reset": "reset_v_reset",
    "threshold": "threshold_v_threshold",
    "tau_mem": "leak_i_bias",
    "tau_syn_exc": "excitatory_input_i_bias_tau",
    "strength_exc": "excitatory_input_i_bias_gm",
    "tau_syn_inh": "inhibitory_input_i_bias_tau",
    "strength_inh": "inhibitory_input_i_bias_gm",
    "e_coba_reversal_exc": "excitatory_input_i_bias_coba",
    "e_coba_reference_exc": "excitatory_input_v_rev_coba",
    "e_coba_reversal_inh": "inhibitory_input_i_bias_coba",
    "e_coba_reference_inh": "inhibitory_input_v_rev_coba",
    "tau_adap": "adaptation_i_bias_tau",
    "subthreshold_adaptation_strength": "adaptation_i_bias_a",
    "spike_triggered_adaptation_increment": "adaptation_i_bias_b",
    "exponential_threshold": "exponential_v_exp",
}
"""The register that decides each quantity."""

# Where a search stops for want of codes: by halving it begins at 0, in proportion at 1.
_ENDS = {"cadc_offset": (-128, 127), **dict.fromkeys((*_SEARCHED, *DECIDED_BY.values()), (0, 1, g.CODE_MAX))}

_SIZES = ("subthreshold_adaptation_strength", "spike_triggered_adaptation_increment")


@final
@dataclass(frozen=True)
class Calibration:
    """What `calibrate` found; nothing of it can be written to, as it is handed out again.

    Attributes
    ----------
    serial : int
        Of the chip, the only one for which it is good.
    target : NeuronTarget
        What was asked for.
    registers : dict of str to ndarray
        Codes, by register.
    report : dict of str to (ndarray, ndarray)
        Values of each quantity measured on all circuits: with one code for all, and with the codes found.
    hardware_time : float
        Seconds that it would have taken on a chip.
    """

    serial: int
    target: NeuronTarget
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
        return Calibration, tuple(dict(value) if isinstance(value, Mapping) else value for value in values)

    @property
    def refractory_time(self) -> Floats:
        """Seconds ``[512]`` for which circuits are held after a spike: as near to the target as the clocks come."""
        return hold_times(self.registers)

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
                "has codes of its own; calibrate(chip)"
            )

    def summary(self) -> dict[str, dict[str, float]]:
        """Of each quantity the median, the standard deviation before and after, and their ratio.

        Also how many circuits could not be measured, and how many codes ended at an end of their range.
        """
        at_ends = self.at_ends()
        result: dict[str, dict[str, float]] = {}
        for name, (before, after) in self.report.items():
            there = after[~np.isnan(after)]
            spread = float(np.nanstd(before)), float(there.std()) if there.size else float("nan")
            result[name] = {
                "median": float(np.median(there)) if there.size else float("nan"),
                "before": spread[0],
                "after": spread[1],
                "ratio": spread[1] / spread[0] if spread[0] else float("nan"),
                "failed": float((np.isnan(after) & self.target.asks(name)).sum()),
                "at_ends": float(at_ends[DECIDED_BY[name]]),
            }
        return result

    def unit_of(self, quantity: str) -> str:
        """Unit of a quantity of the report: "s", "LSB" of the CADC, or "1"."""
        if quantity.startswith("tau"):
            return "s"
        return "1" if quantity == "subthreshold_adaptation_strength" else "LSB"

    def wanted(self, quantity: str) -> float | None:
        """What a quantity of the report is to be, if that is known and the same for all circuits that are asked for."""
        if quantity.startswith("strength"):
            return None
        asked = self.target.asks(quantity)
        values = self.target.coba_reference(quantity[-3:]) if "reference" in quantity else self.target.of_all(quantity)
        values = np.unique(np.abs(values[asked]) if quantity in _SIZES else values[asked])
        return float(values[0]) if values.size == 1 else None

    def uniform(self) -> "Calibration":
        """One code for all circuits, the median of those found: how the chip is without a calibration of each."""
        registers = {name: np.full_like(codes, int(np.median(codes))) for name, codes in self.registers.items()}
        return replace(self, registers=registers)

    def at_ends(self) -> dict[str, int]:
        """Of each register that was searched for, how many codes ended at an end of their range."""
        return {name: int(ends.sum()) for name, ends in self._ended().items()}

    def _ended(self) -> dict[str, NDArray[np.bool_]]:
        """Of each register that was searched for, which codes ended at an end of their range, ``[512]``."""
        searched = {DECIDED_BY[name] for name in self.report} | {*_SEARCHED, "cadc_offset"}
        return {name: np.isin(self.registers[name], ends) for name, ends in _ENDS.items() if name in searched}

    def out_of_reach(self) -> NDArray[np.int64]:
        """Circuits of which a quantity could not be measured, or a code ended at an end of its range."""
        bad = np.zeros(g.CIRCUITS, bool)
        for name, (_, after) in self.report.items():
            bad |= np.isnan(after) & self.target.asks(name)
        for ended in self._ended().values():
            bad |= ended
        return np.flatnonzero(bad)

    def __repr__(self) -> str:
        return f"Calibration(serial={self.serial}, hardware_time={self.hardware_time:.3g} s)"

    def save(self, path: str | Path) -> Path:
        """Write it to an NPZ file, whole or not at all."""
        return write_bytes(path, self.to_bytes())

    def to_bytes(self) -> bytes:
        """What `save` writes."""
        about = {
            "format": _FORMAT,
            "schema_version": SCHEMA_VERSION,
            "serial": self.serial,
            "target": self.target.to_dict(),
            "hardware_time": self.hardware_time,
        }
        arrays: dict[str, NDArray[Any]] = {f"register/{name}": values for name, values in self.registers.items()}
        for name, (before, after) in self.report.items():
            arrays[f"before/{name}"], arrays[f"after/{name}"] = before, after
        buffer = io.BytesIO()
        arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        return buffer.getvalue()

    @classmethod
    def load(cls, path: str | Path) -> "Calibration":
        """Read what `save` wrote.

        Raises
        ------
        FileFormatError
            If the file is not one of them.
        """
        return cls.from_bytes(Path(path).read_bytes(), str(path))

    @classmethod
    def from_bytes(cls, content: bytes, where: str = "the bytes") -> "Calibration":
        """Read what `to_bytes` gave; as `load`."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            about = json.loads(bytes(arrays.pop("about")).decode())
            if about["format"] != _FORMAT or about["schema_version"] != SCHEMA_VERSION:
                raise FileFormatError(f"{where} does not hold a calibration that this version reads")
            registers, before, after = (_below(arrays, folder) for folder in ("register/", "before/", "after/"))
            report = {name: (before[name], values) for name, values in after.items()}
            result = cls(about["serial"], NeuronTarget(**about["target"]), registers, report, about["hardware_time"])
            result.apply(Configuration())
        except FileFormatError:
            raise
        except Exception as error:  # of zip, JSON, NumPy and ours: a damaged file can be anything
            raise FileFormatError(f"{where} does not hold a calibration: {type(error).__name__}: {error}") from error
        return result


def _below(arrays: Mapping[str, NDArray[Any]], folder: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(folder): array for name, array in arrays.items() if name.startswith(folder)}
