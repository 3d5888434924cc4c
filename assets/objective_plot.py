"""The objective by trial as an inline picture: small, without a plotting library, readable anywhere."""

import base64
import math

from sweeps.states import RunState
from sweeps.trials import SweepSnapshot

_WIDTH, _HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 28, 40
_TICKS = 5


def objective_plot(snapshot: SweepSnapshot) -> str:
    """Markdown with an SVG: a dot a trial, a line for the best so far, a cross where one failed."""
    svg = base64.b64encode(objective_svg(snapshot).encode()).decode()
    return f"![objective by trial](data:image/svg+xml;base64,{svg})"


def objective_svg(snapshot: SweepSnapshot) -> str:
    """The picture itself."""
    objective = snapshot.sweep.spec.objective
    values = [
        (trial.number, trial.objective)
        for trial in snapshot.trials
        if trial.state in {RunState.COMPLETED, RunState.STOPPED}
        and trial.objective is not None
        and math.isfinite(trial.objective)
    ]
    failed = [trial.number for trial in snapshot.trials if trial.state is RunState.FAILED]
    last = max((trial.number for trial in snapshot.trials), default=1)
    low = min((value for _, value in values), default=0.0)
    high = max((value for _, value in values), default=1.0)
    margin = (high - low) * 0.05 or abs(high) * 0.05 or 0.5
    low, high = low - margin, high + margin

    def x(number: float) -> float:
        return _LEFT + (number - 0.5) / last * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
            f'width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" font-size="11">'
        ),
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        (
            f'<text x="{_LEFT}" y="17" font-size="13" fill="#222222">{_escape(objective.metric)} '
            "by trial; the line is the best so far</text>"
        ),
    ]
    for tick in range(_TICKS):
        value = low + (high - low) * tick / (_TICKS - 1)
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" '
            'stroke="#e4e4e4"/>'
            f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end" fill="#555555">'
            f"{value:.4g}</text>"
        )
    parts += [
        f'<text x="{x(number):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle" '
        f'fill="#555555">{number}</text>'
        for number in sorted({1, *(round(last * part / 4) for part in range(1, 5))} - {0})
    ]
    parts.append(
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2:.0f}" y="{_HEIGHT - 6}" text-anchor="middle" '
        'fill="#555555">trial</text>'
    )
    best = math.inf
    line: list[str] = []
    for number, value in values:
        improved = objective.loss(value) < best
        if improved and line:  # a step, not a slope: nothing lies between two trials
            line.append(f"{x(number):.1f},{y(objective.loss(best)):.1f}")
        best = min(best, objective.loss(value))
        line.append(f"{x(number):.1f},{y(objective.loss(best)):.1f}")
    parts.append(
        f'<polyline points="{" ".join(line)}" fill="none" stroke="#d9822b" stroke-width="2"/>'
    )
    parts += [
        f'<circle cx="{x(n):.1f}" cy="{y(v):.1f}" r="3.5" fill="#2b6cb0"/>' for n, v in values
    ]
    parts += [
        f'<text x="{x(n):.1f}" y="{_HEIGHT - _BOTTOM - 2}" text-anchor="middle" fill="#c53030">&#215;</text>'
        for n in failed
    ]
    return "".join([*parts, "</svg>"])


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
