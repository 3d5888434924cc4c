"""How work went: by owner, by reason of failure, and by configuration."""

from collections.abc import Sequence
from decimal import Decimal

from governance.reports.asked import Asked
from governance.reports.facts import Activity, ReportFacts, ValueOutcomes
from governance.reports.model import (
    Block,
    Column,
    Figure,
    Figures,
    Section,
    Sentence,
    Unit,
    Value,
    shown,
)

_MOST_ROWS = 20
_FEWEST_RUNS = 5  # of a value, before its failure rate says anything
_WORSE = 1.5  # times the rate of the others
_DEAREST = 10


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
    return Section(key="activity", title="Work", blocks=tuple(blocks))


def failures(facts: ReportFacts, asked: Asked) -> Section:
    """Why attempts ended badly, and which values of parameters fail more than others."""
    reasons = facts.failure_reasons(asked.scope, asked.period)
    values = facts.value_outcomes(asked.scope, asked.period)
    blocks: list[Block] = []
    if reasons:
        blocks.append(
            shown(
                "Attempts that ended badly",
                (
                    Column("tenant"),
                    Column("reason"),
                    Column("attempts", Unit.COUNT),
                    Column("runs", Unit.COUNT),
                ),
                [
                    (row.tenant, row.reason.replace("_", " "), row.attempts, row.runs)
                    for row in sorted(reasons, key=lambda r: (-r.attempts, r.tenant, r.reason))
                ],
                most=_MOST_ROWS,
            )
        )
    else:
        blocks.append(Sentence("No attempt ended badly."))
    if values:
        blocks += _by_value(values)
    return Section(key="failures", title="Failures", blocks=tuple(blocks))


def _by_value(values: Sequence[ValueOutcomes]) -> list[Block]:
    telling = worse_than_others(values)
    columns = (
        Column("experiment"),
        Column("parameter"),
        Column("value"),
        Column("runs", Unit.COUNT),
        Column("failed", Unit.SHARE),
        Column("others fail", Unit.SHARE),
        Column("cost of a run", Unit.USD),
    )
    blocks: list[Block] = []
    if telling:
        first = telling[0]
        blocks.append(
            Sentence(
                f"Runs of {first.experiment} with {first.name} = {first.value} fail most often "
                f"beside their others: {first.failed:,} of {first.runs:,}."
            )
        )
        blocks.append(
            shown(
                "Values that fail more often than the others of their parameter",
                columns,
                [_value_row(row) for row in telling],
                most=_MOST_ROWS,
            )
        )
    dear = sorted(
        (row for row in values if row.amount_usd and row.runs >= _FEWEST_RUNS),
        key=lambda row: (-_each(row), *_key(row)),
    )
    if dear:
        blocks.append(
            shown(
                "Values whose runs cost most",
                columns,
                [_value_row(row) for row in dear[:_DEAREST]],
                most=_DEAREST,
            )
        )
    return blocks


def worse_than_others(values: Sequence[ValueOutcomes]) -> list[ValueOutcomes]:
    """Values whose runs fail clearly more often than those with other values, worst first."""
    rated = [
        (row.failed_share - others, row)
        for row in values
        if row.runs >= _FEWEST_RUNS
        and row.failed
        and (others := row.others_failed_share) is not None
        and row.failed_share >= _WORSE * others
    ]
    return [row for _, row in sorted(rated, key=lambda item: (-item[0], *_key(item[1])))]


def _key(row: ValueOutcomes) -> tuple[str, ...]:
    return (row.tenant, row.experiment, row.name, row.value)


def _value_row(row: ValueOutcomes) -> tuple[Value, ...]:
    return (
        row.experiment,
        row.name,
        row.value,
        row.runs,
        row.failed_share,
        row.others_failed_share,
        _each(row),
    )


def _each(row: ValueOutcomes) -> Decimal:
    return row.amount_usd / row.runs if row.runs else Decimal(0)


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
