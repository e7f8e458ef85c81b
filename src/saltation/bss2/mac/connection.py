"""What programs are connected to: the units, and the numbers of the ideal mode; as in hxtorch, one for all."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from saltation.bss2.mac.gain import gain_and_noise
from saltation.bss2.mac.ideal import MockParameter
from saltation.bss2.mac.running import Submitting, System
from saltation.bss2.mac.unit import MatrixUnit
from saltation.errors import ParameterError, SimulationError

Units = MatrixUnit | Sequence[MatrixUnit] | System
"""One unit, several, or a system of them."""


@dataclass
class _State:
    system: System | None = None
    parameter: MockParameter = field(default_factory=MockParameter)


_STATE = _State()


def init_hardware(units: Units | None = None, ann: bool = True, *, executor: Submitting | None = None) -> None:
    """Connect to units: all products that are not ideal run there, until `release_hardware` or the next call.

    Parameters
    ----------
    units : MatrixUnit, sequence of MatrixUnit, or System
        One for each chip.
    ann : bool
        For programs of hxtorch, where it chooses the calibration; a unit has its own.
    executor : optional
        Where several chips run, see `System`.

    Raises
    ------
    ParameterError
        If there are no units, or ``ann`` is false.

    Examples
    --------
    >>> from saltation.bss2.mac import Ideal, init_hardware, release_hardware
    >>> init_hardware(Ideal())
    >>> release_hardware()
    """
    if not ann:
        raise ParameterError("init_hardware.ann must be True: spiking networks take saltation.bss2.Backend")
    if units is None:
        raise ParameterError(
            "init_hardware.units must be what multiplies, one unit for each chip; got none; there is no chip to "
            "connect to: init_hardware(saltation.bss2.mac.Ideal()), or a unit of an emulated chip"
        )
    _STATE.system = system_of(units, executor)


def release_hardware() -> None:
    """Disconnect; nothing happens where nothing is connected."""
    _STATE.system = None


@contextmanager
def hardware(units: Units, *, executor: Submitting | None = None) -> Iterator[System]:
    """Connect to units inside a ``with`` block; what was connected before is so again behind it.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.bss2.mac import Ideal, hardware, mac
    >>> with hardware(Ideal()):
    ...     mac(np.ones((4, 3)), np.ones((3, 2))).shape
    (4, 2)
    """
    before = _STATE.system
    _STATE.system = system_of(units, executor)
    try:
        yield _STATE.system
    finally:
        _STATE.system = before


@contextmanager
def restored_on_error() -> Iterator[None]:
    """Have what is connected, and gain and noise of the ideal mode, as before where the ``with`` block raises."""
    before = _STATE.system, _STATE.parameter
    try:
        yield
    except BaseException:
        _STATE.system, _STATE.parameter = before
        raise


def connected() -> System:
    """The system that `init_hardware` connected.

    Raises
    ------
    SimulationError
        If there is none.
    """
    if _STATE.system is None:
        raise SimulationError(
            "no unit is connected: call init_hardware(unit) first, or compute with mock=True, the ideal mode"
        )
    return _STATE.system


def system_of(units: Units | None, executor: Submitting | None = None) -> System:
    """A system of what is given; None: the one that is connected.

    Raises
    ------
    ParameterError
        If it is no unit, or an executor comes with a system, which has its own.
    SimulationError
        If nothing is given and nothing connected.
    """
    if isinstance(units, System):
        if executor is not None:
            raise ParameterError("a System has its executor already: System(units, executor)")
        return units
    if units is None:
        return connected()
    return System(tuple(units) if isinstance(units, Sequence) else (units,), executor)


def get_mock_parameter() -> MockParameter:
    """Gain and noise of the ideal mode; the gain is that of all gradients, too."""
    return _STATE.parameter


def set_mock_parameter(parameter: MockParameter) -> None:
    """Set gain and noise of the ideal mode, and so the gain of all gradients.

    Raises
    ------
    RangeError
        If the gain is not in (0, 1], or the noise is negative.

    Examples
    --------
    >>> from saltation.bss2.mac import MockParameter, get_mock_parameter, set_mock_parameter
    >>> set_mock_parameter(MockParameter(gain=0.0018, noise_std=1.6))
    >>> get_mock_parameter().gain
    0.0018
    >>> set_mock_parameter(MockParameter())
    """
    parameter.check("set_mock_parameter.parameter")
    _STATE.parameter = parameter


def measure_mock_parameter(units: Units | None = None, *, seed: int = 0) -> MockParameter:
    """Measure gain and noise of units, by default of those connected; see `saltation.bss2.mac.gain.gain_and_noise`.

    Raises
    ------
    SimulationError
        If nothing is connected, or outputs saturate whatever is sent.
    """
    return gain_and_noise(system_of(units).units, seed=seed)
