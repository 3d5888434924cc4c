"""What was tried: which configurations and values fail, what they cost, and what that gains."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from governance.reports.asked import Asked
from governance.reports.bargains import Bargain, most_telling
from governance.reports.bargains import bargains as all_bargains
from governance.reports.comparing import bargain_cells, bargain_columns, costs_more
from governance.reports.evidence import worse_configurations, worse_pairs, worse_values
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
from governance.reports.rows import Priced
from governance.reports.tried import (
    ConfigurationOutcomes,
    PairOutcomes,
    ParameterOutcomes,
    ValueOutcomes,
)

_MOST_ROWS = 20
_MOST_SENTENCES = 3
_DEAREST = 10
_FEWEST = 5  # runs or attempts, before a value or a configuration says anything
Dear = tuple[list[ConfigurationOutcomes], Priced, list[Bargain]]


def configurations(facts: ReportFacts, asked: Asked) -> Section:
    """All of it."""
    found = facts.parameter_outcomes(asked.scope, asked.period)
    if asked.scope.tenant is None:  # two tenants may have experiments of one name
        found = _with_tenants(found)
    blocks = [
        *_gains(found.configurations),
        *_failing(found.configurations),
        *_failing_pairs(found.pairs),
        *_failing_values(found.values),
        *_dear(found.configurations),
        *_dear_values(found.values),
    ]
    if not blocks:
        blocks = [Sentence("No configuration was tried often enough to say anything.")]
    return Section(key="configurations", title="Configurations", blocks=tuple(blocks))


def _with_tenants(found: ParameterOutcomes) -> ParameterOutcomes:
    return ParameterOutcomes(
        values=[replace(row, experiment=_whole_name(row)) for row in found.values],
        pairs=[replace(row, experiment=_whole_name(row)) for row in found.pairs],
        configurations=[replace(row, experiment=_whole_name(row)) for row in found.configurations],
    )


def _whole_name(row: ValueOutcomes | PairOutcomes | ConfigurationOutcomes) -> str:
    return f"{row.tenant} / {row.experiment}"


def _gains(rows: Sequence[ConfigurationOutcomes]) -> list[Block]:
    """What the best configuration of an experiment costs, beside one that is nearly as good."""
    by_experiment: dict[tuple[str, str], list[ConfigurationOutcomes]] = {}
    for row in rows:
        if row.is_unbeaten:
            by_experiment.setdefault((row.tenant, row.experiment), []).append(row)
    dear: list[Dear] = []
    for members in by_experiment.values():
        priced = [
            Priced(number=place, objective=row.objective, cost_usd=row.usd_each)
            for place, row in enumerate(members)
            if row.objective is not None and row.usd_each is not None
        ]
        direction = members[0].direction
        if direction is not None and (pair := all_bargains(priced, direction)) is not None:
            dear.append((members, *pair))
    dear.sort(
        key=lambda item: (-(item[2][-1].times or 0), item[0][0].tenant, item[0][0].experiment)
    )
    if not dear:
        return []
    telling = [(item, one) for item in dear if (one := most_telling(item[2])) is not None]
    columns = (Column("experiment"), Column("metric"), *bargain_columns())
    return [
        *(Sentence(_gain(item, one)) for item, one in telling[:_MOST_SENTENCES]),
        shown(
            "By experiment: medians, and what a run that finished costs",
            columns,
            [
                (members[0].experiment, members[0].metric, *bargain_cells(best, near))
                for members, best, near in dear
            ],
            most=_MOST_ROWS,
        ),
    ]


def _gain(dear: Dear, one: Bargain) -> str:
    members, best, _ = dear
    chosen, cheap = members[best.number], members[one.trial.number]
    first = members[0]
    said = costs_more(
        best,
        one,
        of=f"{first.experiment}: a run with {_beside(chosen, cheap)}",
        metric=first.metric or "the objective",
        beside=f"one with {_beside(cheap, chosen)}",
    )
    return f"{said}; medians of {chosen.finished:,} and {cheap.finished:,} runs."


def _beside(row: ConfigurationOutcomes, other: ConfigurationOutcomes) -> str:
    """What the one has and the other has not."""
    differing = [part for part in row.parameters if part not in other.parameters]
    return ", ".join(f"{name} {value}" for name, value in differing or row.parameters)


def _failing(rows: Sequence[ConfigurationOutcomes]) -> list[Block]:
    worse = worse_configurations(rows)
    if not worse:
        return []
    first = worse[0]
    return [
        Sentence(
            f"{first.experiment}: {first.failed:,} of {first.attempts:,} attempts with {first} "
            f"failed, and {first.others_failed:,} of {first.others_attempts:,} with other "
            "configurations."
        ),
        _configuration_table("Configurations that fail clearly more often than others", worse),
    ]


def _dear(rows: Sequence[ConfigurationOutcomes]) -> list[Block]:
    dear = sorted(
        (row for row in rows if row.amount_usd and row.attempts >= _FEWEST),
        key=lambda row: (-(row.amount_usd or 0), row.tenant, row.experiment, str(row)),
    )
    return [_configuration_table("Configurations that cost most", dear[:_DEAREST])] if dear else []


def _configuration_table(title: str, rows: Sequence[ConfigurationOutcomes]) -> Block:
    columns = (
        Column("experiment"),
        Column("configuration"),
        Column("runs", Unit.COUNT),
        Column("attempts", Unit.COUNT),
        Column("failed", Unit.COUNT),
        Column("rate", Unit.SHARE),
        Column("others", Unit.SHARE),
        Column("cost", Unit.USD),
        Column("of a finished run", Unit.USD),
        Column("median", Unit.NUMBER),
    )
    return shown(title, columns, [_configuration_row(row) for row in rows], most=_MOST_ROWS)


def _configuration_row(row: ConfigurationOutcomes) -> tuple[Value, ...]:
    return (
        row.experiment,
        str(row),
        row.runs,
        row.attempts,
        row.failed,
        row.failed_share,
        row.others_failed / row.others_attempts if row.others_attempts else None,
        row.amount_usd,
        row.usd_each,
        row.objective,
    )


def _failing_pairs(rows: Sequence[PairOutcomes]) -> list[Block]:
    worse = worse_pairs(rows)
    if not worse:
        return []
    columns = (
        Column("experiment"),
        Column("value"),
        Column("and"),
        Column("runs", Unit.COUNT),
        Column("failed", Unit.SHARE),
        Column("the first alone", Unit.SHARE),
        Column("the second alone", Unit.SHARE),
    )
    return [
        shown(
            "Values that fail clearly more often together than either alone",
            columns,
            [
                (
                    row.experiment,
                    f"{row.name} {row.value}",
                    f"{row.other_name} {row.other_value}",
                    row.runs,
                    row.failed_share,
                    row.one_failed / row.one_runs,
                    row.other_failed / row.other_runs,
                )
                for row in worse
            ],
            most=_MOST_ROWS,
        ),
        *_sample(worse[0].sampled),
    ]


def _sample(share: float) -> list[Block]:
    """How much was looked at, where that was not all."""
    if share >= 1:
        return []
    words = "less than 0.1 %" if share < 0.001 else f"{share * 100:.1f} %"
    return [
        Sentence(
            f"Pairs of values are those of {words} of the configurations, picked by chance: there "
            "would be too many of all."
        )
    ]


def _failing_values(rows: Sequence[ValueOutcomes]) -> list[Block]:
    worse = worse_values(rows)
    if not worse:
        return []
    first = worse[0]
    return [
        Sentence(
            f"Runs of {first.experiment} with {first.name} = {first.value} fail most often beside "
            f"their others: {first.failed:,} of {first.runs:,}."
        ),
        _value_table("Values that fail clearly more often than others of their parameter", worse),
    ]


def _dear_values(rows: Sequence[ValueOutcomes]) -> list[Block]:
    dear = sorted(
        (row for row in rows if row.amount_usd and row.runs >= _FEWEST),
        key=lambda row: (-_each(row), row.tenant, row.experiment, row.name, row.value),
    )
    return [_value_table("Values whose runs cost most", dear[:_DEAREST])] if dear else []


def _value_table(title: str, rows: Sequence[ValueOutcomes]) -> Block:
    columns = (
        Column("experiment"),
        Column("parameter"),
        Column("value"),
        Column("runs", Unit.COUNT),
        Column("failed", Unit.SHARE),
        Column("others fail", Unit.SHARE),
        Column("cost of a run", Unit.USD),
    )
    cells = [
        (
            row.experiment,
            row.name,
            row.value,
            row.runs,
            row.failed_share,
            row.others_failed_share,
            _each(row),
        )
        for row in rows
    ]
    return shown(title, columns, cells, most=_MOST_ROWS)


def _each(row: ValueOutcomes) -> Decimal:
    return row.amount_usd / row.runs if row.runs else Decimal(0)
