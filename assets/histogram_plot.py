"""Histograms of columns as one inline picture: small, without a plotting library, readable anywhere."""

import base64
from collections.abc import Sequence
from html import escape

from governance.datasets.drift import Comparison
from sweeps.data_profiles import ColumnProfile

_MOST = 24
_PER_ROW = 4
_WIDTH, _HEIGHT, _GAP = 160, 90, 14
_TITLE = 18
_LONGEST = 22
_BLUE, _ORANGE = "#4a7ebb", "#d9822b"

Bars = Sequence[float]


def histogram_plot(columns: Sequence[ColumnProfile]) -> str:
    """Markdown with an SVG: bars for each column, of buckets or of the commonest values."""
    shown = [(column.name, [(_BLUE, counts)]) for column in columns if (counts := _counts(column))]
    return _markdown("histograms", _svg(shown[:_MOST]))


def drift_plot(columns: Sequence[tuple[str, Comparison]]) -> str:
    """The same of two versions: blue before, orange after."""
    shown = [(name, [(_BLUE, both.before), (_ORANGE, both.after)]) for name, both in columns]
    return _markdown("before blue, after orange", _svg(shown[:_MOST]))


def _markdown(title: str, svg: str) -> str:
    return f"![{title}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def _svg(shown: Sequence[tuple[str, Sequence[tuple[str, Bars]]]]) -> str:
    n_rows = -(-len(shown) // _PER_ROW)
    width = _PER_ROW * (_WIDTH + _GAP)
    height = n_rows * (_HEIGHT + _TITLE + _GAP)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            'font-family="sans-serif" font-size="11">'
        )
    ]
    for index, (name, series) in enumerate(shown):
        left = index % _PER_ROW * (_WIDTH + _GAP)
        top = index // _PER_ROW * (_HEIGHT + _TITLE + _GAP)
        parts.append(f'<text x="{left}" y="{top + 12}">{escape(_short(name))}</text>')
        parts += _bars(series, left, top + _TITLE)
    return "".join([*parts, "</svg>"])


def _bars(series: Sequence[tuple[str, Bars]], left: int, top: int) -> list[str]:
    """Side by side within each bucket, all on one scale."""
    most = max(max(counts) for _, counts in series) or 1
    bucket = _WIDTH / len(series[0][1])
    width = max(0.8, bucket / len(series) - 1 / len(series))
    bars: list[str] = []
    for place, (colour, counts) in enumerate(series):
        for index, count in enumerate(counts):
            high = count / most * _HEIGHT
            x = left + index * bucket + place * bucket / len(series)
            bars.append(
                f'<rect x="{x:.1f}" y="{top + _HEIGHT - high:.1f}" width="{width:.1f}" '
                f'height="{high:.1f}" fill="{colour}"/>'
            )
    return bars


def _counts(column: ColumnProfile) -> Bars:
    if column.histogram is not None:
        return column.histogram.counts
    return list(column.values.values())[:20]


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
