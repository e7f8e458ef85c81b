"""`Sites`: the parts of a network on their chips: with which codes, in which scale; and what was said of it already."""

import warnings
from collections.abc import Mapping, Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.calibration import Calibration
from saltation.bss2.chip import Chip, Execution, lost_events
from saltation.bss2.configuration import Configuration
from saltation.bss2.measuring import MeasuredScales, measure_scales
from saltation.bss2.parts import Part
from saltation.bss2.playing import at_rails
from saltation.bss2.scaling import Scale
from saltation.errors import ChipWarning
from saltation.model import LIF, Population, Projection, ProjectionKey
from saltation.model.checks import caller_level


@final
class Site:
    """A part on its chip.

    Attributes
    ----------
    part : Part
    chip : Chip
    calibration : Calibration
    configuration : Configuration
        What is written; weights change from run to run.
    scales : dict of str to Scale
        How its populations are seen.
    """

    __slots__ = ("_measured", "calibration", "chip", "configuration", "part", "scales")

    def __init__(
        self,
        part: Part,
        chip: Chip,
        calibration: Calibration,
        configuration: Configuration,
        scales: dict[str, Scale],
    ) -> None:
        self.part, self.chip, self.calibration = part, chip, calibration
        self.configuration, self.scales = configuration, scales
        self._measured: MeasuredScales | None = None

    @property
    def measured(self) -> MeasuredScales:
        """Scales of all neurons, measured when they are first asked for."""
        if self._measured is None:
            circuits = [self.part.placement.circuits[demand.name][:, 0] for demand in self.part.placement.demands]
            self._measured = measure_scales(
                self.chip, self.calibration, configuration=self.configuration, circuits=np.concatenate(circuits)
            )
        return self._measured

    def measured_of(self, population: str) -> MeasuredScales:
        """Those of a population, in the order of its neurons in this part."""
        return self.measured.of(self.part.placement.circuits[population][:, 0])


@final
class Sites:
    """All parts of a network, and what they have in common.

    Attributes
    ----------
    all : tuple of Site
        In the order in which they run.
    factors : dict of str to float
        For each population, the weight on the chip for a weight of 1.
    """

    def __init__(self, sites: tuple[Site, ...], factors: Mapping[str, float]) -> None:
        self.all, self.factors = sites, factors
        self._held: dict[str, Population] | None = None
        self._told: set[str] = set()

    def tell(self, what: str, message: str) -> None:
        """Warn of something once: in a training it would come with every batch."""
        if what not in self._told:
            self._told.add(what)
            warnings.warn(message, ChipWarning, stacklevel=caller_level())

    def rounded(self, key: ProjectionKey, projection: Projection) -> NDArray[np.int64]:
        """Weights of a projection as the chip has them, in its shape, those beyond the range cut."""
        site = next(site for site in self.all if key in site.part.keys)
        most = g.WEIGHT_MAX * site.part.placement.written[key].rows
        factor = self.factors[projection.post]
        wanted = np.rint(projection.weight * factor).astype(np.int64)
        if beyond := int((np.abs(wanted) > most).sum()):
            self.tell(
                f"cut {key!r}",
                f"projection {key!r}: {beyond} of {wanted.size} weights are beyond the chip's {most} and were cut, and "
                f"later ones will be; a weight of 1 is {factor:.1f} on the chip; use more rows=, a larger "
                "synapse_dac_bias=, or smaller weights",
            )
        return np.clip(wanted, -most, most)

    def held(self, populations: Mapping[str, Population]) -> dict[str, Population]:
        """Populations with the refractory times of the chip; made once, so that what was packed for them stays."""
        if self._held is None:
            self._held = dict(populations)
            for name, population in populations.items():
                if isinstance(population, LIF):
                    hold = np.zeros(population.size)
                    for site in self.all:
                        if name in site.part.neurons:
                            hold[site.part.neurons[name]] = site.scales[name].hold
                    self._held[name] = population.with_parameters(t_refrac=hold)
        return self._held

    def complain(self, execution: Execution, recorded: Sequence[str]) -> None:
        """Say what a chip lost in a run, and where its readings ended."""
        if lost := lost_events(execution):
            warnings.warn(
                f"the chip lost events in run {execution.number}: {lost}; more come at once than a link or a bus "
                "carries, one every 8 ns; spread them, or use fewer inputs",
                ChipWarning,
                stacklevel=caller_level(),
            )
        if recorded and (n := at_rails(execution.sections, 0)):
            self.tell(
                "rails",
                f"{n} readings of {', '.join(recorded)} in run {execution.number} were at an end of the CADC's 0..255, "
                "and the voltage may have been beyond; move leak= or threshold=, or use smaller weights",
            )
