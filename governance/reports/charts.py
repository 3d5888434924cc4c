"""Charts of reports as pictures: small, without a plotting library, readable anywhere."""

import base64
from collections.abc import Sequence
from html import escape

from governance.reports.model import Chart, ChartKind
from governance.reports.values import text

_WIDTH = 640
_BLUE, _INK, _SOFT, _LINE = "#2b6cb0", "#222222", "#555555", "#e4e4e4"
_BAR, _GAP, _NAMES, _VALUES, _TOP = 16, 8, 180, 90, 28
_HEIGHT, _LEFT, _RIGHT, _BOTTOM = 220, 76, 12, 34
_MOST_BARS = 24
_MOST_LABELS = 8
_LONGEST = 26


def chart_svg(chart: Chart) -> str:
    """The picture itself."""
    if chart.kind is ChartKind.BARS:
        return _bars(chart, chart.points[:_MOST_BARS])
    return _days(chart, chart.points)


def chart_uri(chart: Chart) -> str:
    """The picture as an address that holds it."""
    return "data:image/svg+xml;base64," + base64.b64encode(chart_svg(chart).encode()).decode()


def _bars(chart: Chart, points: Sequence[tuple[str, float]]) -> str:
    most = max((value for _, value in points), default=0.0) or 1.0
    room = _WIDTH - _NAMES - _VALUES
    parts = _head(chart, _TOP + len(points) * (_BAR + _GAP) + _GAP)
    for place, (name, value) in enumerate(points):
        y = _TOP + place * (_BAR + _GAP)
        width = max(0.0, value) / most * room
        parts.append(
            f'<text x="{_NAMES - 8}" y="{y + 12}" text-anchor="end" fill="{_INK}">'
            f"{escape(_short(name))}</text>"
            f'<rect x="{_NAMES}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="{_BLUE}"/>'
            f'<text x="{_NAMES + width + 6:.1f}" y="{y + 12}" fill="{_SOFT}">'
            f"{escape(text(value, chart.unit))}</text>"
        )
    return "".join([*parts, "</svg>"])


def _days(chart: Chart, points: Sequence[tuple[str, float]]) -> str:
    most = max((value for _, value in points), default=0.0) or 1.0
    room, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    step = room / max(1, len(points))
    parts = _head(chart, _HEIGHT)
    for tick in range(4):
        value = most * tick / 3
        y = _TOP + high * (1 - tick / 3)
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
            f'stroke="{_LINE}"/><text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" '
            f'fill="{_SOFT}">{escape(text(value, chart.unit))}</text>'
        )
    every = -(-len(points) // _MOST_LABELS) or 1
    for place, (name, value) in enumerate(points):
        x, tall = _LEFT + place * step, max(0.0, value) / most * high
        parts.append(
            f'<rect x="{x + step * 0.15:.1f}" y="{_TOP + high - tall:.1f}" '
            f'width="{step * 0.7:.1f}" height="{tall:.1f}" fill="{_BLUE}"/>'
        )
        if place % every == 0:
            parts.append(
                f'<text x="{x + step / 2:.1f}" y="{_HEIGHT - 12}" text-anchor="middle" '
                f'fill="{_SOFT}">{escape(_short(name))}</text>'
            )
    return "".join([*parts, "</svg>"])


def _head(chart: Chart, height: int) -> list[str]:
    return [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            f'width="{_WIDTH}" height="{height}" font-family="sans-serif" font-size="11">'
        ),
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="17" font-size="13" fill="{_INK}">{escape(chart.title)}</text>',
    ]


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
