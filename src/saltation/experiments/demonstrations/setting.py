"""The chip of an experiment: calibrated or not, how events reach its circuits and spikes the host."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from saltation.bss2 import Chip, ChipEvents, Configuration, NeuronTarget, Observed, Section, calibrate
from saltation.bss2 import geometry as g
from saltation.bss2.calibration.routine import starting_point
from saltation.bss2.crossbar import FIRST_LINK_IN
from saltation.bss2.registers import EXCITATORY, INHIBITORY

__all__ = [
    "CODES_PER_LSB",
    "EXC",
    "INH",
    "LABELS",
    "TARGET",
    "Setting",
    "events",
    "keep_apart",
    "listen_to",
    "moved",
    "nominal",
    "nominal_code",
    "prepare",
    "target",
    "without_inputs",
    "write_synapses",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EXC, INH = 0, 1
LABELS = (1, 2)
"""Labels of the events to excitatory and to inhibitory synapses."""

TARGET = NeuronTarget()
"""What circuits are calibrated to: the defaults of calix; leak 80, reset 70, threshold 125 LSB, 10 us all."""

CODES_PER_LSB = 480 / 200
"""Of potentials, by readings of the CADC: codes 70 to 550 of its ramp are read as 20 to 220 (calix)."""

_KINDS = ("excitatory", "inhibitory")
_UNUSED = (
    "adaptation_v_ref",
    "adaptation_v_leak",
    "exponential_v_exp",
    "excitatory_input_v_rev_coba",
    "inhibitory_input_v_rev_coba",
)
# Rows of each sign: the first half of a hemisphere's, and the second.
_FIRST_ROW = (0, g.ROWS // 2)


@final
@dataclass(frozen=True)
class Setting:
    """What an experiment is done on.

    Attributes
    ----------
    chip : Chip
    configuration : Configuration
        With the codes found for `TARGET`, or one code for all where it is not calibrated; to be copied, not changed.
    calibrated : bool
    quick : bool
        Fewer points and repeats.
    seed : int
        Of temporal noise.
    """

    chip: Chip
    configuration: Configuration
    calibrated: bool
    quick: bool = False
    seed: int = 0

    def run(self, configuration: Configuration, sections: Sequence[Section]) -> tuple[Observed, ...]:
        """Run sections on the chip."""
        return self.chip.run(configuration, sections, seed=self.seed).sections

    def few(self, number: int, quick: int) -> int:
        """The first of two numbers, or the second for a quick look."""
        return quick if self.quick else number


def prepare(
    chip: Chip,
    *,
    calibrated: bool = True,
    quick: bool = False,
    seed: int = 0,
    on_step: Callable[[str, int, int], object] = lambda name, done, total: None,
) -> Setting:
    """Calibrate a chip to `TARGET`, or write one code for all of its circuits.

    Examples
    --------
    >>> from saltation.bss2 import Chip
    >>> setting = prepare(Chip(1), calibrated=False)
    >>> setting.configuration["leak_v_leak"][:3]
    array([214, 214, 214], dtype=int32)
    """
    configuration = nominal()
    if calibrated:
        calibrate(chip, TARGET, on_step=on_step).apply(configuration)
    return Setting(chip, configuration, calibrated, quick, seed)


def nominal() -> Configuration:
    """The codes that would reach `TARGET` on a chip without mismatch, by what calix says of codes and readings."""
    configuration = starting_point(TARGET)
    for name, register in (("leak", "leak_v_leak"), ("reset", "reset_v_reset"), ("threshold", "threshold_v_threshold")):
        configuration.set(register, nominal_code(target(name)))
    return configuration


def target(name: str) -> float:
    """What `TARGET` asks of all circuits: potentials in LSB of the CADC, times in seconds.

    Examples
    --------
    >>> target("threshold") - target("leak")
    45.0
    """
    return float(np.asarray(getattr(TARGET, name)))


def nominal_code(reading: float) -> int:
    """Code of a potential that is read as this by the CADC.

    Examples
    --------
    >>> nominal_code(20), nominal_code(220)
    (70, 550)
    """
    return round(70 + (reading - 20) * CODES_PER_LSB)


def listen_to(configuration: Configuration, circuits: npt.ArrayLike) -> None:
    """Let circuits spike, all others not, and lead their spikes to the host."""
    configuration.set("threshold_enable", 0)
    configuration.set("event_routing_enable_digital", 0)
    configuration.set("threshold_enable", 1, at=circuits)
    configuration.set("event_routing_enable_digital", 1, at=circuits)
    outputs = np.arange(g.NEURON_OUTPUTS)
    configuration["node_enable"][outputs, g.BUSES + outputs % g.LINKS] = 1


def write_synapses(configuration: Configuration, weights: Mapping[int, int]) -> None:
    """Give all circuits a synapse of each receptor, whose weight beyond 63 is that of parallel rows.

    Parameters
    ----------
    configuration : Configuration
        Its synapses are written anew.
    weights : mapping of int to int
        Total weight by receptor, `EXC` or `INH`; events have the label ``LABELS[receptor]``.
    """
    configuration.set("row_mode", 0)
    configuration.set("synapse_weight", 0)
    configuration["node_enable"][FIRST_LINK_IN, : g.BUSES] = 1
    for receptor, weight in weights.items():
        first = _FIRST_ROW[receptor]
        full, rest = divmod(weight, g.WEIGHT_MAX)
        rows = [g.WEIGHT_MAX] * full + ([rest] if rest else [])
        for row, part in enumerate(rows, first):
            configuration.set("row_mode", (EXCITATORY, INHIBITORY)[receptor], at=(slice(None), row))
            configuration.set("synapse_weight", part, at=(slice(None), row))
            configuration.set("synapse_label", LABELS[receptor], at=(slice(None), row))


def events(times: npt.ArrayLike, receptor: int = EXC) -> ChipEvents:
    """Events to the synapses of a receptor."""
    times = np.atleast_1d(np.asarray(times, np.float64))
    return ChipEvents(times, np.full(times.size, LABELS[receptor]))


def keep_apart(configuration: Configuration) -> None:
    """Move what is not used to codes of its own: cells of the memory with equal codes shift one another."""
    for code, name in enumerate(_UNUSED):
        configuration.set(name, code)


def without_inputs(configuration: Configuration) -> Configuration:
    """The same, with all synaptic inputs off."""
    own = configuration.copy()
    for kind in _KINDS:
        own.set(f"{kind}_input_enable", 0)
    return own


def moved(codes: NDArray[Any], by: float) -> NDArray[np.int32]:
    """Codes of potentials, moved by a reading of the CADC; what is beyond their range stays at its end."""
    return np.clip(np.rint(codes + by * CODES_PER_LSB), 0, g.CODE_MAX).astype(np.int32)
