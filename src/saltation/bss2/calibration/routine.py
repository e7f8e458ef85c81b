"""`calibrate`: all steps in their order, and what came of them."""

import hashlib
import json
import logging
import os
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from saltation.bss2.calibration import adaptation, conductance, exponential, membrane, steps
from saltation.bss2.calibration.bench import EXC, INH, KINDS, Bench
from saltation.bss2.calibration.clocks import refractory_times
from saltation.bss2.calibration.reach import check_reach
from saltation.bss2.calibration.report import spreads
from saltation.bss2.calibration.result import Calibration
from saltation.bss2.calibration.target import RECEPTORS, NeuronTarget
from saltation.bss2.calibration.terms import switch_on
from saltation.bss2.chip import Chip
from saltation.bss2.configuration import Configuration
from saltation.errors import ChipWarning, ParameterError
from saltation.model.checks import caller_level

_LOG = logging.getLogger(__name__)

Step = tuple[str, Callable[[], None]]

# Made in this process, the oldest first: chips are made anew more often than they change.
_MADE: dict[str, Calibration] = {}
_REMEMBERED = 64
# Circuits of each chip, 2 in 100, lie so far out that no code suffices; more than that are a target out of reach.
_TOLERATED = 10

VERSION = 2
"""Raised with every change of the routine that changes its results: calibrations of another one are not taken."""


def calibrate(
    chip: Chip,
    target: NeuronTarget | None = None,
    *,
    seed: int = 0,
    cache: str | Path | None = None,
    on_step: Callable[[str, int, int], object] = lambda name, done, total: None,
) -> Calibration:
    """Find codes with which the circuits of a chip behave as asked for, by measurement alone.

    Parameters
    ----------
    chip : Chip
        What is calibrated; nothing of its hidden variation is looked at, and it is left as it was.
    target : NeuronTarget, optional
        What is asked for.
    seed : int
        Of the noise of the measurements.
    cache : path, optional
        Folder in which calibrations are kept, told apart by chip and target; ``$SALTATION_CALIBRATIONS`` by default,
        and none without it.
    on_step : callable
        Called with the name of each step, how many are done and how many there are.

    Returns
    -------
    Calibration
        Registers, and spreads before and after.

    Raises
    ------
    CalibrationError
        If the target is out of reach.
    ParameterError
        If it is no NeuronTarget.

    Warns
    -----
    ChipWarning
        If circuits could not be measured, or many codes ended at an end of their range; also if it was made before.

    References
    ----------
    After calix (electronicvisions/calix), but that potentials and the membrane come before the strength of inputs.
    """
    target = NeuronTarget() if target is None else target
    if not isinstance(target, NeuronTarget):
        raise ParameterError(
            f"calibrate.target must be a NeuronTarget, such as NeuronTarget() or COBA; got {target!r}; names are for "
            "the command line"
        )
    digest = _digest(chip, target, seed)
    place = _place(chip, digest, cache)
    if place is not None and place.exists():
        result = Calibration.load(place)
    else:
        result = _MADE.get(digest)
        if result is None:
            result = _make(chip, target, seed, on_step)
            while len(_MADE) >= _REMEMBERED:
                _MADE.pop(next(iter(_MADE)))
            _MADE[digest] = result
        if place is not None:
            result.save(place)
    _complain(result)
    return result


def _make(chip: Chip, target: NeuronTarget, seed: int, on_step: Callable[[str, int, int], object]) -> Calibration:
    """Measure and search on the chip, which is left as it was."""
    check_reach(target, chip.physics)
    bench, before = Bench(chip, seed), chip.state
    try:
        return _search(bench, target, on_step)
    finally:
        chip.restore(before)


def _search(bench: Bench, target: NeuronTarget, on_step: Callable[[str, int, int], object]) -> Calibration:
    """All steps in their order, and the report."""
    configuration = starting_point(target)
    listed = _steps(bench, configuration, target)
    for done, (name, step) in enumerate(listed):
        on_step(name, done, len(listed))
        step()
        _LOG.debug("%s: %d runs, %.3g s on hardware", name, bench.runs, bench.hardware_time)
    on_step("report", len(listed), len(listed))
    report = spreads(bench, configuration, target)
    decided = REGISTERS_SET + switch_on(configuration, target)
    registers = {name: configuration[name].copy() for name in decided}
    return Calibration(bench.chip.serial, target, registers, report, bench.hardware_time)


