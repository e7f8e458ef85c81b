r"""The constants of the emulated circuits: what a code of the analog memory means on a chip without mismatch.

The membrane of a circuit with the capacitance ``C`` follows

    C dV/dt = g_l (E_l - V) + g_l D_T exp((V - V_T) / D_T) - w + I_exc - I_inh + I_const + I_noise
    tau_w dw/dt = a (V - E_w) - w

with ``I = gm(V) u_sat f(u / u_sat)`` for each synaptic input, whose line ``u`` decays with ``tau_syn`` and jumps at
an event by the weight of the synapse.  ``f(x) = x - 4 x^3 / 27`` up to ``|x| = 1.5`` and ``sign(x)`` beyond: a smooth
saturation that, unlike a hyperbolic tangent, can be integrated in closed form.

No published table gives these constants.  Each names where it comes from: *derived* from numbers in public code, or
*assumed* by us in a range that the calibrated chip is known to cover.  All can be changed: ``Chip(physics=...)``.
"""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.tables import Table, constant
from saltation.errors import ParameterError

Floats = NDArray[np.float64]

_DIVISORS = (
    "capacitance_at_63",
    "leak_per_code",
    "leak_at_code_0",
    "leak_division",
    "reset_division",
    "tau_syn_code",
    "tau_syn_small",
    "tau_syn_resistance",
    "line_saturation",
    "dac_reference",
    "exponential_slope",
    "adaptation_tau_code",
    "adaptation_pulse",
    "cadc_volt_per_lsb",
    "cadc_period",
    "cadc_period_dram",
    "madc_period",
    "madc_volt_per_lsb",
    "hagen_drift_runs",
    "stp_utilization",
    "stp_recovery",
    "stp_range",
    "memory_settling",
)


