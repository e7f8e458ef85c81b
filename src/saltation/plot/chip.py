"""A map of the emulated chip: what of it a configuration or a placed network uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from saltation.bss2 import Configuration, Placement
from saltation.bss2 import geometry as g
from saltation.bss2.description import circuits_in_use, drivers_in_use, synapses_in_use
from saltation.bss2.registers import CROSSBAR_INPUTS, CROSSBAR_OUTPUTS, DISABLED, INHIBITORY, node_exists
from saltation.errors import ParameterError
from saltation.plot._axes import BLUE, CYCLE, GREY, INK, RED, axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["chip_map"]

Image = npt.NDArray[np.float64]

# In columns of the chip, which are as wide as rows are high.
_GAP, _NEURON = 5.0, 11.0
_ARRAY = _NEURON + _GAP  # where the arrays begin, above and below the middle
_LANE = 6.0
_LEFT = -_GAP - g.BUSES_PER_HEMISPHERE * _LANE
_EDGE = _ARRAY + g.ROWS
_SIDE, _CELL = g.COLUMNS + 62.0, 10.0

_ROW_ON, _EXISTS = "#EEF0F2", "#DADDE1"
_FAINTEST = 0.25  # part of the full colour that a weight of 1 has


def chip_map(chip: Configuration | Placement, ax: Axes | None = None, *, placement: Placement | None = None) -> Axes:
    """Draw a chip as a map: synapse arrays, drivers, circuits and crossbar, and what of them is in use.

    The two arrays are mirrored at the row of circuits between them, row 0 next to it: where rows really lie is not
    published. Rows that are on are tinted. To the left, a lane for each bus with its drivers in use; to the right the
    nodes of the crossbar: open ones, and those that there are.

    Parameters
    ----------
    chip : Configuration or Placement
        Of a configuration, weights in red, where their row is excitatory, and blue. Of a placement, which has no
        weights, the synapses in the colour of the population before them, inhibitory rows paler.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if left out.
    placement : Placement, optional
        Of the network in the configuration: colours its populations; of joined circuits the first is dark.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> import numpy as np
    >>> import saltation as sal
    >>> from saltation.bss2 import place
    >>> net = sal.Network()
    >>> _ = net.add("in", sal.Input(5)); _ = net.add("out", sal.LI(3))
    >>> _ = net.connect("in", "out", weight=np.ones((5, 3)))
    >>> ax = sal.plot.chip_map(place(net))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['in: 5 inputs', 'out: 3, circuits 3']
    """
    configuration, placed = _told(chip, placement)
    ax = axes(ax, (7.4, 8.2))
    if isinstance(chip, Placement):
        arrays = _synapses_by_population(configuration, chip)
    else:
        arrays = _synapses_by_weight(configuration)
        _weight_bar(ax)
    for hemisphere in range(g.HEMISPHERES):
        _show(ax, arrays[hemisphere], 0.0, g.COLUMNS, _ARRAY, _EDGE, hemisphere)
        _show(ax, _drivers(configuration, hemisphere), _LEFT, -_GAP, _ARRAY, _EDGE, hemisphere)
        row = _circuits(configuration, placed, hemisphere)
        _show(ax, row[None], 0.0, g.COLUMNS, 0.0, _NEURON, hemisphere)
    _frames(ax)
    _crossbar(ax, configuration)
    if placed is not None:
        _legend(ax, placed, inputs=isinstance(chip, Placement))
    return ax


def _told(chip: Any, placement: Any) -> tuple[Configuration, Placement | None]:
    if placement is not None and not isinstance(placement, Placement):
        raise ParameterError(f"chip_map.placement must be a Placement; got {type(placement).__name__}")
    if isinstance(chip, Placement):
        if placement is not None and placement is not chip:
            raise ParameterError("chip_map: two placements were given; give a configuration first, or only one of them")
        configuration = Configuration()
        chip.configure(configuration)
        return configuration, chip
    if not isinstance(chip, Configuration):
        raise ParameterError(
            f"chip_map.chip must be a Configuration or a Placement; got {type(chip).__name__}; "
            "chip.configuration is that of a Chip"
        )
    return chip, placement


def _show(ax: Axes, image: Image, left: float, right: float, low: float, high: float, hemisphere: int) -> None:
    """Lay an image ``[row, column, 3]`` with row 0 next to the middle, above it or below."""
    extent = (left, right, low, high) if hemisphere == 0 else (left, right, -low, -high)
    ax.imshow(image, extent=extent, origin="lower", interpolation="nearest", aspect="equal")


def _rgb(colour: str) -> Image:
    from matplotlib.colors import to_rgb

    return np.array(to_rgb(colour))


def _mixed(colour: str, part: npt.ArrayLike) -> Image:
    """A colour thinned with white: so much of it is left."""
    amount = np.asarray(part, float)[..., None]
    return amount * _rgb(colour) + (1.0 - amount)


def _tinted(configuration: Configuration) -> Image:
    image = np.ones((g.HEMISPHERES, g.ROWS, g.COLUMNS, 3))
    image[configuration["row_mode"] != DISABLED] = _rgb(_ROW_ON)
    return image


def _synapses_by_weight(configuration: Configuration) -> Image:
    image, used = _tinted(configuration), synapses_in_use(configuration)
    part = _FAINTEST + (1.0 - _FAINTEST) * configuration["synapse_weight"] / g.WEIGHT_MAX
    inhibitory = np.broadcast_to((configuration["row_mode"] == INHIBITORY)[:, :, None], used.shape)
    for colour, own in ((RED, used & ~inhibitory), (BLUE, used & inhibitory)):
        image[own] = _mixed(colour, part[own])
    return image


def _synapses_by_population(configuration: Configuration, placement: Placement) -> Image:
    image, colours = _tinted(configuration), _colours(placement)
    flat = image.reshape(-1, 3)
    for demand in placement.demands:
        for pre, key, _ in demand.sources:
            flat[placement.written[key].excitatory] = _rgb(colours[pre])
            flat[placement.written[key].inhibitory] = _mixed(colours[pre], 0.5)
    return image


def _drivers(configuration: Configuration, hemisphere: int) -> Image:
    """A lane for each bus, ``[row, bus, 3]``; a driver is two rows high."""
    used = drivers_in_use(configuration)[hemisphere]
    image = np.ones((g.ROWS, g.BUSES_PER_HEMISPHERE, 3))
    for row in range(g.ROWS):
        driver = row // g.ROWS_PER_DRIVER
        image[row, driver % g.BUSES_PER_HEMISPHERE] = _rgb(INK if used[driver] else _ROW_ON)
    return image


def _circuits(configuration: Configuration, placement: Placement | None, hemisphere: int) -> Image:
    image = np.ones((g.CIRCUITS, 3))
    if placement is None:
        used = circuits_in_use(configuration)
        image[used] = _rgb(GREY)
        image[used & (configuration["threshold_enable"] == 1)] = _rgb(INK)
    else:
        colours = _colours(placement)
        for name, own in placement.circuits.items():
            image[own[:, 1:].reshape(-1)] = _mixed(colours[name], 0.55)
            image[own[:, 0]] = _rgb(colours[name])
    return image.reshape(g.HEMISPHERES, g.COLUMNS, 3)[hemisphere]


def _colours(placement: Placement) -> dict[str, str]:
    names = [*placement.inputs, *placement.circuits]
    # blue and red are those of weights where both are drawn
    usable = (*CYCLE[2:6], CYCLE[0], CYCLE[1])
    return {name: usable[i % len(usable)] for i, name in enumerate(names)}


def _frames(ax: Axes) -> None:
    from matplotlib.patches import Rectangle

    style = {"fill": False, "edgecolor": GREY, "linewidth": 0.7}
    out = 0.8  # beside what it frames, so that it hides none of it
    frames = [(0.0, g.COLUMNS, -_NEURON, _NEURON)]
    for low in (_ARRAY, -_EDGE):
        frames += [(0.0, g.COLUMNS, low, low + g.ROWS), (_LEFT, -_GAP, low, low + g.ROWS)]
    for left, right, low, high in frames:
        ax.add_patch(Rectangle((left - out, low - out), right - left + 2 * out, high - low + 2 * out, **style))
    ax.plot((0.0, g.COLUMNS), (0.0, 0.0), color=GREY, linewidth=0.7)
    ax.set_xlim(_LEFT - _GAP, _SIDE + CROSSBAR_OUTPUTS * _CELL + _GAP)
    ax.set_ylim(-_EDGE - _GAP, _EDGE + _GAP)
    ax.spines[:].set_visible(False)
    marks = (0, 64, 128, 192, 255)
    ax.set_xticks([mark + 0.5 for mark in marks], list(map(str, marks)))
    places = [(sign * (_ARRAY + mark + 0.5), str(mark)) for sign in (1, -1) for mark in marks]
    ax.set_yticks(*zip(*sorted([*places, (0.0, "circuits")]), strict=True))
    ax.tick_params(length=2, labelsize="small")
    ax.set_xlabel("column", x=_fraction(ax, g.COLUMNS / 2))
    ax.set_ylabel("row")
    for side, text in ((1, "top array"), (-1, "bottom array")):
        middle = side * (_ARRAY + g.ROWS / 2)
        ax.text(g.COLUMNS + _GAP, middle, text, rotation=270, ha="left", va="center", fontsize="small", color=GREY)
        at, va = side * (_EDGE + _GAP / 2), "bottom" if side > 0 else "top"
        ax.text((_LEFT - _GAP) / 2, at, "buses\n0..3", ha="center", va=va, fontsize="x-small", color=GREY)


def _fraction(ax: Axes, x: float) -> float:
    low, high = ax.get_xlim()
    return (x - low) / (high - low)


def _crossbar(ax: Axes, configuration: Configuration) -> None:
    """The nodes as a table: inputs down, outputs across."""
    image = np.ones((CROSSBAR_INPUTS, CROSSBAR_OUTPUTS, 3))
    for source in range(CROSSBAR_INPUTS):
        for target in range(CROSSBAR_OUTPUTS):
            if node_exists(source, target):
                image[source, target] = _rgb(INK if configuration["node_enable"][source, target] else _EXISTS)
    height = CROSSBAR_INPUTS * _CELL
    place = (_SIDE, -height / 2, CROSSBAR_OUTPUTS * _CELL, height)
    inner = ax.inset_axes(place, transform=ax.transData)
    inner.pcolormesh(image, edgecolors="white", linewidth=1.0)
    inner.invert_yaxis()
    for at in (g.NEURON_OUTPUTS, g.NEURON_OUTPUTS + g.LINKS):
        inner.axhline(at, color=GREY, linewidth=0.7)
    for at in (g.BUSES_PER_HEMISPHERE, g.BUSES):
        inner.axvline(at, color=GREY, linewidth=0.7)
    inner.tick_params(length=0, labelsize="x-small")
    inner.set_xticks([2, 6, 10], ["top\nbuses", "bottom\nbuses", "to\nhost"])
    inner.set_yticks([4, 10, 16], ["circuits", "from\nhost", "sources"])
    inner.set_title("crossbar", fontsize="small")
    inner.spines[:].set_color(GREY)


def _weight_bar(ax: Axes) -> None:
    """What the colours of weights mean."""
    values = np.arange(-g.WEIGHT_MAX, g.WEIGHT_MAX + 1)
    part = _FAINTEST + (1.0 - _FAINTEST) * np.abs(values) / g.WEIGHT_MAX
    image = np.where((values > 0)[:, None], _mixed(RED, part), _mixed(BLUE, part))
    image[values == 0] = _rgb(_ROW_ON)
    inner = ax.inset_axes((_SIDE, _EDGE - 24.0, CROSSBAR_OUTPUTS * _CELL, 9.0), transform=ax.transData)
    inner.imshow(image[None], aspect="auto", extent=(values[0] - 0.5, values[-1] + 0.5, 0.0, 1.0))
    inner.set_yticks([])
    inner.set_xticks([-g.WEIGHT_MAX, 0, g.WEIGHT_MAX])
    inner.tick_params(length=2, labelsize="x-small")
    inner.set_title("weight, by the sign of its row", fontsize="small")
    inner.spines[:].set_visible(False)


def _legend(ax: Axes, placement: Placement, *, inputs: bool) -> None:
    from matplotlib.patches import Patch

    colours = _colours(placement)
    handles: list[Patch] = []
    for name, size in placement.inputs.items() if inputs else ():
        handles.append(Patch(color=colours[name], label=f"{name}: {size} inputs"))
    for name, own in placement.circuits.items():
        joined = f" x {own.shape[1]}" if own.shape[1] > 1 else ""
        handles.append(Patch(color=colours[name], label=f"{name}: {own.shape[0]}, circuits {own.shape[0]}{joined}"))
    ax.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(_SIDE - 52.0, -_EDGE),
        bbox_transform=ax.transData,
        frameon=False,
        fontsize="small",
        borderaxespad=0.0,
    )
