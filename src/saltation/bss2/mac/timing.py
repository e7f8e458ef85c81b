"""`ChipTiming`: how long a chip and its host would take for a run, estimated from their figures."""

from dataclasses import dataclass
from typing import NamedTuple, final

from saltation.bss2.mac.partition import PlannedRun

_ROWS_PER_INPUT = 2  # of a signed one


class RunTime(NamedTuple):
    """Seconds of a run.

    Attributes
    ----------
    events : float
        In which activations are sent.
    readout : float
        Of two readings a vector, and the wait between them.
    reconfiguration : float
        For writing the weights.
    host : float
        Of the host: converting, sending, receiving.
    """

    events: float
    readout: float
    reconfiguration: float
    host: float

    @property
    def total(self) -> float:
        """All of it, one after the other."""
        return sum(self)


@final
@dataclass(frozen=True)
class ChipTiming:
    """Figures of the chip and its host.

    ::

        events          = period wait_between_events num_sends (inputs of the fuller hemisphere, over the batch)
        readout         = (2 read + settle) batch
        reconfiguration = 2 byte bytes_per_synapse (inputs x outputs of the blocks)
        host            = (host_vector + host_value (inputs + outputs)) batch

    Attributes
    ----------
    period : float
        Seconds of a cycle of the FPGA, in which it sends an event to each hemisphere.
    read : float
        Seconds of a reading of all columns.
    settle : float
        Seconds between the reading of the baseline and the first event.
    byte : float
        Seconds for a byte to the FPGA. Our assumption: a link of 1 Gbit/s, fully used.
    bytes_per_synapse : float
        Bytes that set a synapse. Our assumption: a word of four synapses, and one of address.
    host_vector, host_value : float
        Seconds of the host for each vector of a run, and for each number in or out of a layer. They are what the rates
        that tests of hxtorch expect leave over: 150 million products a second for 256 x 256, 240 million for 1024 x
        1024, at 5 cycles between events.

    References
    ----------
    Periods and readings: haldls, grenade; rates: ``tests/hw/test_perceptron_mac.py`` of hxtorch.

    Examples
    --------
    >>> from saltation.bss2.mac import ChipTiming, partition
    >>> time = ChipTiming().run(partition(256, 256).runs[0], batch=1000, slots=128_000)
    >>> round(time.events, 6), round(time.readout, 6)
    (0.00512, 0.0084)
    """

    period: float = 8e-9
    read: float = 1.7e-6
    settle: float = 5e-6
    byte: float = 8e-9
    bytes_per_synapse: float = 2.0
    host_vector: float = 205e-6
    host_value: float = 0.43e-6

    def run(
        self, run: PlannedRun, *, batch: int, slots: int, num_sends: int = 1, wait_between_events: int = 5
    ) -> RunTime:
        """Seconds of a run but for what its layer takes once.

        Parameters
        ----------
        run : PlannedRun
            Its blocks.
        batch : int
            Vectors.
        slots : int
            Times of events in one send: inputs of the fuller hemisphere, those of 0 too, summed over the batch.
        num_sends, wait_between_events : int
            How often vectors are sent, and cycles between events.
        """
        synapses = _ROWS_PER_INPUT * sum(block.synapses for block in run.blocks)
        return RunTime(
            events=self.period * wait_between_events * num_sends * slots,
            readout=(2.0 * self.read + self.settle) * batch,
            reconfiguration=self.byte * self.bytes_per_synapse * synapses,
            host=self.host_vector * batch,
        )

    def values(self, numbers: int) -> float:
        """Seconds of the host for so many numbers into a layer and out of it."""
        return self.host_value * numbers
