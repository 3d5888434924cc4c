"""A share over time as an inline picture: small, without a plotting library, readable anywhere."""

import base64
import datetime as dt
from collections.abc import Sequence
from html import escape

_WIDTH, _HEIGHT = 640, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 28, 32
_MOST_LABELS = 6


def share_plot(points: Sequence[tuple[dt.date, float]], *, title: str) -> str:
    """Markdown with an SVG.

    Args:
        points: Dates in order, each with a share from 0 to 1.
    """
    svg = base64.b64encode(share_svg(points, title=title).encode()).decode()
    return f"![{title}](data:image/svg+xml;base64,{svg})"


def share_svg(points: Sequence[tuple[dt.date, float]], *, title: str) -> str:
    """The picture itself."""
    first = min((day for day, _ in points), default=dt.date.min)
    days = max(((day - first).days for day, _ in points), default=0) or 1

    def x(day: dt.date) -> float:
        return _LEFT + (day - first).days / days * (_WIDTH - _LEFT - _RIGHT)

    def y(share: float) -> float:
        return _TOP + (1 - share) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
            f'width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" font-size="11">'
        ),
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="17" font-size="13" fill="#222222">{escape(title)}</text>',
    ]
    for tick in range(5):
        share = tick / 4
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(share):.1f}" y2="{y(share):.1f}" '
            f'stroke="#e4e4e4"/><text x="{_LEFT - 6}" y="{y(share) + 4:.1f}" text-anchor="end" '
            f'fill="#555555">{share:.0%}</text>'
        )
    every = -(-len(points) // _MOST_LABELS) or 1
    parts += [
        f'<text x="{x(day):.1f}" y="{_HEIGHT - 10}" text-anchor="middle" fill="#555555">{day:%d %b}</text>'
        for day, _ in points[::every]
    ]
    line = " ".join(f"{x(day):.1f},{y(share):.1f}" for day, share in points)
    parts.append(f'<polyline points="{line}" fill="none" stroke="#2b6cb0" stroke-width="2"/>')
    parts += [
        f'<circle cx="{x(day):.1f}" cy="{y(share):.1f}" r="3.5" fill="#2b6cb0"/>'
        for day, share in points
    ]
    return "".join([*parts, "</svg>"])
