"""`calibrate_hagen`: codes for the matrix mode, found by measurement."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.calibration import membrane, steps
from saltation.bss2.calibration.bench import EXC, INH, KINDS, Bench
from saltation.bss2.calibration.reach import check_reach, leak_codes
from saltation.bss2.calibration.search import halve, proportion
from saltation.bss2.calibration.target import RECEPTORS
from saltation.bss2.chip import Chip
from saltation.bss2.configuration import Configuration
from saltation.bss2.mac.amplitudes import column_amplitudes, driver_amplitudes
from saltation.bss2.mac.result import DECIDED_BY, REGISTERS_SET, HagenCalibration
from saltation.bss2.mac.target import HagenTarget
from saltation.errors import ChipWarning
from saltation.model.checks import caller_level

Floats = NDArray[np.float64]
Step = tuple[str, Callable[[], None]]

# LSB of the leak while time constants are measured: volleys lift membranes far
_LOW = 60.0
# fractions of the CADC's period by which volleys are moved: lines fall by half in an eighth of it
_PHASES = 16
# made in this process
_MADE: dict[Any, HagenCalibration] = {}
_REMEMBERED = 32
_TOLERATED = 10


def calibrate_hagen(
    chip: Chip,
    target: HagenTarget | None = None,
    *,
    seed: int = 0,
    on_step: Callable[[str, int, int], object] = lambda name, done, total: None,
) -> HagenCalibration:
    """Find codes with which a chip multiplies matrices as asked for, by measurement alone.

    Parameters
    ----------
    chip : Chip
        What is calibrated; nothing of its hidden variation is looked at, and it is left as it was.
    target : HagenTarget, optional
        What is asked for.
    seed : int
        Of the noise of the measurements.
    on_step : callable
        Called with the name of each step, how many are done and how many there are.

    Returns
    -------
    HagenCalibration
        Remembered in the process; ``save`` and ``load`` keep it longer.

    Raises
    ------
    CalibrationError
        If the target is out of reach.

    Warns
    -----
    ChipWarning
        If a quantity of columns or drivers could not be measured, or many codes ended at an end of their range.

    References
    ----------
    After the calibration of calix (electronicvisions/calix) for this mode.

    Examples
    --------
    >>> from saltation.bss2 import Chip
    >>> from saltation.bss2.mac import calibrate_hagen
    >>> calibration = calibrate_hagen(Chip(serial=1))  # doctest: +SKIP
    """
    target = HagenTarget() if target is None else target
    key = chip.serial, chip.physics, chip.variation, chip.noise, target, seed
    if key not in _MADE:
        while len(_MADE) >= _REMEMBERED:
            _MADE.pop(next(iter(_MADE)))
        _MADE[key] = _make(chip, target, seed, on_step)
    _complain(_MADE[key])
    return _MADE[key]


def _make(chip: Chip, target: HagenTarget, seed: int, on_step: Callable[[str, int, int], object]) -> HagenCalibration:
    check_reach(target.neurons(), chip.physics)
    bench, before = Bench(chip, seed), chip.state
    try:
        configuration = starting_point(bench, target)
        listed = _steps(bench, configuration, target)
        for done, (name, step) in enumerate(listed):
            on_step(name, done, len(listed))
            step()
        on_step("report", len(listed), len(listed))
        report = _report(bench, configuration, target)
    finally:
        chip.restore(before)
    registers = {name: configuration[name].copy() for name in REGISTERS_SET}
    return HagenCalibration(chip.serial, target, registers, report, bench.hardware_time)


def _complain(result: HagenCalibration) -> None:
    failed = {name: int(row["failed"]) for name, row in result.summary().items() if row["failed"]}
    # the slowest lines of a chip stay a little slower than asked for, and the gain of their column makes up for it:
    # the summary has their number
    at_ends = {name: n for name, n in result.at_ends().items() if n > _TOLERATED and not name.endswith("i_bias_tau")}
    if failed or at_ends:
        warnings.warn(
            f"chip {result.serial}: could not be measured: {failed}; codes at an end of their range: {at_ends}; ask "
            "for targets nearer to the middle",
            ChipWarning,
            stacklevel=caller_level(),
        )


def starting_point(bench: Bench, target: HagenTarget) -> Configuration:
    """Registers that follow from the target without a measurement, and guesses for the rest."""
    neurons, physics = target.neurons(), bench.chip.physics
    code, factor = leak_codes(neurons.of_all("tau_mem"), physics.capacitance(neurons.membrane_capacitance), physics)
    configuration = Configuration(
        membrane_capacitance_capacitance=neurons.membrane_capacitance,
        synapse_dac_bias=target.synapse_dac_bias,
        excitatory_input_enable=1,
        inhibitory_input_enable=1,
        excitatory_input_i_bias_gm=target.i_synin_gm,
        inhibitory_input_i_bias_gm=target.i_synin_gm,
        leak_i_bias=code,
        leak_enable_division=(factor < 1.0).astype(int),
        leak_enable_multiplication=(factor > 1.0).astype(int),
    )
    return configuration


def _steps(bench: Bench, configuration: Configuration, target: HagenTarget) -> list[Step]:
    neurons, low = target.neurons(), np.full(g.CIRCUITS, _LOW)
    leak, tau = neurons.of_all("leak"), neurons.of_all("tau_syn_exc")
    return [
        ("CADC offsets", lambda: steps.cadc_offsets(bench, configuration)),
        ("tau_syn, excitatory", lambda: steps.tau_syn(bench, configuration, EXC, tau, _PHASES)),
        ("tau_syn, inhibitory", lambda: steps.tau_syn(bench, configuration, INH, tau, _PHASES)),
        # before all that is read with inputs on: a weak leak makes much of what they let through
        ("reference, excitatory", lambda: steps.reference(bench, configuration, EXC)),
        ("reference, inhibitory", lambda: steps.reference(bench, configuration, INH)),
        ("leak, at first", lambda: steps.leak(bench, configuration, low)),
        ("tau_mem", lambda: membrane.tau_mem(bench, configuration, neurons)),
        ("leak", lambda: steps.leak(bench, configuration, leak)),
        ("drivers", lambda: drivers(bench, configuration)),
        ("columns, excitatory", lambda: columns(bench, configuration, EXC, target)),
        ("columns, inhibitory", lambda: columns(bench, configuration, INH, target)),
        ("leak, at last", lambda: steps.leak(bench, configuration, leak)),
    ]


def drivers(bench: Bench, configuration: Configuration) -> None:
    """Lengths of pulses: all drivers have the amplitude of the median one."""
    name, shape = "driver_hagen_dac_offset", (g.HEMISPHERES, g.DRIVERS)
    wanted = np.median(driver_amplitudes(bench, configuration))

    def low_enough(codes: NDArray[np.int32]) -> NDArray[np.bool_]:
        configuration.set(name, codes.reshape(shape))
        return driver_amplitudes(bench, configuration) <= wanted

    codes = halve(low_enough, g.HAGEN_OFFSET_MAX, g.HEMISPHERES * g.DRIVERS)
    configuration.set(name, codes.reshape(shape))


def columns(bench: Bench, configuration: Configuration, receptor: int, target: HagenTarget) -> None:
    """Gains of columns: all have the amplitude that the median one has at the code of the target."""
    name = f"{KINDS[receptor]}_input_i_bias_gm"
    start = np.full(g.CIRCUITS, target.i_synin_gm, np.int32)

    def measured(codes: NDArray[np.int32]) -> Floats:
        configuration.set(name, codes)
        return column_amplitudes(bench, configuration, receptor)

    wanted = np.full(g.CIRCUITS, np.median(measured(start)))
    configuration.set(name, proportion(measured, wanted, start, 3, inversely=False))


def _report(bench: Bench, configuration: Configuration, target: HagenTarget) -> dict[str, tuple[Floats, Floats]]:
    neurons = target.neurons()

    def low(own: Configuration) -> Configuration:
        lowered = own.copy()
        steps.leak(bench, lowered, np.full(g.CIRCUITS, _LOW))
        return lowered

    measures: dict[str, Callable[[Configuration], Floats]] = {
        "leak": lambda own: bench.reading(steps.silent(own)),
        "tau_mem": lambda own: membrane.measure_tau_mem(bench, low(own), neurons),
        "driver": lambda own: driver_amplitudes(bench, own),
    }
    for receptor, short in enumerate(RECEPTORS):
        about = neurons.of_all(f"tau_syn_{short}")
        measures[f"tau_syn_{short}"] = lambda own, r=receptor, a=about: steps.measure_tau_syn(bench, own, r, a, _PHASES)
        measures[f"amplitude_{short}"] = lambda own, r=receptor: column_amplitudes(bench, own, r)
    report = {}
    for name, measure in measures.items():
        uniform = configuration.copy()
        uniform.set(DECIDED_BY[name], int(np.median(configuration[DECIDED_BY[name]])))
        report[name] = measure(uniform), measure(configuration)
    return report
