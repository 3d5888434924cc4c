"""Money in words and in JSON."""

import datetime as dt
from decimal import Decimal

from governance.cost.report import CostSummary, GroupBy, summary_document, total
from governance.cost.trials import TrialCosts
from governance.cost.words import cost_line
from orchestration.platform import Platform
from sweeps.ids import RunId, SweepId
from sweeps.money import dollars


def sweep_lines(costs: TrialCosts, spent: CostSummary) -> list[str]:
    """What can be said of a sweep's money, for people."""
    lines: list[str] = []
    if costs.best is not None:
        lines.append(f"best: trial {costs.best.number} cost {dollars(costs.best_usd)}")
    if costs.near_best is not None and costs.near_best is not costs.best:
        lines.append(
            f"within 1 % of it: trial {costs.near_best.number} cost {dollars(costs.near_best_usd)}"
        )
    if (saving := costs.saving) is not None and saving.trials:
        share = saving.share_of(spent.amount_usd)
        percent = "" if share is None else f", {share:.0%} of what it would have cost"
        lines.append(
            f"stopping {saving.trials} trials early saved about {dollars(saving.usd)}{percent}"
        )
    return lines


def trials_document(costs: TrialCosts, *, metric: str) -> dict[str, object]:
    """A sweep's money by trial, for JSON."""
    return {
        "usd_by_trial": {number: float(usd) for number, usd in costs.by_trial.items()},
        "best": None if costs.best is None else costs.best.number,
        "best_usd": _float(costs.best_usd),
        "near_best": None if costs.near_best is None else costs.near_best.number,
        "near_best_usd": _float(costs.near_best_usd),
        "saved_by_stopping_usd": None if costs.saving is None else _float(costs.saving.usd),
        "stopped": 0 if costs.saving is None else costs.saving.trials,
        "metric": metric,
    }


def _float(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)


def cost_of(
    platform: Platform, *, sweep_id: SweepId | None = None, run_id: RunId | None = None
) -> tuple[str, dict[str, object]]:
    """What a sweep or a run has cost, in one line and for JSON."""
    from storage.cost.holdings import CostFilter

    of = CostFilter(sweep_id=sweep_id, run_id=run_id)
    sheet = platform.cost_reader.all_of(GroupBy.RUN, of=of, now=dt.datetime.now(dt.UTC))
    return cost_line(sheet), summary_document(total(sheet.lines))
