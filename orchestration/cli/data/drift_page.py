"""Two versions side by side as one page with all its scripts in it."""

from pathlib import Path
from typing import Any

from governance.datasets.drift import Drift, comparison
from sweeps.datasets import DatasetVersion

_MOST_COLUMNS = 40
_HEIGHT = 220  # pixels of a picture


def write_page(path: Path, before: DatasetVersion, after: DatasetVersion, found: Drift) -> None:
    """Bars of both versions for every column, those that differ most first."""
    from plotly import graph_objects as go
    from plotly.subplots import make_subplots

    shown: list[tuple[str, Any]] = []
    for column in found.columns:
        first = before.profile.column(column.column)
        second = after.profile.column(column.column)
        both = None if first is None or second is None else comparison(first, second)
        if both is not None and len(shown) < _MOST_COLUMNS:
            psi = "" if column.psi is None else f", PSI {column.psi:.3f}"
            shown.append((f"{column.column}: {column.level}{psi}", both))
    figure = make_subplots(
        rows=max(1, len(shown)), cols=1, subplot_titles=[title for title, _ in shown]
    )
    for row, (_, both) in enumerate(shown, start=1):
        for name, shares, colour in (
            (str(before), both.before, "#1f77b4"),
            (str(after), both.after, "#ff7f0e"),
        ):
            bars = go.Bar(
                x=list(both.labels), y=list(shares), name=name, legendgroup=name,
                showlegend=row == 1, marker_color=colour,
            )  # fmt: skip
            figure.add_trace(bars, row=row, col=1)
    figure.update_layout(
        title=f"{before} and {after}: {found.level} drift",
        barmode="group",
        height=120 + _HEIGHT * max(1, len(shown)),
    )
    figure.update_xaxes(type="category")
    path.write_text(figure.to_html(include_plotlyjs=True), encoding="utf-8")
