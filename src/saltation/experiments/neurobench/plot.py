"""Correctness against operations, as a picture inside a page: SVG that needs nothing but itself."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import final

__all__ = ["Point", "correctness_plot"]

_WIDTH, _HEIGHT = 720, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 20, 50
_COLORS = ("#33608C", "#B5541C", "#3B7D4F", "#7A4E9C", "#A08322", "#B03060", "#2B8C8C", "#5F5F5F")
_MARGIN = 0.08


@final
@dataclass(frozen=True, slots=True)
class Point:
    """A model in the picture.

    Attributes
    ----------
    label : str
        For the list beside the picture.
    operations : float, optional
        Effective operations of a sample; None, or 0, has no place on a logarithmic axis, and becomes a line.
    value, error : float, float or None
        Correctness, and its standard error.
    published : bool
        Whether it is quoted; such points are hollow.
    """

    label: str
    operations: float | None
    value: float
    error: float | None
    published: bool


def correctness_plot(points: Sequence[Point], axis: str) -> str:
    """Draw points, numbered as in the list that comes with them.

    Examples
    --------
    >>> from saltation.experiments.neurobench.plot import Point, correctness_plot
    >>> picture = correctness_plot([Point("a", 1e3, 0.9, 0.01, False), Point("b", None, 0.5, None, True)], "accuracy")
    >>> picture.startswith("<figure>"), picture.count("<circle"), "stroke-dasharray" in picture
    (True, 1, True)
    """
    placed = [point.operations for point in points if point.operations]
    low = math.floor(math.log10(min(placed))) if placed else 0
    high = math.ceil(math.log10(max(placed))) if placed else 1
    high = max(high, low + 1)
    ends = [point.value + sign * (point.error or 0.0) for point in points for sign in (-1, 1)]
    bottom, top = min(ends), max(ends)
    pad = _MARGIN * ((top - bottom) or abs(top) or 1.0)
    bottom, top = bottom - pad, top + pad

    def x(operations: float) -> float:
        return _LEFT + (math.log10(operations) - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (top - value) / (top - bottom) * (_HEIGHT - _TOP - _BOTTOM)

    parts = _axes(low, high, bottom, top, axis, x, y)
    for number, point in enumerate(points, start=1):
        parts += _drawn(number, point, x, y)
    picture = "\n".join(parts)
    items = "\n".join(f"<li>{escape(point.label)}</li>" for point in points)
    return (
        f'<figure>\n<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(axis)} against effective '
        f'operations">\n{picture}\n</svg>\n<ol>\n{items}\n</ol>\n<figcaption>Hollow: published, not measured here. '
        "Dashed: no operations. Bars: standard errors.</figcaption>\n</figure>"
    )


def _axes(low, high, bottom, top, axis, x, y) -> list[str]:
    floor = _HEIGHT - _BOTTOM
    parts = [f'<path d="M{_LEFT} {_TOP}V{floor}H{_WIDTH - _RIGHT}" fill="none" stroke="#777"/>']
    for power in range(low, high + 1):
        at = x(10.0**power)
        parts.append(f'<path d="M{at:.1f} {_TOP}V{floor + 5}" stroke="#ddd"/>')
        parts.append(_text(at, floor + 20, f"1E{power}" if power > 3 else f"{10.0**power:g}", "middle"))
    for step in range(5):
        value = bottom + (step + 0.5) / 5 * (top - bottom)
        parts.append(f'<path d="M{_LEFT - 5} {y(value):.1f}H{_LEFT}" stroke="#777"/>')
        parts.append(_text(_LEFT - 8, y(value) + 4, f"{value:.3g}", "end"))
    parts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 8, "effective operations (MACs + ACs)", "middle"))
    parts.append(_text(_LEFT + 6, _TOP + 10, axis, "start"))
    return parts


def _drawn(number: int, point: Point, x, y) -> list[str]:
    color, at = _COLORS[(number - 1) % len(_COLORS)], y(point.value)
    if not point.operations:
        line = f'<path d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}" stroke="{color}" stroke-dasharray="5 4"/>'
        return [line, _text(_WIDTH - _RIGHT - 4, at - 4, str(number), "end", color)]
    across = x(point.operations)
    parts: list[str] = []
    if point.error:
        parts.append(
            f'<path d="M{across:.1f} {y(point.value - point.error):.1f}V{y(point.value + point.error):.1f}" '
            f'stroke="{color}"/>'
        )
    fill = "#fff" if point.published else color
    parts.append(f'<circle cx="{across:.1f}" cy="{at:.1f}" r="5" fill="{fill}" stroke="{color}" stroke-width="2"/>')
    return [*parts, _text(across + 9, at - 6, str(number), "start", color)]


def _text(x: float, y: float, text: str, anchor: str, color: str = "#333") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{escape(text)}</text>'
