"""Arrays that the kernels of the chip share, and the meaning of their columns.

What belongs to one thing lies side by side: events touch a few things each, and of each nearly all.

A *membrane* is one or more neuron circuits that are joined; each circuit has two *lines*, the excitatory and the
inhibitory synaptic input.  Amplitudes of lines are in units of their saturation.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Columns of Circuits.membrane [membrane, :].  A membrane is free, or held at its reset.
RATE = 0  # 1/tau, of the free membrane and, one row on, of the held one
LEVEL = 2  # where it goes without input, in volts, free and held
THRESHOLD = 4  # inf where it does not spike
HOLD = 5  # seconds for which it is held after a spike
NOISE = 6  # standard deviation of the level in a window
PASS = 7  # 1 where input reaches the held membrane, 0 where it pauses
STEP = 8  # exp(-rate * window), free
MEMBRANE_ROWS = 9

FREE, HELD = 0, 1

# Columns of Circuits.line [circuit, receptor, :].
DECAY = 0  # 1/tau_syn
DRIVE = 1  # volts per second at saturation, with its sign
FIRST = 2  # DRIVE / (RATE - DECAY), free and held
THIRD = 4  # -4/27 DRIVE / (RATE - 3 DECAY), free and held
LINE_STEP = 6  # exp(-decay * window)
REACH = 7  # the drive is DRIVE * (1 + REACH * (V - REFERENCE)): a conductance where REACH is not 0
REFERENCE = 8
LINE_ROWS = 9

# Columns of Circuits.extra [membrane, :]: what only numerical integration can follow.
NUMERICAL = 0  # 1 where the membrane is integrated numerically
EXPONENTIAL = 1  # volts per second at V = KICK_AT
KICK_AT = 2
KICK_SLOPE = 3  # volts
KICK_LIMIT = 4  # volts per second, the most
ADAPT_RATE = 5  # 1/tau_w
ADAPT_A = 6  # 1/s: a / C
ADAPT_B = 7  # volts per second, added by a spike: b / C
ADAPT_LEVEL = 8  # volts
EXTRA_ROWS = 9


class Circuits(NamedTuple):
    """Constants of the circuits: what their codes mean on this chip."""

    membrane: Floats  # [membrane, MEMBRANE_ROWS]
    line: Floats  # [circuit, 2, LINE_ROWS]
    extra: Floats  # [membrane, EXTRA_ROWS], or empty where every membrane has a closed form
    first: Ints  # [membrane + 1], circuits of a membrane lie side by side
    owner: Ints  # [circuit], its membrane
    window: float


class Wires(NamedTuple):
    """Where events go.  An *address* is what a PADI bus carries: a row select and a label.

    A *gate* is whatever carries one event at a time: a bus, an event output of neurons, a link.
    """

    bus: Ints  # [address], a gate
    segment: Ints  # [address + 1], the drivers that listen
    driver: Ints  # [segment]
    factor: Floats  # [segment], of the driver's strength for this address: the length of its pulse
    begin: Ints  # [segment], the synapses of that driver that match, which addresses may share
    end: Ints  # [segment]
    circuit: Ints  # [entry]
    receptor: Ints  # [entry]
    charge: Floats  # [entry], in units of the line's saturation
    output: Ints  # [membrane], the gate of its spikes, -1 where they go nowhere
    link: Ints  # [membrane], the gate to the host, -1 where nobody listens
    route: Ints  # [membrane + 1]
    target: Ints  # [route], addresses that its spikes reach on the chip
    plasticity: Floats  # [driver, STP_ROWS]


# Columns of Wires.plasticity.
STP_USE = 0  # part of the way to CHARGED that an event goes; 0 where the driver has a constant strength
STP_RATE = 1  # of recovery
STP_CHARGED = 2  # strength to which events lead
STP_REST = 3  # strength to which it recovers
STP_ROWS = 4


class Timing(NamedTuple):
    """Constants of the digital part, in seconds."""

    period: float  # between two events of a gate
    patience: float  # longest wait before an event is lost
    delay: float  # from a spike to its address on a bus
    comparator: float  # from a crossing to a spike
    jitter: float  # standard deviation of that
    tick: float  # of a time stamp


# Columns of State.membrane.
V = 0
AT = 1  # time of V and of the lines
RELEASE = 2  # end of the hold, -inf while free
NEXT = 3  # time of what the membrane does next by itself
LEVEL_NOW = 4  # free level with the noise of this window
THRESHOLD_NOW = 5
W = 6  # adaptation, volts per second
STATE_ROWS = 7

# Places of State.clock.
NOW = 0  # up to where it has run
WINDOW = 1  # index of the current window
HEAPED = 2  # size of the heap
TAKEN = 3  # external arrivals that were taken
READ = 4  # readings that were taken
SPIKED = 5  # spikes that were stored
BROKEN = 6  # 1 + the membrane that left all bounds, 0 where none did
CLOCKS = 7


class State(NamedTuple):
    """The state of the circuits of a chip; all of it, so that a run can stop anywhere and go on."""

    membrane: Floats  # [membrane, STATE_ROWS]
    line: Floats  # [circuit, 2]
    count: Ints  # [membrane], spikes
    strength: Floats  # [driver, 2]: strength now, and since when
    busy: Floats  # [gate], until when
    lost: Ints  # [gate], events
    heap_time: Floats
    heap_item: Ints
    clock: Floats  # [CLOCKS]


# What Readings.line says where no line is read.
OF_MEMBRANE = -1
OF_ADAPTATION = -2


class Readings(NamedTuple):
    """What is read, in order of time: at ``time`` the channels ``begin`` to ``end``, to ``out`` from ``place`` on."""

    time: Floats
    begin: Ints
    end: Ints
    place: Ints
    membrane: Ints  # [channel]
    line: Ints  # [channel], 2 * circuit + receptor, or one of the two below
    out: Floats


class Spiked(NamedTuple):
    """Spikes in the order in which they were stamped."""

    time: Floats
    membrane: Ints
