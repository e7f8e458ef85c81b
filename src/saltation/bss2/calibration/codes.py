"""`CodesFound`: codes found for a chip, how well its circuits then agree, and a file; what all calibrations share."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from saltation._files import write_bytes
from saltation.bss2.archive import below, packed, unpacked
from saltation.bss2.configuration import Configuration
from saltation.errors import CalibrationError, FileFormatError
from saltation.model.checks import freeze

Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class CodesFound(ABC):
    """Codes of one chip; nothing of it can be written to, as it is handed out again.

    Attributes
    ----------
    serial : int
        Of the chip, the only one for which it is good.
    target
        What was asked for; it has ``to_dict``.
    registers : dict of str to ndarray
        Codes, by register.
    report : dict of str to (ndarray, ndarray)
        Values of each quantity measured: with one code for all, and with the codes found.
    hardware_time : float
        Seconds that it would have taken on a chip.
    """

    KIND: ClassVar[str]
    """Of the file."""
    VERSION: ClassVar[int]
    WHAT: ClassVar[str]
    """For messages."""
    MADE_BY: ClassVar[str]
    TARGET: ClassVar[type]
    NEEDED: ClassVar[tuple[str, ...]] = ()
    """Registers without which it is not whole."""

    serial: int
    target: Any
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
        return type(self), tuple(dict(value) if isinstance(value, Mapping) else value for value in values)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(serial={self.serial}, hardware_time={self.hardware_time:.3g} s)"

    @abstractmethod
    def summary(self) -> dict[str, dict[str, float]]:
        """Of each quantity the median, the spread before and after, and what could not be reached."""

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
                f"has codes of its own; {self.MADE_BY}"
            )

    def save(self, path: str | Path) -> Path:
        """Write it to an NPZ file, whole or not at all."""
        return write_bytes(path, self.to_bytes())

    def to_bytes(self) -> bytes:
        """What `save` writes."""
        arrays: dict[str, NDArray[Any]] = {f"register/{name}": values for name, values in self.registers.items()}
        for name, (before, after) in self.report.items():
            arrays[f"before/{name}"], arrays[f"after/{name}"] = before, after
        about = {"serial": self.serial, "target": self.target.to_dict(), "hardware_time": self.hardware_time}
        return packed(self.KIND, self.VERSION, about, arrays)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        FileFormatError
            If the file is not one of them.
        """
        return cls.from_bytes(Path(path).read_bytes(), str(path))

    @classmethod
    def from_bytes(cls, content: bytes, where: str = "the bytes") -> Self:
        """Read what `to_bytes` gave; as `load`."""

        def build(about: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Self:
            registers, before, after = (below(arrays, folder) for folder in ("register/", "before/", "after/"))
            report = {name: (before[name], values) for name, values in after.items()}
            if missing := [name for name in cls.NEEDED if name not in registers]:
                raise FileFormatError(f"{where} does not hold all registers of {cls.WHAT}; missing are {missing}")
            result = cls(about["serial"], cls.TARGET(**about["target"]), registers, report, about["hardware_time"])
            result.apply(Configuration())
            return result

        return unpacked(content, where, cls.WHAT, cls.KIND, cls.VERSION, build)
