"""Charts of reports as pictures: small, without a plotting library, readable anywhere."""

import base64
import math
from collections.abc import Sequence
from html import escape

from governance.reports.model import Chart, ChartKind, Unit
from governance.reports.values import text

_WIDTH = 640
#: Of the values of a point, in their order.
_COLOURS = ("#2b6cb0", "#9cc3e6", "#c53030", "#dd8a2e", "#8a8f98", "#d5d8dd")
_INK, _SOFT, _LINE, _LIMIT = "#222222", "#555555", "#e4e4e4", "#c53030"
_BAR, _GAP, _NAMES, _VALUES, _TOP, _LEGEND = 16, 8, 190, 120, 28, 20
_HEIGHT, _LEFT, _RIGHT, _BOTTOM = 220, 76, 12, 34
_MOST_BARS = 24
_BEYOND = 1.5  # times what may not be exceeded: longer bars are cut off
_MOST_LABELS, _MOST_TICKS = 8, 4
_WIDEST = 48  # column of a day
_ROUNDING = 1e-9
_NOTHING = 1e-12
_LONGEST = 28
_LETTER = 6  # wide on average, at most
Points = Sequence[tuple[str, tuple[float, ...]]]


def chart_svg(chart: Chart) -> str:
    """The picture itself."""
    if chart.kind is ChartKind.BARS:
        return _bars(chart, chart.points[:_MOST_BARS])
    return _days(chart, chart.points)


def chart_uri(chart: Chart) -> str:
    """The picture as an address that holds it."""
    return "data:image/svg+xml;base64," + base64.b64encode(chart_svg(chart).encode()).decode()


def _bars(chart: Chart, points: Points) -> str:
    top = _top(chart)
    longest = _longest(chart, points)
    if chart.whole:
        longest = min(longest, _BEYOND * chart.whole)  # one that is far beyond it hides no other
    room = _WIDTH - _NAMES - _VALUES
    parts = _head(chart, top + len(points) * (_BAR + _GAP) + _GAP)
    for place, (name, values) in enumerate(points):
        x, y = float(_NAMES), top + place * (_BAR + _GAP)
        parts.append(_text(_NAMES - 8, y + 12, _short(name), anchor="end", fill=_INK))
        for colour, value in zip(_COLOURS, values, strict=False):
            width = min(max(0.0, value) / longest * room, _NAMES + room - x)
            parts.append(_box(x, y, width, _BAR, colour))
            x += width
        told = " + ".join(text(value, chart.unit) for value in values if value or len(values) == 1)
        parts.append(_text(x + 6, y + 12, told or text(0.0, chart.unit)))
    if chart.whole is not None:
        x = _NAMES + chart.whole / longest * room
        end = top + len(points) * (_BAR + _GAP)
        parts.append(_line(x, x, top - 4, end - 4, _LIMIT))
    return "".join([*parts, "</svg>"])


def _days(chart: Chart, points: Points) -> str:
    top = _top(chart)
    tick = _tick(_longest(chart, points) / _MOST_TICKS)
    n_ticks = math.ceil(_longest(chart, points) / tick - _ROUNDING)
    room, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    step, unit = room / max(1, len(points)), high / (tick * n_ticks)
    wide = min(step * 0.7, _WIDEST)
    parts = _head(chart, top + high + _BOTTOM)
    for n in range(n_ticks + 1):
        y = top + high - n * tick * unit
        parts.append(_line(_LEFT, _WIDTH - _RIGHT, y, y, _LINE))
        parts.append(_text(_LEFT - 6, y + 4, _scale(n * tick, tick, chart.unit), anchor="end"))
    every = -(-len(points) // _MOST_LABELS) or 1
    for place, (name, values) in enumerate(points):
        middle, y = _LEFT + (place + 0.5) * step, float(top + high)
        for colour, value in zip(_COLOURS, values, strict=False):
            tall = max(0.0, value) * unit
            y -= tall
            parts.append(_box(middle - wide / 2, y, wide, tall, colour))
        if place % every == 0:
            parts.append(_text(middle, top + high + 22, _short(name), anchor="middle"))
    return "".join([*parts, "</svg>"])


def _tick(least: float) -> float:
    """The next larger one of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(
        times * power for times in (1, 2, 5, 10) if times * power >= least * (1 - _ROUNDING)
    )


def _scale(value: float, tick: float, unit: Unit) -> str:
    """A value at the side: without a part that all of them lack."""
    if unit is Unit.USD and tick >= 1:
        return f"${value:,.0f}"
    return text(value, unit)


def _longest(chart: Chart, points: Points) -> float:
    """What the whole room is: never nothing."""
    sums = [sum(max(0.0, value) for value in values) for _, values in points]
    longest = max([*sums, chart.whole or 0.0])
    return longest if longest > _NOTHING else 1.0


def _top(chart: Chart) -> int:
    return _TOP + (_LEGEND if chart.series else 0)


def _head(chart: Chart, height: int) -> list[str]:
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            f'width="{_WIDTH}" height="{height}" font-family="sans-serif" font-size="11">'
        ),
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="17" font-size="13" fill="{_INK}">{escape(chart.title)}</text>',
    ]
    x = 12.0
    for place, (colour, name) in enumerate(zip(_COLOURS, chart.series, strict=False)):
        if not any(values[place] for _, values in chart.points):
            continue
        parts += [_box(x, 26, 10, 10, colour), _text(x + 15, 35, _short(name))]
        x += 15 + _LETTER * len(_short(name)) + 14
    return parts


def _text(x: float, y: float, words: str, *, anchor: str = "start", fill: str = _SOFT) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}">{escape(words)}</text>'
    )


def _box(x: float, y: float, width: float, height: float, fill: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"/>'
    )


def _line(left: float, right: float, top: float, bottom: float, stroke: str) -> str:
    return (
        f'<line x1="{left:.1f}" x2="{right:.1f}" y1="{top:.1f}" y2="{bottom:.1f}" '
        f'stroke="{stroke}"/>'
    )


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
