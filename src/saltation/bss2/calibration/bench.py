"""What a calibration does on a chip: write codes, play events, read converters and counters; nothing else."""

from typing import final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.chip import Chip
from saltation.bss2.configuration import Configuration
from saltation.bss2.crossbar import FIRST_LINK_IN, label_of
from saltation.bss2.drift import FIRST_MEASUREMENT
from saltation.bss2.readout import Cadc
from saltation.bss2.registers import DISABLED, EXCITATORY, INHIBITORY
from saltation.bss2.section import ChipEvents, Observed, Section

Floats = NDArray[np.float64]

EXC, INH = 0, 1
KINDS = ("excitatory", "inhibitory")
# of events before which the membrane is read at rest
_LEAD = 20e-6
PHASES = 4


@final
class Bench:
    """A chip on which circuits are measured, and how long that would have taken."""

    def __init__(self, chip: Chip, seed: int) -> None:
        self.chip, self.seed = chip, seed
        self.hardware_time = 0.0
        self.runs = 0

    def run(self, configuration: Configuration, sections: list[Section]) -> tuple[Observed, ...]:
        """Run sections, and add up the time on hardware."""
        # numbers of its own: a chip's runs are the same whether it was calibrated now or earlier
        execution = self.chip.run(configuration, sections, seed=self.seed, number=FIRST_MEASUREMENT + self.runs)
        self.hardware_time += execution.hardware_time
        self.runs += 1
        return execution.sections

    def reading(self, configuration: Configuration, samples: int = 60) -> Floats:
        """Mean reading of each column, ``[512]`` in LSB, of membranes without events."""
        period = 5e-6  # half a membrane: readings that are close say the same
        section = Section(samples * period, recordings=[Cadc(samples=samples, period=period)])
        return self.run(configuration, [section])[0].samples[0].mean(axis=0)

    def counts(self, configuration: Configuration, duration: float) -> NDArray[np.int64]:
        """Spikes that each circuit counts in a section without events; at most 255 are told apart."""
        return self.run(configuration, [Section(duration)])[0].counters

    def response(
        self,
        configuration: Configuration,
        receptor: int,
        driver: int,
        volley: Floats,
        length: float,
        repeats: int = 1,
        phases: int = PHASES,
        weight: npt.ArrayLike = g.WEIGHT_MAX,
    ) -> tuple[Floats, Floats]:
        """How readings answer a volley of events to all columns through one driver.

        Parameters
        ----------
        configuration : Configuration
            Its rows and nodes are not used.
        receptor : int
            0 excitatory, 1 inhibitory.
        driver : int
            Of each hemisphere.
        volley : ndarray
            Times of the events, the first at 0.
        length : float
            For how long it is read.
        repeats : int
            How many times each phase is measured.
        phases : int
            By how many fractions of the CADC's period the volley is moved, so that samples fall between one another.
        weight : int or array_like, [2, 256]
            Of the synapses: full ones by default.

        Returns
        -------
        times, values
            Seconds since the first event ``[sample]``, and by how much readings are above those before it
            ``[sample, 512]``.
        """
        own, label = wired(configuration, receptor, driver, weight)
        period = self.chip.physics.cadc_period
        sections, starts = [], []
        for phase in range(phases):
            start = _LEAD + phase * period / phases
            events = ChipEvents(start + volley, np.full(volley.size, label))
            samples = min(g.CADC_SRAM_SAMPLES, int((_LEAD + length) / period))
            section = Section(_LEAD + length + 2 * period, events, [Cadc(samples=samples)])
            sections += [section] * repeats
            starts += [start] * repeats
        times, values = [], []
        for start, observed in zip(starts, self.run(own, sections), strict=True):
            at = observed.sampled[0]
            reading = observed.samples[0].astype(np.float64)
            values.append(reading - reading[at < _LEAD].mean(axis=0))
            times.append(at - start)
        return np.concatenate(times), np.concatenate(values)


def wired(
    configuration: Configuration, receptor: int, driver: int, weight: npt.ArrayLike = g.WEIGHT_MAX
) -> tuple[Configuration, int]:
    """The same, but that events of the label returned reach all columns through one driver."""
    own = configuration.copy()
    own["row_mode"][...] = DISABLED
    own["node_enable"][...] = 0
    own["driver_select_mask"][...] = g.SELECT_MAX
    row = g.ROWS_PER_DRIVER * driver + receptor
    own["row_mode"][:, row] = (EXCITATORY, INHIBITORY)[receptor]
    own["synapse_weight"][:, row] = weight
    own["synapse_label"][:, row] = 1
    own["node_enable"][FIRST_LINK_IN, : g.BUSES] = 1
    return own, label_of(g.select_of_row(row), 1)
