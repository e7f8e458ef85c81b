"""Conductances, adaptation and exponential term: off while the rest is calibrated, and switched on for use."""

from saltation.bss2.calibration.bench import KINDS
from saltation.bss2.calibration.target import RECEPTORS, NeuronTarget
from saltation.bss2.configuration import Configuration

_ADAPTATION = (
    "adaptation_enable",
    "adaptation_enable_pulse",
    "adaptation_v_ref",
    "adaptation_i_bias_tau",
    "adaptation_i_bias_a",
    "adaptation_i_bias_b",
    "adaptation_invert_a",
    "adaptation_invert_b",
)
_EXPONENTIAL = (
    "exponential_enable",
    "exponential_v_exp",
    "exponential_i_bias",
    # else the exponential term would pull against the reset
    "refractory_period_enable_pause",
)


def switch_on(configuration: Configuration, target: NeuronTarget) -> tuple[str, ...]:
    """Switch on the terms that a target asks for; the registers that its calibration decides beside the usual ones."""
    decided: list[str] = []
    for kind, receptor in zip(KINDS, RECEPTORS, strict=True):
        if getattr(target, f"e_coba_reversal_{receptor}") is not None:
            asked = target.asks(f"e_coba_reversal_{receptor}")
            configuration.set(f"{kind}_input_enable_coba_mode", asked.astype(int))
            decided += [f"{kind}_input_{what}" for what in ("enable_coba_mode", "i_bias_coba", "v_rev_coba")]
    if target.tau_adap is not None:
        configuration.set("adaptation_enable", 1)
        configuration.set("adaptation_enable_pulse", int(target.spike_triggered_adaptation_increment is not None))
        decided += _ADAPTATION
    if target.exponential_threshold is not None:
        configuration.set("exponential_enable", 1)
        configuration.set("refractory_period_enable_pause", 1)
        decided += _EXPONENTIAL
    return tuple(decided)
