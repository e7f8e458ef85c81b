"""Every register of the chip: its shape, its range, what it is before it is written, and what it does.

Names are those of ``lola.AtomicNeuron``, flattened as in PyNN, and of ``haldls``, where they hold the same thing.
"""

from typing import NamedTuple

from saltation.bss2 import geometry as g

# Modes of a synapse row.
DISABLED, EXCITATORY, INHIBITORY, BOTH = 0, 1, 2, 3
# Modes of a background source.
REGULAR, POISSON = 0, 1
# What a circuit shows to the converters.
MEMBRANE, EXC_SYNIN, INH_SYNIN, ADAPTATION = 0, 1, 2, 3

CROSSBAR_INPUTS = g.NEURON_OUTPUTS + g.LINKS + g.SOURCES
CROSSBAR_OUTPUTS = g.BUSES + g.LINKS


class Register(NamedTuple):
    """A register that there is once for each place of ``shape``; kept as an array of integers."""

    shape: tuple[int, ...]
    low: int
    high: int
    default: int
    meaning: str


_NEURON = (g.CIRCUITS,)
_QUADRANT = (g.QUADRANTS,)
_ROW = (g.HEMISPHERES, g.ROWS)
_DRIVER = (g.HEMISPHERES, g.DRIVERS)
_SYNAPSE = (g.HEMISPHERES, g.ROWS, g.COLUMNS)
_SOURCE = (g.SOURCES,)
_NODE = (CROSSBAR_INPUTS, CROSSBAR_OUTPUTS)


def _code(shape: tuple[int, ...], default: int, meaning: str) -> Register:
    return Register(shape, 0, g.CODE_MAX, default, meaning)


def _switch(shape: tuple[int, ...], meaning: str, default: int = 0) -> Register:
    return Register(shape, 0, 1, default, meaning)


def _input(kind: str) -> dict[str, Register]:
    return {
        f"{kind}_input_i_bias_tau": _code(_NEURON, 300, f"time constant of the {kind} line, inversely"),
        f"{kind}_input_i_bias_gm": _code(_NEURON, 0, f"strength of the {kind} input"),
        f"{kind}_input_i_shift_reference": _code(_NEURON, 511, f"offset of the {kind} input"),
        f"{kind}_input_i_bias_coba": _code(_NEURON, 0, f"how much the {kind} input depends on the membrane"),
        f"{kind}_input_v_rev_coba": _code(_NEURON, 400, f"where the {kind} conductance is what the current is"),
    }


def _input_switches(kind: str) -> dict[str, Register]:
    return {
        f"{kind}_input_enable": _switch(_NEURON, f"{kind} input reaches the membrane"),
        f"{kind}_input_enable_small_capacitance": _switch(_NEURON, f"the {kind} line is ten times as fast"),
        f"{kind}_input_enable_high_resistance": _switch(_NEURON, f"the {kind} line is four times as slow"),
        f"{kind}_input_enable_coba_mode": _switch(_NEURON, f"the {kind} input is a conductance"),
    }


NEURON_CODES: dict[str, Register] = {
    "leak_v_leak": _code(_NEURON, 400, "potential to which the membrane leaks"),
    "reset_v_reset": _code(_NEURON, 400, "potential at which it is held after a spike"),
    "threshold_v_threshold": _code(_NEURON, 600, "potential at which it spikes"),
    "adaptation_v_ref": _code(_NEURON, 400, "potential at which the subthreshold adaptation is none"),
    "adaptation_v_leak": _code(_NEURON, 400, "rest of the adaptation's own voltage, which the readout shows"),
    "exponential_v_exp": _code(_NEURON, 600, "onset of the exponential term"),
    "leak_i_bias": _code(_NEURON, 150, "conductance of the leak"),
    "reset_i_bias": _code(_NEURON, g.CODE_MAX, "conductance to the reset potential"),
    **_input("excitatory"),
    **_input("inhibitory"),
    "constant_current_i_offset": _code(_NEURON, 0, "constant current"),
    "adaptation_i_bias_tau": _code(_NEURON, 600, "time constant of the adaptation, inversely"),
    "adaptation_i_bias_a": _code(_NEURON, 0, "subthreshold adaptation"),
    "adaptation_i_bias_b": _code(_NEURON, 0, "adaptation by a spike"),
    "exponential_i_bias": _code(_NEURON, 0, "strength of the exponential term"),
    "multicompartment_i_bias_nmda": _code(_NEURON, 0, "conductance between compartments"),
}
"""The 24 codes of a circuit in the capacitor memory: 8 voltages and 16 currents."""