@final
@dataclass(frozen=True, slots=True)
class Physics(Table):
    """What codes mean, and how the circuits behave, before mismatch and noise.

    Attributes
    ----------
    See ``Physics().table()``: each constant with its unit and its source.

    Raises
    ------
    ParameterError
        If a constant is not a finite number of at least 0, or is 0 where it divides.

    References
    ----------
    Pehle et al., Frontiers in Neuroscience 16:795876 (2022), doi:10.3389/fnins.2022.795876.

    Examples
    --------
    >>> from saltation.bss2 import Physics
    >>> Physics(line_saturation=1e6).line_saturation
    1000000.0
    """

    supply: float = constant(1.2, "V", "assumed: codes give no voltage beyond it; the membrane is not held back")
    volt_per_code: float = constant(1.875e-3, "V", "derived: codes 70..550 of the ADC's ramp are 0.15..1.05 V")
    volt_at_code_0: float = constant(1.875e-2, "V", "derived: as volt_per_code")
    capacitance_at_63: float = constant(2.2e-12, "F", "grenade: nominal membrane capacitance")
    capacitance_at_0: float = constant(0.14e-12, "F", "assumed: wires and gates")
    leak_per_code: float = constant(1.47e-9, "S", "assumed: 10 us at code 150, full range 1.5..60 us")
    leak_at_code_0: float = constant(5e-9, "S", "assumed: a circuit that is switched off still leaks")
    leak_division: float = constant(8.0, "1", "haldls: leak bias divided by 8")
    leak_multiplication: float = constant(8.0, "1", "haldls: leak bias multiplied by 8")
    reset_per_code: float = constant(0.54e-9, "S", "derived: fastest reset 0.5 us, at code 1022 and multiplication")
    reset_multiplication: float = constant(8.0, "1", "haldls: reset bias multiplied by 8")
    reset_division: float = constant(8.0, "1", "haldls: reset bias divided by 8")
    tau_syn_code: float = constant(3e-3, "s", "assumed: tau_syn = this / code, 10 us at code 300")
    tau_syn_small: float = constant(0.1, "1", "assumed: factor of the small line capacitance, 0.3 us within reach")
    tau_syn_resistance: float = constant(4.0, "1", "assumed: factor of the high line resistance, 30 us within reach")
    line_saturation: float = constant(500.0, "weight", "assumed: u_sat, at synapse_dac_bias 600; sums of 300 still add")
    dac_reference: float = constant(600.0, "code", "calix: default synapse_dac_bias, at which a weight counts 1")
    gm_per_code: float = constant(1.78e-12, "A/weight", "derived: 50 weights are 1 at i_synin_gm 500, tau 10/10 us")
    line_rest: float = constant(0.9, "V", "assumed: what the readout shows of a silent line")
    line_swing: float = constant(0.8, "V", "assumed: by how much it falls at saturation")
    offset_per_code: float = constant(0.05, "weight", "assumed: line offset by i_shift_reference, none at code 511")
    coba_per_code: float = constant(0.01, "1/V", "assumed: slope of the input's gain by i_bias_coba")
    current_per_code: float = constant(0.08e-9, "A", "derived: demos cns_01 and cns_02; between 0.06 and 0.1")
    exponential_per_code: float = constant(0.1e-9, "A", "assumed: I at V = v_exp")
    exponential_slope: float = constant(22.5e-3, "V", "assumed: D_T, 5 LSB of the column ADC")
    exponential_limit: float = constant(2e-6, "A", "assumed: the most that the exponential term delivers")
    adaptation_tau_code: float = constant(0.06, "s", "assumed: tau_w = this / code, 100 us at code 600")
    adaptation_a_per_code: float = constant(0.5e-9, "S", "assumed: subthreshold adaptation")
    adaptation_b_per_code: float = constant(0.1e-9, "A", "assumed: adaptation by a spike at a pulse of 256 ns")
    adaptation_pulse: float = constant(256e-9, "s", "hxtorch: default clock_scale_adaptation_pulse 5")
    adaptation_resistance: float = constant(2e6, "V/A", "assumed: the readout of the adaptation by its current")
    comparator_delay: float = constant(0.1e-6, "s", "assumed: crossing to time stamp")
    input_delay: float = constant(0.1e-6, "s", "assumed: from the host's link to a synapse")
    route_delay: float = constant(0.1e-6, "s", "recalled: spike to synapse on the chip, order of 100 ns")
    link_period: float = constant(8e-9, "s", "derived: each link carries an event every 8 ns; buses assumed alike")
    link_depth: float = constant(16.0, "event", "assumed: events that wait at a link before one is lost")
    cadc_volt_per_lsb: float = constant(4.5e-3, "V", "derived: 0.15..1.05 V read as 20..220")
    cadc_volt_at_0: float = constant(0.06, "V", "derived: as cadc_volt_per_lsb")
    cadc_period: float = constant(1.7e-6, "s", "grenade: shortest distance of samples in the fast store")
    cadc_period_dram: float = constant(6e-6, "s", "grenade: about this, where samples go to the slow store")
    madc_period: float = constant(34e-9, "s", "haldls: 500 MHz / 17")
    madc_settling: float = constant(8e-6, "s", "pynn-brainscales: the first samples are invalid")
    madc_volt_per_lsb: float = constant(1.2 / 1023, "V", "demos: linear over 0..1.2 V")
    amplifier_low: float = constant(0.1725, "V", "derived: tests of hxtorch see rails at 128 - 103 LSB, to 20 %")
    amplifier_high: float = constant(1.086, "V", "derived: and at 128 + 100 LSB")
    hagen_pulse: float = constant(0.0457, "1", "derived: part of a usual pulse; 59 LSB of 15 x 21 x 100 at gm 450")
    hagen_offset_per_code: float = constant(0.2, "step", "assumed: 63 codes reach 6 steps each way")
    hagen_drift_runs: float = constant(1000.0, "run", "assumed: over which strengths of pulses drift")
    stp_utilization: float = constant(20.0, "code", "assumed: calix asks for 0.2 of the way; here at utilization 4")
    stp_recovery: float = constant(1e-6, "s", "assumed: times 2^recovery")
    stp_range: float = constant(280.0, "code", "assumed: change of the codes by which the strength doubles or ends")
    memory_settling: float = constant(2e-3, "s", "assumed: time constant of a rewritten code; software waits 20 ms")
    memory_crosstalk: float = constant(0.01, "code", "assumed: shift of a code by each other cell of its block at it")

    def __post_init__(self) -> None:
        """Check the constants, of which some divide."""
        Table.__post_init__(self)
        for name in _DIVISORS:
            if getattr(self, name) == 0.0:
                raise ParameterError(f"Physics.{name} must be a finite number above 0; got 0.0")

    def volts(self, codes: NDArray[Any], shift: Floats | float = 0.0) -> Floats:
        """Voltage of a code, moved by mismatch, between 0 and the supply."""
        return np.clip(self.volt_at_code_0 + self.volt_per_code * codes + shift, 0.0, self.supply)

    def amplified(self, voltage: Floats) -> Floats:
        """What a readout's amplifier makes of a voltage: ``x / (1 + x^8)^(1/8)``, with x from -1 to 1 between rails."""
        centre = 0.5 * (self.amplifier_low + self.amplifier_high)
        half = self.amplifier_high - centre
        x = (voltage - centre) / half
        return centre + half * x / np.sqrt(np.sqrt(np.sqrt(1.0 + x**8)))

    def capacitance(self, codes: NDArray[Any] | float) -> Any:
        """Membrane capacitance of a code."""
        unit = (self.capacitance_at_63 - self.capacitance_at_0) / g.CAPACITANCE_MAX
        return self.capacitance_at_0 + unit * codes
