"""What was paid for nothing: idle GPUs, work that failed or was taken away, work done twice."""

from collections.abc import Sequence
from decimal import Decimal

from governance.reports.asked import Asked
from governance.reports.facts import ReportFacts
from governance.reports.model import (
    Block,
    Column,
    Figure,
    Figures,
    Section,
    Sentence,
    Table,
    Unit,
    shown,
)
from governance.reports.rows import OutcomeSpent, Spent
from governance.reports.spending import total
from sweeps.money import dollars

IDLE = "idle"
#: What the ledger says of attempts whose work is lost, by kind of loss.
KINDS = {"failed": "failed", "taken away": "evicted", "cancelled": "cancelled"}
_MOST_SWEEPS = 15


def kind_of(row: OutcomeSpent) -> str | None:
    """Kind of waste of a row of the ledger; None: it was no waste."""
    if row.is_waste:  # allocated and not used, whatever became of the attempt
        return IDLE
    return next((kind for kind, outcome in KINDS.items() if row.outcome == outcome), None)


def by_kind(rows: Sequence[OutcomeSpent]) -> dict[str, Decimal]:
    """Money for nothing, by kind; every row counts once."""
    amounts = dict.fromkeys((IDLE, *KINDS), Decimal(0))
    for row in rows:
        kind = kind_of(row)
        if kind is not None:
            amounts[kind] += row.amount_usd
    return amounts


def waste(facts: ReportFacts, asked: Asked) -> Section:
    """All of it."""
    outcomes = facts.spent_by_outcome(asked.scope, asked.period)
    before = by_kind(facts.spent_by_outcome(asked.before.scope, asked.before.period))
    amounts = by_kind(outcomes)
    spent = facts.spent(asked.scope, asked.period)
    repeated = facts.repeated(asked.scope, asked.period)
    whole = total(spent)
    twice = sum((row.amount_usd for row in repeated), Decimal(0))
    blocks: list[Block] = [
        Figures(
            (
                Figure("idle GPUs", amounts[IDLE], Unit.USD, before[IDLE]),
                *(Figure(kind, amounts[kind], Unit.USD, before[kind]) for kind in KINDS),
                Figure(
                    "together",
                    sum(amounts.values(), Decimal(0)),
                    Unit.USD,
                    sum(before.values(), Decimal(0)),
                ),
                Figure(
                    "of the cost",
                    float(sum(amounts.values(), Decimal(0)) / whole.amount_usd)
                    if whole.amount_usd
                    else None,
                    Unit.SHARE,
                ),
            )
        ),
        Sentence(
            "Idle is GPU time that was allocated and not used. Failed is what attempts cost that "
            "ended by an error of their own, a limit or their launch; taken away is what was lost "
            "with a machine, to something more important, or by somebody's hand."
        ),
    ]
    if repeated:
        n_trials = sum(row.trials for row in repeated)
        blocks.append(
            Sentence(
                f"{n_trials:,} trials tried a configuration that an earlier trial of their sweep "
                f"had tried; they cost {dollars(twice)}. Some of that may be counted above, too."
            )
        )
        blocks.append(
            shown(
                "Configurations tried again",
                (Column("sweep"), Column("trials", Unit.COUNT), Column("cost", Unit.USD)),
                [
                    (row.sweep_id, row.trials, row.amount_usd)
                    for row in sorted(repeated, key=lambda r: (-r.amount_usd, r.sweep_id))
                ],
                most=_MOST_SWEEPS,
            )
        )
    idle = _idle_table(spent)
    if idle.rows:
        blocks.append(idle)
    return Section(key="waste", title="Waste", blocks=tuple(blocks))


def _idle_table(spent: Sequence[Spent]) -> Table:
    """Who holds GPUs without using them, and how the work beside it goes."""
    rows = [
        (
            row.sweep_id or "(outside sweeps)",
            row.experiment,
            row.owner,
            row.idle_gpu_hours,
            row.idle_gpu_hours / row.gpu_hours if row.gpu_hours else None,
            row.failed_attempts / row.attempts if row.attempts else None,
            row.waste_usd,
        )
        for row in sorted(spent, key=lambda r: (-r.idle_gpu_hours, r.sweep_id))
        if row.idle_gpu_hours > 0
    ]
    columns = (
        Column("sweep"),
        Column("experiment"),
        Column("user"),
        Column("idle GPU-hours", Unit.HOURS),
        Column("of its GPU-hours", Unit.SHARE),
        Column("failed", Unit.SHARE),
        Column("cost of it", Unit.USD),
    )
    return shown("Idle GPUs", columns, rows, most=_MOST_SWEEPS)
