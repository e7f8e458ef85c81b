"""`FastModel`: what was measured of a calibrated chip, with which its products can be computed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from saltation._files import write_bytes
from saltation.bss2 import geometry as g
from saltation.bss2.archive import packed, unpacked
from saltation.bss2.mac.ranges import INPUTS, OUTPUTS
from saltation.errors import FileFormatError
from saltation.model.checks import freeze

Floats = NDArray[np.float64]

SCHEMA_VERSION = 1
_FORMAT = "saltation.bss2.mac.FastModel"


@final
@dataclass(frozen=True, eq=False)
class FastModel:
    r"""A calibrated chip in numbers, all measured through its converters.

    With the activations ``a``, the weights ``w``, the part ``d_i`` of the events of an input that is left when it is
    read and the number ``n`` of sends, a column ``j`` has

        u+_j = n sum_i d_i (a_i + offset_i) G+_ij max(w_ij, 0),        u-_j likewise of G- and max(-w_ij, 0)
        m_j = s_j (L+ f(u+_j / L+) - L- f(u-_j / L-)),                 f(x) = x - 4 x^3 / 27 up to x = 1.5, and 1 beyond
        y_j = round(c_j + h_j r((m_j - c_j) / h_j) + o_j + noise_j),   r(x) = x / (1 + x^8)^(1/8)

    over inputs with ``a_i > 0``, cut to -128..127; with ``|w| + deviation`` in the place of ``|w|`` where it is not 0.
    Readouts saturate between ``low_j`` and ``high_j``; ``s_j`` is by how much more is left with the time constant of
    the column than with the median one, and ``o_j`` is ``rest``.  A line saturates at the sum ``L+_j`` or ``L-_j``,
    such that activations that are even between 0 and 31 lack what the integral of the expected cube of the line says.

    Attributes
    ----------
    serial : int
        Of the chip.
    offset : ndarray, [hemisphere, 128]
        Steps by which pulses of a driver are longer than the activation.
    gain : ndarray, [2, hemisphere, 128, 256]
        LSB for a step and a weight, of the synapses that excite and those that inhibit.
    deviation : ndarray, [2, hemisphere, 128, 256]
        By how much a synapse is stronger than its weight, whatever that is.
    strength : ndarray, [2]
        LSB that an event adds by a line that it brings to its saturation, were that linear.
    tau_syn : ndarray, [2, 512]
        Seconds, of both lines of a column.
    low, high : ndarray, [512]
        Results of columns that are driven as far as they go.
    rest : ndarray, [512]
        Mean result without an event.
    tau_mem : ndarray, [512]
        Seconds.
    noise : ndarray, [512]
        Variance of the result that has no time to grow, in LSB^2.
    growth : float
        Variance that the membrane adds, times ``1 - exp(-2 t / tau)`` with the time ``t`` of the reading.
    """

    serial: int
    offset: Floats
    gain: Floats
    deviation: Floats
    strength: Floats
    tau_syn: Floats
    low: Floats
    high: Floats
    rest: Floats
    tau_mem: Floats
    noise: Floats
    growth: float

    def __post_init__(self) -> None:
        """Take copies that cannot be written to."""
        for name, shape in _SHAPES.items():
            array = np.array(getattr(self, name), np.float64)
            if array.shape != shape or not np.isfinite(array).all():
                raise FileFormatError(f"FastModel.{name} must be finite numbers {list(shape)}; got {array.shape}")
            object.__setattr__(self, name, freeze(array))

    def __repr__(self) -> str:
        return f"FastModel(serial={self.serial})"

    @property
    def typical_tau(self) -> float:
        """Time constant of the median column, in seconds."""
        return float(np.median(self.tau_mem))

    def sigma(self, reading: float) -> Floats:
        """Standard deviation of results ``[512]``, of a reading so many seconds after the begin of a section."""
        return np.sqrt(self.noise + self.growth * (1.0 - np.exp(-2.0 * reading / self.tau_mem)))

    def save(self, path: str | Path) -> Path:
        """Write it to an NPZ file, whole or not at all."""
        arrays: dict[str, NDArray[Any]] = {name: getattr(self, name) for name in _SHAPES}
        about = {"serial": self.serial, "growth": self.growth}
        return write_bytes(path, packed(_FORMAT, SCHEMA_VERSION, about, arrays))

    @classmethod
    def load(cls, path: str | Path) -> "FastModel":
        """Read what `save` wrote.

        Raises
        ------
        FileFormatError
            If the file is not one of them.
        """
        content = Path(path).read_bytes()
        return unpacked(content, str(path), "a fast model", _FORMAT, SCHEMA_VERSION, _built)


def _built(about: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> FastModel:
    return FastModel(about["serial"], growth=about["growth"], **{name: arrays[name] for name in _SHAPES})


_SYNAPSE = (2, g.HEMISPHERES, INPUTS, OUTPUTS)
_SHAPES: dict[str, tuple[int, ...]] = {
    "offset": (g.HEMISPHERES, INPUTS),
    "gain": _SYNAPSE,
    "deviation": _SYNAPSE,
    "strength": (2,),
    "tau_syn": (2, g.CIRCUITS),
    **dict.fromkeys(("low", "high", "rest", "tau_mem", "noise"), (g.CIRCUITS,)),
}
