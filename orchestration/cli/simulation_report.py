"""A comparison of strategies as a table, a chart, a document and lines of CSV."""

import csv
import io
import math
from dataclasses import asdict
from typing import Any

from orchestration.cli.output import duration
from sweeps.simulation.comparison import Comparison, StrategyFigures

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 60  # of the chart, in characters


def table(comparison: Comparison) -> tuple[list[str], list[list[object]]]:
    """Columns and rows, a strategy each.

    ``whole`` is the resource in whole trainings, ``vs random`` the share of random search's
    resource that the strategy needs to get as far.
    """
    columns = ["strategy", "best", "worst..best", "regret", "resource", "whole", "trials"]
    columns += ["stopped", "time"]
    if comparison.goal_strategy is not None:
        columns.append(f"vs {comparison.goal_strategy}")
    rows = [_row(figures, comparison) for figures in comparison.strategies]
    return columns, rows


def _row(figures: StrategyFigures, comparison: Comparison) -> list[object]:
    span = figures.best_range
    row: list[object] = [
        figures.strategy,
        figures.best,
        f"{span[0]:.5g}..{span[1]:.5g}" if span else None,
        _finite(figures.regret),
        round(figures.resource),
        round(figures.full_trainings, 1),
        round(figures.n_trials),
        f"{figures.n_stopped:.0f} ({figures.stopped_share:.0%})",
        duration(figures.seconds),
    ]
    if comparison.goal_strategy is not None:
        share = share_of_goal(figures, comparison)
        row.append(f"{share:.0%}" if math.isfinite(share) else "not reached")
    return row


def share_of_goal(figures: StrategyFigures, comparison: Comparison) -> float:
    """Resource until the goal strategy's final regret is reached, over what that one spent."""
    spent = next(
        (f.resource for f in comparison.strategies if f.strategy == comparison.goal_strategy), 0.0
    )
    return figures.resource_to_goal / spent if spent else math.inf


def chart(comparison: Comparison) -> list[str]:
    """A line for each strategy: its median regret, on a log scale, while it spends resource."""
    most = max((f.resource for f in comparison.strategies), default=0.0)
    heights = {
        figures.strategy: [
            comparison.regret_at(figures.strategy, most * place / _WIDTH)
            if most * (place - 1) / _WIDTH < figures.resource
            else None
            for place in range(1, _WIDTH + 1)
        ]
        for figures in comparison.strategies
    }
    known = [r for row in heights.values() for r in row if r is not None and math.isfinite(r)]
    positive = sorted(regret for regret in known if regret > 0)
    if not positive:
        return []
    low, high = math.log10(positive[0]), math.log10(positive[-1])
    width = max(len(name) for name in heights)
    span = f"{positive[-1]:.3g} ({_BARS[-1]}) to {positive[0]:.3g} or less ({_BARS[0]})"
    lines = [
        f"regret from {span}, while 0 to {most / comparison.full:.3g} whole trainings are spent"
    ]
    for name, row in heights.items():
        bars = "".join(_bar(regret, low, high) for regret in row)
        lines.append(f"{name:>{width}} {bars}".rstrip())
    return lines


def _bar(regret: float | None, low: float, high: float) -> str:
    if regret is None or not math.isfinite(regret):
        return " "
    if regret <= 0 or high == low:
        return _BARS[0]
    share = (math.log10(regret) - low) / (high - low)
    return _BARS[round(share * (len(_BARS) - 1))]


def document(comparison: Comparison) -> dict[str, Any]:
    """Everything but the steps, for JSON."""
    strategies: list[dict[str, Any]] = []
    for figures in comparison.strategies:
        runs: list[dict[str, Any]] = []
        for run in comparison.runs:
            if run.strategy == figures.strategy:
                values = {k: v for k, v in _fields(run).items() if k not in {"steps", "strategy"}}
                runs.append({**values, "regret": comparison.regret(run.best)})
        share = share_of_goal(figures, comparison)
        strategies.append({**asdict(figures), "share_of_goal_resource": share, "runs": runs})
    return {
        "metric": comparison.objective.metric,
        "direction": str(comparison.objective.direction),
        "reference": comparison.reference,
        "goal_strategy": comparison.goal_strategy,
        "goal_regret": comparison.goal_regret,
        "whole_training": comparison.full,
        "strategies": strategies,
    }


def _fields(run: Any) -> dict[str, Any]:
    return {name: getattr(run, name) for name in run.__slots__}


def steps_csv(comparison: Comparison) -> str:
    """A header and a line for every report of every simulated sweep."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = ["seconds", "resource", "cost_seconds", "best", "best_at_any_level"]
    writer.writerow(["strategy", "seed", *names, "regret"])
    for run in comparison.runs:
        for step in run.steps:
            figures = [getattr(step, name) for name in names]
            regret = _finite(comparison.regret(step.best))
            writer.writerow([run.strategy, run.seed, *figures, regret])
    return out.getvalue()


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
