"""What goes through the handlers of a component, and in which order: arguments, results, and what is kept between them.

Those of ``forward``: the arguments from `SETTINGS` on, then times and units of each source; results are status, samples
and watched rows, then times, units and counts of each population, then what is kept.  Those of ``backward``: the same
arguments, the status, the watched rows and what was kept, then the derivatives of samples, maxima, integrals and of the
spike times of each population; results are gradients of weights, delays, parameters, initial voltages, and of the times
of each source.
"""

from typing import Any, NamedTuple

from saltation.kernels.records import (
    Cotangents,
    Events,
    Log,
    Probes,
    Report,
    Results,
    Spiked,
    Start,
    Synapses,
    Tape,
    Wiring,
)

# Arguments.
SETTINGS = 0  # int64 [:]
WEIGHTS = 1  # float64 [weight]
DELAYS = 2  # float64 [delay]
TABLE = 3  # float64 [neuron or 1, primary]
V_INIT = 4  # float64 [neuron]
DURATION = 5  # float64 []
LIMIT = 6  # int64 [neuron]
RANGES = 7  # int64 [primary]
PROJECTIONS = 8  # int64 [projection, :]
CUTS = 9  # int64 [:]
TARGETS = 10  # int32 [synapse]
PLACES = 11  # int32 [synapse]
WIRING_OFFSETS = 12  # int64 [neuron + 1]
WIRING = 13  # int64 [EVENT_ROWS, :]
PROBE_TIMES = 14  # float64 [time]
SOURCES = 15  # float64, int32 [batch, capacity], for each

# Places in the settings.
N_SOURCES = 0
N_POPULATIONS = 1
KEEP = 2
MAX_EVENTS = 3
TIMED = 4
WATCH = 5
N_ROWS = 6  # sources, its own populations among them
EVENT_ROOM = 7  # as in `Room`
SPIKE_ROOM = 8
ENTRY_ROOM = 9
ARRIVAL_ROOM = 10
N_STATE = 11
SCRATCH_ROWS = 12  # of floats, for the neurons side by side or for the events of a sample
SIDE_BY_SIDE = 13  # whether it is for neurons
APART = 14  # as in `Synapses`
FEW = 15
UNITS = 16  # numbers of units of each source, then the first and last + 1 neuron of each population

# Results of forward.
STATUS = 0  # int32 [batch]
SAMPLES = 1  # float64 [batch, time, neuron]
WATCHED_ROWS = 2  # float64 [batch, WATCHED, neuron or 0]
TRAINS = 3  # float64, int32 [batch, capacity], int32 [batch], for each population

# What is kept, from its first place on.
EVENT_TIMES = 0  # float64 [event]
EVENT_INTS = 1  # int64 [:, event]
EVENT_OFFSETS = 2  # int64 [batch + 1]
TAPE_FLOATS = 3  # float64 [:, spike]
TAPE_INTS_AT = 4  # int64 [TAPE_INTS, spike]
TAPE_OFFSETS = 5  # int64 [batch + 1]
INDEX = 6  # int64 [spike]
LOG_ORDER = 7  # int64 [entry]; from here on only of a recurrent component
LOG_TIMES = 8  # float64 [arrival]
LOG_INTS = 9  # int64 [EVENT_ROWS, arrival]
LOG_OFFSETS = 10  # int64 [batch + 1]
OWN_OFFSETS = 11  # int64 [batch + 1]
KEPT = 7
KEPT_RECURRENT = 12

# Results of backward.
BY_WEIGHT = 0
BY_DELAY = 1
BY_PARAMETER = 2  # float64 [neuron, primary]
BY_V_INIT = 3
BY_SOURCE = 4


class Given(NamedTuple):
    """The arguments of one call that all handlers read; ``table`` holds the primary parameters."""

    settings: Any
    weights: Any
    delays: Any
    table: Any
    start: Start
    limit: Any
    projections: Any
    synapses: Synapses
    wiring: Wiring
    probe_times: Any
    duration: Any
    allowed: Any


class Work(NamedTuple):
    """What a kernel works on in a forward call; ``log`` and its offsets are empty without recurrence."""

    events: Events
    tape: Tape
    spiked: Spiked
    offsets: Any
    log: Log
    log_offsets: Any
    own_offsets: Any
    x_end: Any
    release_end: Any
    count_end: Any
    probes: Probes
    report: Report
    scratch: Any
    marks: Any
    status: Any


class Undoing(NamedTuple):
    """What an adjoint works on in a backward call."""

    events: Events
    tape: Tape
    index: Any
    offsets: Any
    log: Log
    log_offsets: Any
    own_offsets: Any
    watch: Any
    cotangents: Cotangents
    spike_times: Any
    by_spike: Any
    source_times: Any
    source_offsets: Any
    scratch: Any
    marks: Any
    leak: Any
    results: Results
    failed: Any


class Room(NamedTuple):
    """How much room a call needs at most: events, spikes, entries of the log and arrivals of own spikes."""

    events: int
    spikes: int
    entries: int
    arrivals: int
