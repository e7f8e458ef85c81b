"""`Calibration`: codes found for a chip, and how well its circuits then agree."""

from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.calibration.codes import CodesFound
from saltation.bss2.calibration.target import NeuronTarget
from saltation.bss2.translation import hold_times

Floats = NDArray[np.float64]

SCHEMA_VERSION = 1
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
@dataclass(frozen=True, repr=False)
class Calibration(CodesFound):
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

    KIND = "saltation.bss2.Calibration"
    VERSION = SCHEMA_VERSION
    WHAT = "a calibration"
    MADE_BY = "calibrate(chip)"
    TARGET = NeuronTarget

    target: NeuronTarget

    @property
    def refractory_time(self) -> Floats:
        """Seconds ``[512]`` for which circuits are held after a spike: as near to the target as the clocks come."""
        return hold_times(self.registers)

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
