"""Arrays that the kernels share, grouped by what they describe, and the meaning of their rows and codes.

Few arrays with named rows, and not many arrays: every array that goes through a call costs time to compile and time
to run.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# What an event is, where it is not the first weight of an arrival.
END = -1
PROBE = -2  # PROBE - k: the k-th sampled time

# Rows of Events.ints and, with CAUSE the own spike, of Log.ints.
ROW = 0  # flat index of the weight of neuron START
RECEPTOR = 1  # 0, 1, or BY_SIGN of each weight
CAUSE = 2  # the spike that arrives: flat over all sources, or within the sample's own
DELAY = 3  # flat index of the delay it took
# from here on only where an arrival does not go to all neurons of the component
PLAIN_ROWS = 4
START = 4  # first neuron; or -1 - the first of the synapses by which it arrives
STOP = 5  # last neuron + 1; or last synapse + 1
EVENT_ROWS = 6
BY_SIGN = 2

# Row of Wiring.ints in place of CAUSE: whether each target has a delay of its own.
PER_TARGET = 2

# Rows of Tape.floats; the state before a spike and that at the end of its hold follow from STATES on.
TIME = 0
SLOPE = 1  # of the voltage above the threshold; not positive where the model would not have crossed
RELEASE = 2  # end of the hold
STATES = 3

# Rows of Tape.ints.
UNIT = 0
GAP = 1  # the event, within its sample, that follows the spike
PREVIOUS = 2  # the neuron's spike before, within the sample, or -1
TAPE_INTS = 3

# Rows of what is watched of each neuron.
PEAK = 0
PEAK_TIME = 1
PEAK_KIND = 2
PEAK_INDEX = 3
PEAK_SLOPE = 4
AREA = 5
WATCHED = 6
# One more, in the adjoint: end of a hold from before the run.
FIRST_RELEASE = 6
SIDES = 7

# Where the maximum of a voltage lies.
NOWHERE = 0
AT_START = 1
INTERIOR = 2
AT_EVENT = 3
AT_SPIKE = 4
WHILE_HELD = 5

# Rows of a neuron's integers while it runs.
COUNT = 0
LATEST = 1
DUE = 2
DUE_STOP = 3
PICKED = 4
SETTLED = 5
HIT = 6
MISSED = 7
OPEN = 8
LEADER = 9  # not of neurons: of blocks of them
MARKS = 10

# Rows of Report.ints, and the outcomes.
OUTCOME = 0
GRAZING = 1
UNCROSSED = 2
REPORTED = 3
OK = 0
EVENT_LIMIT = 1
NOT_FINITE = 2

# Codes of Log.order: event e >= 0; own spike k as -1 - k; own arrival i as OWN + i.
OWN = 1 << 62


class Events(NamedTuple):
    """Everything that happens to a component from outside, per sample in the order of its processing.

    ``times [event]``, ``ints [EVENT_ROWS or PLAIN_ROWS, event]``; ``offsets`` cuts samples.
    """

    times: Floats
    ints: Ints
    offsets: Ints


class Tape(NamedTuple):
    """Own spikes as they were found: ``floats [STATES + 2 n_state, spike]``, ``ints [TAPE_INTS, spike]``.

    Those of a sample lie together, and those of a neuron within it follow one another in time.
    """

    floats: Floats
    ints: Ints


class Spiked(NamedTuple):
    """Own spikes in order of time, then unit, within each sample; ``index``: where on the tape, from its sample on."""

    times: Floats
    units: Ints
    index: Ints


class Log(NamedTuple):
    """Order of processing in a recurrent component; ``times``, ``ints`` describe the arrivals of its own spikes."""

    order: Ints
    times: Floats
    ints: Ints


class Wiring(NamedTuple):
    """Projections inside a recurrent component: rows ``offsets[j]:offsets[j + 1]`` of ``ints`` leave neuron ``j``."""

    offsets: Ints
    ints: Ints


class Synapses(NamedTuple):
    """Synapses that are listed: ``cuts`` gives those that leave a unit, ``targets [synapse]`` the neurons they reach.

    ``places [synapse]`` are the flat indices of their weights.  ``apart``: those of one projection that leave one unit
    reach different neurons.  ``few``: arrivals reach few of the neurons, also where their synapses are not listed.
    """

    cuts: Ints
    targets: NDArray[np.int32]
    places: NDArray[np.int32]
    apart: bool
    few: bool


class Start(NamedTuple):
    """Initial state: ``x [batch or 1, state, neuron]``, ``release``, ``count [batch or 1, neuron]``."""

    x: Floats
    release: Floats
    count: Ints


class Probes(NamedTuple):
    """What is observed: ``samples [batch, time, neuron]``, ``watch [batch or 1, WATCHED, neuron or 0]``."""

    samples: Floats
    watch: Floats


class Report(NamedTuple):
    """What a run noticed: ``ints [REPORTED, batch]``, and the smallest slope at a spike of each sample."""

    ints: Ints
    least_slope: Floats


class Cotangents(NamedTuple):
    """``dL/d`` samples ``[batch or 1, time or 0, neuron]``, integrals and maxima ``[batch or 1, neuron or 0]``."""

    samples: Floats
    integral: Floats
    peak: Floats


class Results(NamedTuple):
    """Gradients that an adjoint adds to: flat weights and delays, ``parameters [neuron, primary]``, ``v_init``."""

    weights: Floats
    delays: Floats
    parameters: Floats
    v_init: Floats
