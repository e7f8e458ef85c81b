"""What a chip tells of itself: counts that are counted here again, and nothing that is hidden."""

import dataclasses

import numpy as np

from saltation.bss2 import Cadc, Chip, Configuration, Madc, Physics, Section, Variation
from saltation.bss2.description import WIDTH, circuits_in_use, describe, resources_of
from saltation.bss2.registers import REGISTERS, node_exists


def used(configuration, recorded=None):
    return {part.name: part.used for part in resources_of(configuration, recorded)}


def test_there_is_what_there_is():
    there = {part.name: part.there for part in resources_of(Configuration())}
    assert there["neuron circuits"] == 512 and there["synapses"] == 2 * 256 * 256
    assert there["crossbar nodes"] == sum(node_exists(i, j) for i in range(20) for j in range(12)) == 76
    assert set(used(Configuration()).values()) == {0}
    assert describe(Configuration()).endswith("all registers are as after a reset")


def test_what_is_in_use():
    configuration = Configuration()
    configuration.write_row(0, 7, [1] * 10 + [0] * 246, label=3)  # driver 3, bus 3
    configuration.write_row(1, 8, [-63] * 4 + [0] * 252)  # driver 4, bus 0 of the bottom
    configuration["synapse_weight"][1, 200, :5] = 9  # in a row that is off
    configuration.set("threshold_enable", 1, at=[20, 300])
    configuration.set("event_routing_enable_digital", 1, at=300)
    configuration.set("multicompartment_connect_vertical", 1, at=20)
    configuration.set("node_enable", 1, at=([0, 8, 9, 13], [0, 5, 5, 1]))
    configuration.set("source_enable", 1, at=[1, 2])
    configuration.set("source_mode", 1, at=2)
    found = used(configuration)
    # columns 0-9 of the top, 0-3 of the bottom, 20 of both, 44 of the bottom
    assert found["neuron circuits"] == 10 + 4 + 2 + 1
    assert np.flatnonzero(circuits_in_use(configuration))[[10, -1]].tolist() == [20, 300]
    assert (found["synapses"], found["synapse rows"], found["synapse drivers"]) == (14, 2, 2)
    assert (found["buses to drivers"], found["crossbar nodes"], found["links from the host"]) == (2, 4, 2)
    assert (found["background sources"], found["event outputs of circuits"]) == (2, 1)
    text = describe(configuration)
    for words in (
        "16 membranes of up to 2 circuits, 2 can spike, 1 send their spikes",
        "10 excitatory of 1..1, 4 inhibitory of 63..63, 5 more have a weight in a disabled row",
        "top 1 excitatory, 0 inhibitory; bottom 0 excitatory, 1 inhibitory",
        "1 from circuits, 2 from the host, 1 from background sources",
        "1 regular, 1 Poisson",
    ):
        assert words in " ".join(text.split()), text
    for name, n in configuration.differences(Configuration()).items():
        assert f"{name} {n}" in " ".join(text.split())


def test_recordings_of_the_last_run():
    chip = Chip(serial=1)
    recordings = [Cadc(circuits=[3, 4, 300], samples=2), Madc(circuits=[6])]
    chip.run(Configuration(readout_enable_madc=np.arange(512) == 6), [Section(20e-6, recordings=recordings)] * 2)
    text = " ".join(chip.describe().split())
    assert "1 runs so far" in text and "neuron circuits 512 4 4 membranes" in text
    assert "columns of the CADC 512 3" in text and "inputs of the MADC 2 1 circuits 6" in text
    chip.run(Configuration(), [Section(20e-6)])
    assert "columns of the CADC 512 0" in " ".join(chip.describe().split())


def test_two_chips_describe_themselves_alike():
    texts = [Chip(serial=serial).describe().replace(f"number {serial}", "") for serial in (1, 2)]
    assert texts[0] == texts[1]
    changed = Chip(1, physics=Physics(supply=1.3), variation=dataclasses.replace(Variation(), gm=0.0)).describe()
    assert "changed constants: physics.supply, variation.gm" in changed


def test_its_lines_are_short_and_few_whatever_is_written():
    rng, configuration = np.random.default_rng(0), Configuration()
    for name, register in REGISTERS.items():
        configuration.set(name, rng.integers(register.low, register.high + 1, register.shape))
    configuration["multicompartment_connect_soma_right"][[255, 511]] = 0
    configuration["multicompartment_connect_right"][[255, 511]] = 0
    lines = describe(configuration).splitlines()
    assert max(map(len, lines)) <= WIDTH and len(lines) <= 80  # all registers at once
    assert describe(configuration) == describe(configuration.copy())
