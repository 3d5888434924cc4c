"""What failed: by reason, and by value of a parameter."""

from collections.abc import Sequence
from decimal import Decimal

from governance.reports.asked import Asked
from governance.reports.facts import ReportFacts
from governance.reports.model import (
    Block,
    Column,
    Section,
    Sentence,
    Unit,
    Value,
    shown,
)
from governance.reports.rows import ValueOutcomes

_MOST_ROWS = 20
_FEWEST_RUNS = 5  # of a value, before its failure rate says anything
_WORSE = 1.5  # times the rate of the others
_DEAREST = 10


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
