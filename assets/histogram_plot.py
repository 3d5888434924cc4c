"""Histograms of columns as one inline picture: small, without a plotting library, readable anywhere."""

import base64
from collections.abc import Sequence
from html import escape

from sweeps.data_profiles import ColumnProfile

_MOST = 24
_PER_ROW = 4
_WIDTH, _HEIGHT, _GAP = 160, 90, 14
_TITLE = 18
_LONGEST = 22


def histogram_plot(columns: Sequence[ColumnProfile]) -> str:
    """Markdown with an SVG: bars for each column, of buckets or of the commonest values."""
    svg = base64.b64encode(histogram_svg(columns).encode()).decode()
    return f"![histograms](data:image/svg+xml;base64,{svg})"


def histogram_svg(columns: Sequence[ColumnProfile]) -> str:
    """The picture itself."""
    shown = [(c, counts) for c in columns if (counts := _counts(c))][:_MOST]
    n_rows = -(-len(shown) // _PER_ROW)
    width = _PER_ROW * (_WIDTH + _GAP)
    height = n_rows * (_HEIGHT + _TITLE + _GAP)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            'font-family="sans-serif" font-size="11">'
        )
    ]
    for index, (column, counts) in enumerate(shown):
        left = index % _PER_ROW * (_WIDTH + _GAP)
        top = index // _PER_ROW * (_HEIGHT + _TITLE + _GAP)
        parts.append(f'<text x="{left}" y="{top + 12}">{escape(_short(column.name))}</text>')
        parts += _bars(counts, left, top + _TITLE)
    return "".join([*parts, "</svg>"])


def _bars(counts: Sequence[int], left: int, top: int) -> list[str]:
    most, width = max(counts), _WIDTH / len(counts)
    bars: list[str] = []
    for index, count in enumerate(counts):
        high = count / most * _HEIGHT
        bars.append(
            f'<rect x="{left + index * width:.1f}" y="{top + _HEIGHT - high:.1f}" '
            f'width="{max(1.0, width - 1):.1f}" height="{high:.1f}" fill="#4a7ebb"/>'
        )
    return bars


def _counts(column: ColumnProfile) -> Sequence[int]:
    if column.histogram is not None:
        return column.histogram.counts
    return list(column.values.values())[:20]


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
