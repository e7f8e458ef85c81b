"""`HagenCalibration`: codes found for the matrix mode of a chip, and how well its parts then agree."""

from dataclasses import dataclass
from typing import final

import numpy as np

from saltation.bss2 import geometry as g
from saltation.bss2.calibration.codes import CodesFound
from saltation.bss2.mac.target import HagenTarget

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

DECIDED_BY = {
    "leak": "leak_v_leak",
    "tau_mem": "leak_i_bias",
    "tau_syn_exc": "excitatory_input_i_bias_tau",
    "tau_syn_inh": "inhibitory_input_i_bias_tau",
    "amplitude_exc": "excitatory_input_i_bias_gm",
    "amplitude_inh": "inhibitory_input_i_bias_gm",
    "driver": "driver_hagen_dac_offset",
}
"""The register that decides each quantity."""


@final
@dataclass(frozen=True, repr=False)
class HagenCalibration(CodesFound):
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

    KIND = "saltation.bss2.mac.HagenCalibration"
    VERSION = SCHEMA_VERSION
    WHAT = "a calibration of the matrix mode"
    MADE_BY = "calibrate_hagen(chip)"
    TARGET = HagenTarget
    NEEDED = REGISTERS_SET

    target: HagenTarget

    def summary(self) -> dict[str, dict[str, float]]:
        """Of each quantity the median, and the standard deviation before and after.

        Also how many could not be measured, and how many codes ended at an end of their range: of ``tau_syn`` those of
        lines that stay slower than asked for.
        """
        at_ends = self.at_ends()
        result: dict[str, dict[str, float]] = {}
        for name, (before, after) in self.report.items():
            result[name] = {
                "median": float(np.nanmedian(after)),
                "before": float(np.nanstd(before)),
                "after": float(np.nanstd(after)),
                "failed": float(np.isnan(after).sum()),
                "at_ends": float(at_ends[DECIDED_BY[name]]),
            }
        return result

    def at_ends(self) -> dict[str, int]:
        """Of each register that decides a quantity, how many codes ended at an end of their range."""
        ends = {name: (0, g.HAGEN_OFFSET_MAX if "driver" in name else g.CODE_MAX) for name in DECIDED_BY.values()}
        return {name: int(np.isin(self.registers[name], end).sum()) for name, end in ends.items()}
