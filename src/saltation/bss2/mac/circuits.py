"""`Circuits`: matrices multiplied by the emulated circuits of a chip."""

from collections.abc import Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.chip import Chip, Execution, lost_events
from saltation.bss2.configuration import Configuration
from saltation.bss2.mac import layout
from saltation.bss2.mac.checks import check_run, check_tile
from saltation.bss2.mac.ranges import OUTPUT_MAX, OUTPUT_MIN
from saltation.bss2.mac.result import HagenCalibration
from saltation.bss2.mac.unit import Tile
from saltation.errors import CalibrationError, SimulationError

Ints = NDArray[np.int64]


def configure(tiles: Sequence[Tile], calibration: HagenCalibration) -> Configuration:
    """Registers of a chip that multiplies by tiles.

    Raises
    ------
    ConfigurationError
        If a tile does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.bss2 import Chip
    >>> from saltation.bss2.mac import HagenCalibration, HagenTarget, Tile, configure
    >>> nothing_found = HagenCalibration(1, HagenTarget(), {}, {}, 0.0)
    >>> configuration = configure([Tile(0, np.array([[5, -3]]))], nothing_found)
    >>> configuration["synapse_weight"][0, :2, :2]  # the row that inhibits, and the one that excites
    array([[0, 3],
           [5, 0]], dtype=int32)
    """
    for tile in tiles:
        check_tile(tile)
    configuration = Configuration()
    layout.wire(configuration)
    calibration.apply(configuration)
    layout.write_weights(configuration, tiles)
    return configuration


@final
class Circuits:
    """A `MatrixUnit`: the circuits of a chip, one real-time section for each vector.

    Column ``j`` gives ``read(t_1) - read(t_0)`` of its membrane, which follows

        C dV/dt = g_l (E_l - V) + I_exc(u_exc) - I_inh(u_inh),    u_exc += sum_i w_ij a_i p   at the events

    with the pulses ``a_i p`` of the drivers; noise, mismatch, saturation and drift are the chip's.
    A run of ``multiply`` is one run of the chip.

    Parameters
    ----------
    chip : Chip
        Where it runs.
    calibration : HagenCalibration
        Of this chip, by `calibrate_hagen`.
    seed : int
        Of temporal noise.

    Raises
    ------
    CalibrationError
        If the calibration is of another chip, or is none.

    References
    ----------
    Weis et al., Inference with artificial neural networks on analog neuromorphic hardware, 2020, arXiv:2006.13177;
    Spilger et al., hxtorch, 2020, arXiv:2006.13138.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.bss2 import Chip
    >>> from saltation.bss2.mac import Circuits, Tile, calibrate_hagen
    >>> chip = Chip(serial=1)
    >>> circuits = Circuits(chip, calibrate_hagen(chip))  # doctest: +SKIP
    >>> (result,) = circuits.multiply([Tile(0, np.full((100, 4), 21))], [np.full((1, 100), 15)])  # doctest: +SKIP
    """

    def __init__(self, chip: Chip, calibration: HagenCalibration, *, seed: int = 0) -> None:
        if not isinstance(calibration, HagenCalibration):
            raise CalibrationError(
                f"Circuits.calibration must be a HagenCalibration; got {type(calibration).__name__}; the matrix mode "
                "has one of its own: calibrate_hagen(chip)"
            )
        calibration.check(chip.serial)
        self._chip, self._calibration, self._seed = chip, calibration, seed
        self._configuration = configure((), calibration)
        self.last: Execution | None = None
        """What came of the last run: its time on hardware, what was written, and readings."""

    def __repr__(self) -> str:
        return f"Circuits({self._chip!r})"

    @property
    def noise_key(self) -> tuple[str, ...]:
        """What decides the noise: units with the same are no two chips."""
        return "Circuits", str(self._chip.serial), str(self._seed)

    @property
    def chip(self) -> Chip:
        """Where it runs."""
        return self._chip

    def multiply(
        self,
        tiles: Sequence[Tile],
        activations: Sequence[Ints],
        *,
        num_sends: int = 1,
        wait_between_events: int = 5,
    ) -> list[NDArray[np.int8]]:
        """As `MatrixUnit.multiply`.

        Raises
        ------
        ConfigurationError
            If a tile does not fit, a number is out of range or of another type, or shapes differ.
        """
        check_run(tiles, activations, num_sends, wait_between_events)
        schedule = layout.schedule_of(tiles, num_sends, wait_between_events)
        layout.write_weights(self._configuration, tiles)
        sections = layout.sections_of(tiles, activations, schedule)
        execution = self._chip.run(self._configuration, sections, seed=self._seed)
        self.last = execution
        if lost := lost_events(execution):
            raise SimulationError(
                f"events of a matrix were lost: {lost}; what was read is not the product; a longer "
                "wait_between_events, or a Physics.link_depth and link_period as they are on the chip, loses none"
            )
        differences = np.stack([layout.less_baseline(each.samples[0]) for each in execution.sections])
        results = np.clip(differences, OUTPUT_MIN, OUTPUT_MAX).astype(np.int8)
        return [_own(results, tile) for tile in tiles]


def _own(results: NDArray[np.int8], tile: Tile) -> NDArray[np.int8]:
    begin = g.COLUMNS * tile.hemisphere + tile.column
    return results[:, begin : begin + tile.weights.shape[1]]
