"""Maps of a chip show what is in its registers, and histograms what was measured."""

import subprocess
import sys

import matplotlib

matplotlib.use("Agg")
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb

import saltation as sal
from saltation import plot
from saltation.bss2 import Calibration, Configuration, NeuronTarget, place
from saltation.errors import ParameterError


@pytest.fixture(autouse=True)
def no_side_effects():
    before = dict(matplotlib.rcParams)
    yield
    assert dict(matplotlib.rcParams) == before
    for number in plt.get_fignums():
        plt.figure(number).canvas.draw()  # what is drawn lazily must work too
    plt.close("all")


def network():
    net = sal.Network()
    net.add("in", sal.Input(150)), net.add("hid", sal.LIF(4)), net.add("out", sal.LI(2))
    net.connect("in", "hid", weight=np.zeros((150, 4)))
    net.connect("hid", "out", weight=np.zeros((4, 2)))
    return net


def image(ax, place):
    """What is drawn at a place: top array, top buses, top circuits, and the same of the bottom."""
    return np.asarray(ax.images[place].get_array())


def kind(pixel):
    """Blue, red or neither."""
    red, _, blue = pixel
    return "red" if red > blue + 0.02 else "blue" if blue > red + 0.05 else "grey"


def test_weights_by_size_and_sign_of_their_row():
    configuration = Configuration()
    configuration.write_row(0, 5, np.arange(256) % 64, label=1)
    configuration.write_row(1, 254, -(np.arange(256) % 64))
    configuration["synapse_weight"][1, 3] = 50  # in a row that is off
    ax = plot.chip_map(configuration)
    assert ax.get_xlabel() == "column" and ax.get_ylabel() == "row" and ax.get_legend() is None
    top, bottom = image(ax, 0), image(ax, 3)
    assert [kind(top[5, c]) for c in (0, 1, 63)] == ["grey", "red", "red"]
    assert [kind(bottom[254, c]) for c in (0, 1, 63)] == ["grey", "blue", "blue"]
    assert np.all(np.diff(top[5, 1:64, 2]) < 0)  # the larger the stronger
    assert np.all(bottom[3] == 1.0) and np.all(top[4] == 1.0) and np.all(top[5, 0] < 1.0)
    # driver 2 of bus 2, and driver 127 of bus 3, two rows high
    for drivers, rows, bus in ((image(ax, 1), (4, 5), 2), (image(ax, 4), (254, 255), 3)):
        dark = np.argwhere(drivers.sum(axis=2) < 1.0)
        np.testing.assert_array_equal(dark, [[row, bus] for row in rows])


def test_row_zero_lies_at_the_circuits_in_both_arrays():
    extents = [each.get_extent() for each in plot.chip_map(Configuration()).images]
    assert extents[0][2] == -extents[3][2] > 0 and extents[0][3] == -extents[3][3] > extents[0][2]


def test_open_nodes():
    configuration = Configuration()
    configuration.set("node_enable", 1, at=([3, 8], [3, 7]))
    (inner,) = [each for each in plot.chip_map(configuration).child_axes if each.get_title() == "crossbar"]
    nodes = np.asarray(inner.collections[0].get_array()).reshape(20, 12, 3)
    np.testing.assert_array_equal(np.argwhere(nodes.sum(axis=2) < 1.0), [[3, 3], [8, 7]])
    assert (nodes.min(axis=2) < 1.0).sum() == 76


def test_populations_of_a_placement():
    placed = place(network())
    configuration = Configuration()
    placed.configure(configuration)
    weights = np.zeros((150, 4), int)
    weights[7, 2] = -40
    placed.write_weights(configuration, ("in", "hid"), weights)
    maps = [plot.chip_map(placed), plot.chip_map(configuration, placement=placed)]
    shown = dict(zip(["in", "hid", "out"], legend_of(maps[0]), strict=True))
    assert [len(legend_of(each)) for each in maps] == [3, 2]
    for ax in maps:
        rows = [image(ax, 2)[0], image(ax, 5)[0]]
        for name, own in placed.circuits.items():
            for circuit in own[:, 0]:
                np.testing.assert_allclose(rows[circuit // 256][circuit % 256], shown[name])
        taken = np.concatenate([np.ravel(own) for own in placed.circuits.values()])
        assert {tuple(each) for each in np.argwhere(np.stack(rows).min(axis=2) < 1.0)} == {
            (c // 256, c % 256) for c in taken
        }
    flat = np.concatenate([image(maps[0], 0), image(maps[0], 3)]).reshape(-1, 3)
    for key, written in placed.written.items():
        np.testing.assert_allclose(flat[written.excitatory], np.broadcast_to(shown[key[0]], (written.pre.size, 3)))
    flat = np.concatenate([image(maps[1], 0), image(maps[1], 3)]).reshape(-1, 3)
    written = placed.written["in", "hid"]
    (place_of_it,) = written.inhibitory[(written.pre == 7) & (written.post == 2)]
    assert [i for i in range(len(flat)) if kind(flat[i]) == "blue"] == [place_of_it]


def legend_of(ax):
    return [np.array(to_rgb(patch.get_facecolor())) for patch in ax.get_legend().get_patches()]


def test_a_map_refuses_what_is_no_chip():
    placed = place(network())
    with pytest.raises(ParameterError, match=r"chip_map.chip must be a Configuration or a Placement; got int"):
        plot.chip_map(3)
    with pytest.raises(ParameterError, match=r"chip_map.placement must be a Placement; got Configuration"):
        plot.chip_map(Configuration(), placement=Configuration())
    with pytest.raises(ParameterError, match="two placements"):
        plot.chip_map(placed, placement=place(network()))


def made_up():
    rng = np.random.default_rng(0)
    wide, narrow = rng.normal(80, 10, 512), rng.normal(80, 1, 512)
    slow = rng.normal(8e-6, 1e-6, 512)
    slow[:3] = np.nan
    registers = dict(Configuration())
    return Calibration(1, NeuronTarget(leak=80), registers, {"leak": (wide, narrow), "tau_mem": (2 * slow, slow)}, 1.0)


def test_histograms_before_and_after():
    result = made_up()
    leak, tau = plot.calibration(result)
    assert (leak.get_title(), leak.get_xlabel(), tau.get_xlabel()) == ("leak", "LSB", "µs")
    before, after = (np.array([bar.get_height() for bar in each]) for each in leak.containers)
    assert 505 <= before.sum() <= 512 and after.sum() == 512 and after.max() > 3 * before.max()
    assert leak.get_lines()[0].get_xdata()[0] == 80
    assert tau.get_xlim()[0] > 1 and tau.get_xlim()[1] < 40
    assert "3 failed" in tau.texts[0].get_text() and "failed" not in leak.texts[0].get_text()
    assert (
        leak.texts[0].get_text() == f"{result.report['leak'][0].std():.3g} → {result.report['leak'][1].std():.3g} LSB"
    )


def test_histograms_into_given_axes():
    figure, given = plt.subplots(1, 2)
    assert plot.calibration(made_up(), given) == list(given) and len(figure.axes) == 2
    with pytest.raises(ParameterError, match="must be 2, one a quantity; got 1"):
        plot.calibration(made_up(), given[:1])
    with pytest.raises(ParameterError, match="must be a Calibration; got dict"):
        plot.calibration({})


def test_the_chip_is_loaded_only_to_be_drawn():
    code = "import sys, saltation.plot; sys.exit('numba' in sys.modules or 'saltation.bss2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
