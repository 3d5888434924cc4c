"""How work went: who did what, how attempts ended day by day, how long they waited."""

from collections.abc import Sequence

from governance.cost.entries import Outcome
from governance.periods import Span
from governance.reports.asked import Asked
from governance.reports.facts import ReportFacts
from governance.reports.model import (
    Block,
    Chart,
    Column,
    Figure,
    Figures,
    Section,
    Sentence,
    Table,
    Unit,
    shown,
)
from governance.reports.over_time import over_time
from governance.reports.rows import Activity, AttemptsEnded

_MOST_ROWS = 20
#: What became of attempts, as it is called, in the order of a chart.
ENDINGS = {
    "completed": Outcome.COMPLETED,
    "stopped early": Outcome.STOPPED,
    "failed": Outcome.FAILED,
    "taken away": Outcome.EVICTED,
    "cancelled": Outcome.CANCELLED,
    "paused": Outcome.PAUSED,
}


def activity(facts: ReportFacts, asked: Asked) -> Section:
    """Who did what."""
    rows = facts.activity(asked.scope, asked.period)
    before = facts.activity(asked.before.scope, asked.before.period)
    now, then = _together(rows), _together(before)
    blocks: list[Block] = [
        Figures(
            (
                Figure("sweeps submitted", now.sweeps_submitted, Unit.COUNT, then.sweeps_submitted),
                Figure("sweeps ended", now.sweeps_ended, Unit.COUNT, then.sweeps_ended),
                Figure("runs ended", now.runs_ended, Unit.COUNT, then.runs_ended),
                Figure(
                    "failed",
                    now.failed / now.runs_ended if now.runs_ended else None,
                    Unit.SHARE,
                    then.failed / then.runs_ended if then.runs_ended else None,
                ),
            )
        ),
        shown(
            "Runs that ended, by user",
            (
                Column("tenant"),
                Column("user"),
                Column("sweeps submitted", Unit.COUNT),
                Column("completed", Unit.COUNT),
                Column("stopped", Unit.COUNT),
                Column("failed", Unit.COUNT),
                Column("cancelled", Unit.COUNT),
            ),
            [
                (
                    row.tenant,
                    row.owner,
                    row.sweeps_submitted,
                    row.completed,
                    row.stopped,
                    row.failed,
                    row.cancelled,
                )
                for row in sorted(rows, key=lambda r: (-r.runs_ended, r.tenant, r.owner))
            ],
            most=_MOST_ROWS,
        ),
    ]
    ended = facts.attempts_ended(asked.scope, asked.period)
    if ended:
        blocks.append(attempts_over_time(ended, asked.period))
        blocks.append(
            _endings(ended, facts.attempts_ended(asked.before.scope, asked.before.period))
        )
    return Section(key="activity", title="Work", blocks=tuple(blocks))


def _together(rows: Sequence[Activity]) -> Activity:
    return Activity(
        tenant="",
        owner="",
        sweeps_submitted=sum(row.sweeps_submitted for row in rows),
        sweeps_ended=sum(row.sweeps_ended for row in rows),
        runs_ended=sum(row.runs_ended for row in rows),
        completed=sum(row.completed for row in rows),
        stopped=sum(row.stopped for row in rows),
        failed=sum(row.failed for row in rows),
        cancelled=sum(row.cancelled for row in rows),
    )


def attempts_over_time(rows: Sequence[AttemptsEnded], period: Span) -> Chart:
    """A column for each day, or month, on which any ended."""
    counts = {(row.day, row.outcome): row.attempts for row in rows}
    values = {
        day: tuple(float(counts.get((day, outcome), 0)) for outcome in ENDINGS.values())
        for day in {row.day for row in rows}
    }
    return over_time("Attempts that ended,", Unit.COUNT, values, period, series=tuple(ENDINGS))


def _endings(rows: Sequence[AttemptsEnded], before: Sequence[AttemptsEnded]) -> Table:
    """The same in numbers, of all days together."""
    now, then = _by_outcome(rows), _by_outcome(before)
    whole, whole_then = sum(now.values()), sum(then.values())
    return Table(
        "How attempts ended",
        (
            Column("ended"),
            Column("attempts", Unit.COUNT),
            Column("share", Unit.SHARE),
            Column("before", Unit.COUNT),
            Column("share before", Unit.SHARE),
        ),
        tuple(
            (
                name,
                now[outcome],
                now[outcome] / whole if whole else None,
                then[outcome],
                then[outcome] / whole_then if whole_then else None,
            )
            for name, outcome in ENDINGS.items()
            if now[outcome] or then[outcome]
        ),
    )


def _by_outcome(rows: Sequence[AttemptsEnded]) -> dict[Outcome, int]:
    counts = dict.fromkeys(ENDINGS.values(), 0)
    for row in rows:
        counts[row.outcome] += row.attempts
    return counts


def waiting(facts: ReportFacts, asked: Asked) -> Section:
    """How long attempts waited."""
    rows = facts.waits(asked.scope, asked.period)
    table = shown(
        "From when an attempt was written down until it began",
        (
            Column("tenant"),
            Column("attempts", Unit.COUNT),
            Column("median", Unit.SECONDS),
            Column("95 of 100 within", Unit.SECONDS),
            Column("longest", Unit.SECONDS),
        ),
        [
            (row.tenant, row.attempts, row.median_seconds, row.p95_seconds, row.longest_seconds)
            for row in rows
        ],
        most=_MOST_ROWS,
    )
    nothing = Sentence("No attempt began in this period.")
    return Section(key="waits", title="Waiting", blocks=(table if rows else nothing,))