QUADRANT_CODES: dict[str, Register] = {
    "synapse_dac_bias": _code(_QUADRANT, 600, "current of a weight, of all synapses of a quadrant"),
    "stp_v_charge_0": _code(_QUADRANT, 100, "voltage to which events lead, first set"),
    "stp_v_recover_0": _code(_QUADRANT, 400, "voltage to which drivers recover, first set"),
    "stp_v_charge_1": _code(_QUADRANT, 330, "voltage to which events lead, second set"),
    "stp_v_recover_1": _code(_QUADRANT, 50, "voltage to which drivers recover, second set"),
    "cadc_reference": _code(_QUADRANT, 300, "voltage that the CADC reads where it is connected to it"),
}

ANALOG = NEURON_CODES | QUADRANT_CODES
"""What is stored as a voltage or a current, and takes milliseconds to settle."""

DIGITAL: dict[str, Register] = {
    "leak_enable_division": _switch(_NEURON, "leak conductance divided by 8"),
    "leak_enable_multiplication": _switch(_NEURON, "leak conductance multiplied by 8"),
    "reset_enable_division": _switch(_NEURON, "reset conductance divided by 8"),
    "reset_enable_multiplication": _switch(_NEURON, "reset conductance multiplied by 8", 1),
    "threshold_enable": _switch(_NEURON, "the circuit can spike"),
    "membrane_capacitance_capacitance": Register(_NEURON, 0, g.CAPACITANCE_MAX, 63, "membrane capacitance"),
    "refractory_period_refractory_time": Register(
        _NEURON, 0, 255, 30, "periods of the input clock held after a spike; 0 is 1"
    ),
    "refractory_period_reset_holdoff": Register(
        _NEURON, 0, 15, 0, "periods between the end of the reset and the hold's"
    ),
    "refractory_period_input_clock": _switch(_NEURON, "0: slow clock, 1: fast clock"),
    "refractory_period_enable_pause": _switch(_NEURON, "input and exponential term pause while it is held"),
    **_input_switches("excitatory"),
    **_input_switches("inhibitory"),
    "constant_current_enable": _switch(_NEURON, "constant current reaches the membrane"),
    "constant_current_type": _switch(_NEURON, "0: from the membrane, 1: to it", 1),
    "adaptation_enable": _switch(_NEURON, "adaptation reaches the membrane"),
    "adaptation_enable_pulse": _switch(_NEURON, "a spike adds to the adaptation"),
    "adaptation_invert_a": _switch(_NEURON, "subthreshold adaptation with the other sign"),
    "adaptation_invert_b": _switch(_NEURON, "adaptation by a spike with the other sign"),
    "exponential_enable": _switch(_NEURON, "exponential term reaches the membrane"),
    "multicompartment_connect_soma": _switch(_NEURON, "joined to the shared line"),
    "multicompartment_connect_soma_right": _switch(_NEURON, "membrane joined to the right neighbour's"),
    "multicompartment_connect_right": _switch(_NEURON, "shared line joined to the right neighbour's"),
    "multicompartment_connect_vertical": _switch(_NEURON, "membrane joined to that of the other hemisphere"),
    "multicompartment_enable_conductance": _switch(_NEURON, "joined to the shared line by a conductance"),
    "multicompartment_enable_conductance_division": _switch(_NEURON, "that conductance divided by 4"),
    "multicompartment_enable_conductance_multiplication": _switch(_NEURON, "that conductance multiplied by 4"),
    "leak_enable": _switch(_NEURON, "the leak pulls; off in all circuits of a joined membrane but the first", 1),
    "event_routing_address": Register(_NEURON, 0, 255, 0, "low 8 bits of the label of its spikes"),
    "event_routing_enable_digital": _switch(_NEURON, "its spikes leave the circuit"),
    "event_routing_enable_bypass_excitatory": _switch(_NEURON, "every excitatory event makes a spike"),
    "event_routing_enable_bypass_inhibitory": _switch(_NEURON, "every inhibitory event makes a spike"),
    "readout_source": Register(_NEURON, 0, 3, 0, "0 membrane, 1 excitatory line, 2 inhibitory line, 3 adaptation"),
    "readout_enable_amplifier": _switch(_NEURON, "converters see it through its amplifier, whose range ends"),
    "readout_enable_madc": _switch(_NEURON, "connected to the MADC; a recording by it does so too"),
    "clock_scale_fast": Register((2,), 0, 15, 0, "fast clock 250 MHz / 2^(s+1), of the left and the right half"),
    "clock_scale_slow": Register((2,), 0, 15, 4, "slow clock 250 MHz / 2^(s+1), of the left and the right half"),
    "clock_scale_adaptation_pulse": Register((2,), 0, 15, 5, "pulse 2^(s+1) / 250 MHz, of the left and the right half"),
    "synapse_weight": Register(_SYNAPSE, 0, g.WEIGHT_MAX, 0, "weight"),
    "synapse_label": Register(_SYNAPSE, 0, g.LABEL_MAX, 0, "label of the events that it takes"),
    "row_mode": Register(_ROW, 0, 3, DISABLED, "0 disabled, 1 excitatory, 2 inhibitory, 3 both lines"),
    "driver_select_mask": Register(_DRIVER, 0, g.SELECT_MAX, 0, "bits of the row select in which it must agree"),
    "driver_enable_stp": _switch(_DRIVER, "strength changes by use"),
    "driver_stp_set": _switch(_DRIVER, "which voltages of its quadrant it uses"),
    "driver_utilization": Register(_DRIVER, 0, 15, 4, "part of the way to the charge voltage, of each event"),
    "driver_recovery": Register(_DRIVER, 0, 15, 5, "speed of recovery, as a power of two"),
    "driver_enable_hagen_modulation": _switch(_DRIVER, "the low 5 bits of a label decide how long its pulse is"),
    "driver_hagen_dac_offset": Register(
        _DRIVER, 0, g.HAGEN_OFFSET_MAX, g.HAGEN_CENTRE, "makes pulses longer, or below 32 shorter"
    ),
    "node_enable": _switch(_NODE, "node of the crossbar is open"),
    "node_mask": Register(_NODE, 0, g.NEURON_LABEL_MAX, 0, "bits of a label in which it must agree"),
    "node_target": Register(_NODE, 0, g.NEURON_LABEL_MAX, 0, "what these bits must be"),
    "source_enable": _switch(_SOURCE, "background source runs"),
    "source_mode": _switch(_SOURCE, "0 regular, 1 Poisson"),
    "source_period": Register(_SOURCE, 1, 65535, 1000, "cycles of 125 MHz between two tries"),
    "source_rate": Register(_SOURCE, 0, 255, 255, "of 255 tries, those that make an event"),
    "source_seed": Register(_SOURCE, 1, 2**31 - 1, 1, "of the random numbers"),
    "source_label": Register(_SOURCE, 0, g.NEURON_LABEL_MAX, 0, "label of its events"),
    "source_mask": Register(_SOURCE, 0, 255, 0, "low bits of the label that are random"),
    "cadc_enable_reference": _switch((g.HEMISPHERES,), "all columns of the CADC read the reference voltage"),
    "cadc_offset": Register(_NEURON, -128, 127, 0, "added to the readings of a channel"),
}