def _complain(result: Calibration) -> None:
    """Say which circuits could not be measured, and which codes ended where there are no more."""
    failed = {name: int(row["failed"]) for name, row in result.summary().items() if row["failed"]}
    if failed:
        warnings.warn(
            f"chip {result.serial}: of 512 circuits could not be measured {failed}; their codes are guesses; ask "
            "for targets nearer to the middle, or leave these circuits out",
            ChipWarning,
            stacklevel=caller_level(),
        )
    at_ends = {name: n for name, n in result.at_ends().items() if n > _TOLERATED}
    if at_ends:
        warnings.warn(
            f"chip {result.serial}: codes ended at an end of their range, targets are out of reach of these numbers of "
            f"circuits: {at_ends}; ask for targets nearer to the middle",
            ChipWarning,
            stacklevel=caller_level(),
        )


REGISTERS_SET = (
    "leak_v_leak",
    "reset_v_reset",
    "threshold_v_threshold",
    "leak_i_bias",
    "leak_enable_division",
    "leak_enable_multiplication",
    "reset_i_bias",
    "reset_enable_multiplication",
    "membrane_capacitance_capacitance",
    "refractory_period_refractory_time",
    "refractory_period_input_clock",
    "clock_scale_fast",
    "clock_scale_slow",
    "synapse_dac_bias",
    "cadc_offset",
    *(
        f"{kind}_input_{what}"
        for kind in ("excitatory", "inhibitory")
        for what in (
            "enable",
            "i_bias_tau",
            "i_bias_gm",
            "i_shift_reference",
            "enable_small_capacitance",
            "enable_high_resistance",
        )
    ),
)
"""Registers that every calibration decides."""


def starting_point(target: NeuronTarget) -> Configuration:
    """Registers that follow from the target without a measurement, and guesses for the rest."""
    configuration = Configuration(
        membrane_capacitance_capacitance=target.membrane_capacitance,
        synapse_dac_bias=target.synapse_dac_bias,
        excitatory_input_enable=1,
        inhibitory_input_enable=1,
        excitatory_input_i_bias_gm=np.rint(target.of_all("i_synin_gm_exc")).astype(int),
        inhibitory_input_i_bias_gm=np.rint(target.of_all("i_synin_gm_inh")).astype(int),
    )
    refractory_times(configuration, target.of_all("refractory_time"))
    return configuration


def _steps(bench: Bench, configuration: Configuration, target: NeuronTarget) -> list[Step]:
    of = target.of_all
    listed: list[Step] = [
        ("CADC offsets", lambda: steps.cadc_offsets(bench, configuration)),
        ("tau_syn, excitatory", lambda: steps.tau_syn(bench, configuration, EXC, of("tau_syn_exc"))),
        ("tau_syn, inhibitory", lambda: steps.tau_syn(bench, configuration, INH, of("tau_syn_inh"))),
        ("threshold", lambda: steps.threshold(bench, configuration, of("threshold"))),
        ("leak, at first", lambda: steps.leak(bench, configuration, of("leak"))),
        ("tau_mem", lambda: membrane.tau_mem(bench, configuration, target)),
        ("strength, excitatory", lambda: steps.strength(bench, configuration, EXC, target)),
        ("strength, inhibitory", lambda: steps.strength(bench, configuration, INH, target)),
        ("reference, excitatory", lambda: steps.reference(bench, configuration, EXC)),
        ("reference, inhibitory", lambda: steps.reference(bench, configuration, INH)),
        ("reset", lambda: steps.reset(bench, configuration, of("reset"))),
        ("leak", lambda: steps.leak(bench, configuration, of("leak"))),
    ]
    for receptor, (kind, short) in enumerate(zip(KINDS, RECEPTORS, strict=True)):
        if getattr(target, f"e_coba_reversal_{short}") is not None:
            found = partial(conductance.conductance, bench, configuration, receptor, target)
            listed.append((f"conductance, {kind}", found))
    if target.tau_adap is not None:
        listed.append(("adaptation", lambda: adaptation.adaptation(bench, configuration, target)))
    if target.exponential_threshold is not None:
        listed.append(("exponential term", lambda: exponential.exponential(bench, configuration, target)))
    return listed


def _digest(chip: Chip, target: NeuronTarget, seed: int) -> str:
    """What tells calibrations apart."""
    physics: Any = [value for _, value, *_ in chip.physics.table()]
    what = [VERSION, chip.serial, target.to_dict(), seed, physics, list(map(str, (chip.variation, chip.noise)))]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]


def _place(chip: Chip, digest: str, cache: str | Path | None) -> Path | None:
    folder = os.environ.get("SALTATION_CALIBRATIONS") if cache is None else cache
    return Path(folder) / f"chip-{chip.serial}-{digest}.npz" if folder else None
