"""A configuration on a chip, compiled: the flat arrays of the kernels, made once for all sections that share it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import crossbar
from saltation.bss2 import geometry as g
from saltation.bss2.arriving import Routes, make_routes
from saltation.bss2.circuits import pack
from saltation.bss2.configuration import Configuration
from saltation.bss2.crossbar import Address
from saltation.bss2.gates import FIRST_LINK, FIRST_OUTPUT
from saltation.bss2.matrix import Gains, Matches, charges, fill, find_matches, gains_of, plasticity_of, pulses
from saltation.bss2.memory import Codes
from saltation.bss2.physics import Physics
from saltation.bss2.translation import Translation, translate
from saltation.bss2.variation import Noise
from saltation.kernels.chip.records import Circuits, Wires

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Length of a window in which the membrane noise is constant: a tenth of a usual membrane, below the CADC's period.
WINDOW = 1e-6


@final
@dataclass(frozen=True)
class Compiled:
    """What a run needs of a configuration.

    Attributes
    ----------
    translation : Translation
        Circuits that take part, and their physical parameters.
    circuits, wires
        Arrays of the kernels.
    matches : Matches
        Synapses by address.
    gains : Gains
        What a weight of each is worth.
    addresses_of : dict
        Addresses, by their index, that an event of an input of the crossbar with a label reaches.
    routes : Routes
        The same, for the kernels.
    addresses : tuple of Address
        What buses carry; the kernels know each by its index.
    """

    translation: Translation
    circuits: Circuits
    wires: Wires
    matches: Matches
    gains: Gains
    addresses_of: dict[tuple[int, int], Ints]
    routes: Routes
    addresses: tuple[Address, ...]

    def unheard(self) -> set[tuple[int, int]]:
        """Pairs of an input of the crossbar and a label, among those compiled for, whose events no synapse takes."""
        driven = np.diff(self.matches.segment) > 0
        return {pair for pair, addresses in self.addresses_of.items() if not driven[addresses].any()}


def taking_part(configuration: Configuration, recorded: Ints) -> Ints:
    """Circuits that can spike, which their counters tell at least, or that are recorded."""
    return np.union1d(np.flatnonzero(configuration["threshold_enable"]), recorded)


def compile_configuration(
    configuration: Configuration,
    codes: Codes,
    hidden: Mapping[str, Floats],
    physics: Physics,
    noise: Noise,
    recorded: Ints,
    events: Sequence[tuple[int, int]],
) -> Compiled:
    """Compile a configuration for the circuits that take part and the ``(input of the crossbar, label)`` that come."""
    wanted = taking_part(configuration, recorded)
    wanted = wanted if wanted.size else np.array([0])
    translation = translate(configuration, codes, hidden, physics, noise, wanted)
    return wired(translation, pack(translation.analog, WINDOW), configuration, codes, hidden, physics, events)


def wired(
    translation: Translation,
    circuits: Circuits,
    configuration: Configuration,
    codes: Codes,
    hidden: Mapping[str, Floats],
    physics: Physics,
    events: Sequence[tuple[int, int]],
    kept: Sequence[Address] = (),
) -> Compiled:
    """Circuits with the wires of a configuration.

    Addresses that are ``kept`` come first: they keep their index from one stage of a section to the next, so that
    what is on its way then finds the synapses as they are when it arrives.
    """
    led = {(source, label): crossbar.buses_of(configuration, source, label) for source, label in events}
    members = translation.spiking.size
    output, link, routed = np.full(members, -1), np.full(members, -1), [[] for _ in range(members)]
    for m, circuit in enumerate(translation.spiking.tolist()):
        if not configuration["event_routing_enable_digital"][circuit]:
            continue
        source, label = g.output_of(circuit), crossbar.label_of_spike(configuration, circuit)
        output[m] = FIRST_OUTPUT + source
        routed[m] = crossbar.buses_of(configuration, source, label)
        links = crossbar.links_of(configuration, source, label)
        if links:
            link[m] = FIRST_LINK + links[0]
    # sorted, so that what comes at the same time comes in an order that does not depend on what else may come
    new = {address for addresses in (*led.values(), *routed) for address in addresses}.difference(kept)
    index = {address: i for i, address in enumerate([*kept, *sorted(new)])}

    def indices(addresses: list[Address]) -> Ints:
        return np.array([index[address] for address in addresses], np.int64)

    addresses_of = {pair: indices(addresses) for pair, addresses in led.items()}
    routes = [indices(addresses) for addresses in routed]
    matches = find_matches(configuration, list(index), translation.place_of)
    gains = gains_of(codes, hidden, physics, matches.place)
    filled = fill(matches, charges(configuration, gains, matches.place))
    wires = Wires(
        matches.bus,
        matches.segment,
        matches.driver,
        pulses(configuration, hidden, physics, matches),
        filled.begin,
        filled.end,
        filled.circuit,
        filled.receptor,
        filled.charge,
        output,
        link,
        np.cumsum([0, *(route.size for route in routes)]).astype(np.int64),
        np.concatenate([np.empty(0, np.int64), *routes]),
        plasticity_of(configuration, physics),
    )
    return Compiled(translation, circuits, wires, matches, gains, addresses_of, make_routes(addresses_of), tuple(index))


def rewired(
    compiled: Compiled,
    changed: Iterable[str],
    configuration: Configuration,
    codes: Codes,
    hidden: Mapping[str, Floats],
    physics: Physics,
    events: Sequence[tuple[int, int]],
    kept: Sequence[Address] = (),
) -> Compiled:
    """The same circuits with what has ``changed`` of their wires; where that is weights alone, routes stay."""
    names = set(changed)
    if not names:
        return compiled
    if names == {"synapse_weight"}:
        return with_weights(compiled, configuration)
    return wired(compiled.translation, compiled.circuits, configuration, codes, hidden, physics, events, kept)


def retranslated(
    compiled: Compiled,
    configuration: Configuration,
    codes: Codes,
    hidden: Mapping[str, Floats],
    physics: Physics,
    noise: Noise,
) -> Compiled:
    """The same wires with circuits as their switches are now; the same take part, and membranes are joined alike."""
    translation = translate(configuration, codes, hidden, physics, noise, compiled.translation.circuit)
    return replace(compiled, translation=translation, circuits=pack(translation.analog, WINDOW))


def with_weights(compiled: Compiled, configuration: Configuration) -> Compiled:
    """The same, with the weights of a configuration that differs in nothing else."""
    filled = fill(compiled.matches, charges(configuration, compiled.gains, compiled.matches.place))
    wires = compiled.wires._replace(
        begin=filled.begin,
        end=filled.end,
        circuit=filled.circuit,
        receptor=filled.receptor,
        charge=filled.charge,
    )
    return replace(compiled, wires=wires)


def widened(compiled: Compiled, addresses: Sequence[Address]) -> Compiled:
    """The same with more addresses, those it has first, of which no events come: wires of one run count alike."""
    more = len(addresses) - len(compiled.addresses)
    wires, matches = compiled.wires, compiled.matches
    bus = np.concatenate([wires.bus, np.zeros(more, np.int64)])
    segment = np.concatenate([wires.segment, np.full(more, wires.segment[-1])])
    return replace(
        compiled,
        wires=wires._replace(bus=bus, segment=segment),
        matches=replace(matches, bus=bus, segment=segment),
        addresses=tuple(addresses),
    )