REGISTERS = ANALOG | DIGITAL

NOT_YET = (
    "refractory_period_reset_holdoff",
    "multicompartment_enable_conductance",
    "event_routing_enable_bypass_excitatory",
    "event_routing_enable_bypass_inhibitory",
)
"""Registers whose effect is not emulated yet: they must stay 0."""

WIRING = frozenset(
    {
        "synapse_weight",
        "synapse_label",
        "row_mode",
        "driver_select_mask",
        "driver_enable_stp",
        "driver_stp_set",
        "driver_utilization",
        "driver_recovery",
        "driver_enable_hagen_modulation",
        "driver_hagen_dac_offset",
        "node_enable",
        "node_mask",
        "node_target",
        "event_routing_address",
        "event_routing_enable_digital",
    }
)
"""Registers that decide where events go and what they do there, and nothing else: circuits themselves stay as they are,
so that these can be written while circuits run."""

SWITCHES = frozenset(
    {
        "leak_enable",
        "leak_enable_division",
        "leak_enable_multiplication",
        "reset_enable_division",
        "reset_enable_multiplication",
        "refractory_period_enable_pause",
        "constant_current_enable",
        "constant_current_type",
        "exponential_enable",
        *(
            f"{kind}_input_{what}"
            for kind in ("excitatory", "inhibitory")
            for what in ("enable", "enable_high_resistance", "enable_coba_mode")
        ),
    }
)
"""Switches of circuits that change where voltages go, and none of them at once, so that these too can be written while
circuits run.  Those that move charge, or decide which circuits take part, are not among them."""


def node_exists(source: int, target: int) -> bool:
    """Whether the crossbar has a node between an input and an output: 76 of 240 there are.

    Inputs are 8 event outputs of neurons, 4 links from the host and 8 background sources; outputs 4 PADI buses of the
    top, 4 of the bottom and 4 links to the host.
    """
    bus, link = target, target - g.BUSES
    if source < g.NEURON_OUTPUTS:
        own = source % g.BUSES_PER_HEMISPHERE
        return (link == own) if link >= 0 else (bus % g.BUSES_PER_HEMISPHERE == own)
    source -= g.NEURON_OUTPUTS
    if source < g.LINKS:
        return link < 0 or link == source
    source -= g.LINKS
    return (link == source % g.LINKS) if link >= 0 else bus == source
