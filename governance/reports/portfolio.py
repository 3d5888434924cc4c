"""For leads: sums, shares and trends over all tenants, without names or parameters."""

from decimal import Decimal

from governance.reports.asked import Asked
from governance.reports.facts import ReportFacts
from governance.reports.model import (
    Block,
    Chart,
    ChartKind,
    Column,
    Figure,
    Figures,
    Section,
    Sentence,
    Table,
    Unit,
)
from governance.reports.spending import Total, grouped, total
from governance.reports.waste import by_kind
from governance.reports.working import attempts_over_time

_TRENDS = 8  # periods, this one among them
_FEWEST_TENANTS = 3  # among two, each would know the other


def portfolio(facts: ReportFacts, asked: Asked) -> Section:
    """All of it."""
    rows = facts.spent(asked.scope, asked.period)
    before = facts.spent(asked.before.scope, asked.before.period)
    now, then = total(rows), total(before)
    wasted = sum(by_kind(facts.spent_by_outcome(asked.scope, asked.period)).values(), Decimal(0))
    active = facts.activity(asked.scope, asked.period)
    runs = sum(row.runs_ended for row in active)
    failed = sum(row.failed for row in active)
    stopped = facts.stopped_early(asked.scope, asked.period)
    ended = facts.attempts_ended(asked.scope, asked.period)
    blocks: list[Block] = [
        Figures(
            (
                Figure("cost", now.amount_usd, Unit.USD, then.amount_usd),
                Figure("GPU-hours", now.gpu_hours, Unit.HOURS, then.gpu_hours),
                Figure("waste", wasted, Unit.USD),
                Figure(
                    "waste of the cost",
                    float(wasted / now.amount_usd) if now.amount_usd else None,
                    Unit.SHARE,
                ),
                Figure(
                    "saved by early stopping, an estimate",
                    sum((row.saved_usd for row in stopped), Decimal(0)),
                    Unit.USD,
                ),
                Figure("sweeps submitted", sum(row.sweeps_submitted for row in active), Unit.COUNT),
                Figure("runs ended", runs, Unit.COUNT),
                Figure("failed", failed / runs if runs else None, Unit.SHARE),
            )
        ),
        *_trends(facts, asked),
        *([attempts_over_time(ended, asked.period)] if ended else []),
        *_shares(grouped(rows, lambda row: row.tenant), now),
    ]
    return Section(key="portfolio", title="Portfolio", blocks=tuple(blocks))


def _trends(facts: ReportFacts, asked: Asked) -> list[Block]:
    periods = [asked.period]
    while len(periods) < _TRENDS:
        periods.insert(0, periods[0].previous)
    totals = [(period, total(facts.spent(asked.scope, period))) for period in periods]
    while len(totals) > 1 and not totals[0][1].attempts and not totals[0][1].amount_usd:
        del totals[0]  # before anything was recorded
    return [
        Chart(
            "Cost by period",
            ChartKind.DAYS,
            Unit.USD,
            tuple((period.name, (float(sums.amount_usd),)) for period, sums in totals),
        ),
        Table(
            "Trend",
            (
                Column("period"),
                Column("cost", Unit.USD),
                Column("GPU-hours", Unit.HOURS),
                Column("idle GPU-hours", Unit.HOURS),
                Column("attempts", Unit.COUNT),
                Column("failed", Unit.SHARE),
            ),
            tuple(
                (
                    period.name,
                    sums.amount_usd,
                    sums.gpu_hours,
                    sums.idle_gpu_hours,
                    sums.attempts,
                    sums.failed_share,
                )
                for period, sums in totals
            ),
        ),
    ]


def _shares(tenants: dict[str, Total], whole: Total) -> list[Block]:
    """By size, under letters: which is whose is not told, and differs from period to period."""
    if len(tenants) < _FEWEST_TENANTS:
        return [
            Sentence("Shares are shown from three tenants on: of fewer, each knows the others.")
        ]
    named = [(f"tenant {_letters(place)}", sums) for place, sums in enumerate(tenants.values())]
    return [
        Chart(
            "Share of the cost by tenant",
            ChartKind.BARS,
            Unit.SHARE,
            tuple((name, (_share(sums, whole),)) for name, sums in named),
        ),
        Table(
            "Tenants",
            (
                Column("tenant"),
                Column("share of the cost", Unit.SHARE),
                Column("GPU-hours", Unit.HOURS),
                Column("waste of its cost", Unit.SHARE),
            ),
            tuple(
                (name, _share(sums, whole), sums.gpu_hours, sums.waste_share)
                for name, sums in named
            ),
        ),
    ]


def _share(part: Total, whole: Total) -> float:
    return float(part.amount_usd / whole.amount_usd) if whole.amount_usd else 0.0


def _letters(place: int) -> str:
    """A, B, …, Z, AA, AB and so on."""
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
