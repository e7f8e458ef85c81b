"""`Write`: a register written inside a real-time section, while circuits run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.configuration import Configuration, resolve
from saltation.bss2.registers import ANALOG, SWITCHES, WIRING
from saltation.errors import ConfigurationError

Ints = NDArray[np.int64]


@final
@dataclass(frozen=True, eq=False)
class Write:
    """A register written inside a section; it acts on what arrives, and on spikes, after its time.

    Events that are on their way keep the buses to which the crossbar led them, and meet the synapses as they are when
    they arrive.  That a write takes no time is assumed.

    Parameters
    ----------
    time : float
        Seconds from the begin of the section; at the next tick of 8 ns.
    register : str
        One of ``saltation.bss2.registers.WIRING``: weights, labels, modes of rows, drivers, nodes and labels of spikes;
        or of ``SWITCHES``: those of circuits that leave voltages as they are, and change where they go from there.
    values : array_like of int
        What is written.
    at : index
        Where; by default everywhere.

    Raises
    ------
    ConfigurationError
        If a value is not allowed, or the register cannot be written while circuits run; the message says why.

    Examples
    --------
    >>> from saltation.bss2 import Write
    >>> Write(10e-6, "synapse_weight", 30, at=(0, 4, slice(0, 3))).places
    array([1024, 1025, 1026])
    """

    time: float
    register: str
    values: npt.ArrayLike
    at: Any = field(default=..., repr=False)
    places: Ints = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check, and resolve the index."""
        if isinstance(self.time, bool) or not 0.0 <= self.time < float("inf"):
            raise ConfigurationError(f"Write.time must be a time in seconds of at least 0; got {self.time!r}")
        places, values = resolve(self.register, self.values, self.at)
        if self.register not in WIRING | SWITCHES:
            raise ConfigurationError(
                f"{self.register} cannot be written inside a section: {_why(self.register)}; what can be written there "
                f"is {', '.join(sorted(WIRING | SWITCHES))}"
            )
        for name, array in (("places", places), ("values", values)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @property
    def tick(self) -> float:
        """When it happens: at the next time stamp."""
        return float(np.ceil(self.time / g.TICK - 1e-6) * g.TICK)

    def apply(self, configuration: Configuration) -> None:
        """Write it into a configuration."""
        configuration[self.register].reshape(-1)[self.places] = self.values


def _why(register: str) -> str:
    if register in ANALOG:
        return (
            "it is an analog value, which settles for 20 ms; write it to the configuration and run again, which waits "
            "for it"
        )
    if register.startswith("source_"):
        return "background sources are started with the section; take another section, or play the events"
    if register.startswith(("readout_", "cadc_")):
        return "what is read is decided with the section; take another section"
    if register == "threshold_enable":
        return "it decides which circuits take part in a run; write it before a run"
    return "it changes more of circuits than where their voltages go; write it before a run"


def by_time(writes: Sequence[Write]) -> Iterator[tuple[float, list[Write]]]:
    """Times, and what is written at each, in the order given."""
    for time, together in groupby(sorted(writes, key=lambda write: write.tick), key=lambda write: write.tick):
        yield time, list(together)
