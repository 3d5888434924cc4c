"""What the best result costs beside one that is nearly as good, and what early stopping saved."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from governance.reports.asked import Asked
from governance.reports.bargains import TOLERANCES, Bargain, most_telling
from governance.reports.bargains import bargains as all_bargains
from governance.reports.facts import ReportFacts
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
from governance.reports.rows import Priced, SweepFront
from sweeps.money import dollars

_MOST_SWEEPS = 20
_MOST_SENTENCES = 3
_HARDLY = 0.0005  # of a result: less would be told as 0.0 %
_MOST_PARAMETERS = 6
_LONGEST = 24


def bargains(facts: ReportFacts, asked: Asked) -> Section:
    """By sweep: the best trial, and the cheapest within 1, 2 and 5 % of it."""
    sweeps = [row for row in facts.fronts(asked.scope, asked.period) if row.front]
    found = sorted(
        (
            (row, *pair)
            for row in sweeps
            if (pair := all_bargains(row.front, row.direction)) is not None
        ),
        key=lambda item: (-(item[2][-1].times or 0), item[0].sweep_id),
    )
    if not found:
        nothing = Sentence("No sweep of this period has a trial with both a result and a price.")
        return Section(key="bargains", title=_TITLE, blocks=(nothing,))
    blocks: list[Block] = list(_sentences(facts, found))
    n_unpriced = sum(row.unpriced for row in sweeps)
    if n_unpriced:
        blocks.append(
            Sentence(f"{n_unpriced:,} trials with a result are left out: their cost is unknown.")
        )
    columns = (Column("sweep"), Column("metric"), *bargain_columns())
    rows = [(row.sweep_id, row.metric, *bargain_cells(best, near)) for row, best, near in found]
    blocks.append(shown("The best, and the cheapest that is nearly as good", columns, rows,
                        most=_MOST_SWEEPS))  # fmt: skip
    return Section(key="bargains", title=_TITLE, blocks=tuple(blocks))


_TITLE = "What the best costs"


def bargain_columns() -> tuple[Column, ...]:
    """Of a table of what the best costs, beside the cheapest within each tolerance."""
    columns = [Column("best", Unit.NUMBER), Column("its cost", Unit.USD)]
    for tolerance in TOLERANCES:
        columns += [
            Column(f"cheapest within {tolerance:.0%}", Unit.USD),
            Column("best costs", Unit.TIMES),
        ]
    return tuple(columns)


def bargain_cells(best: Priced, near: Sequence[Bargain]) -> tuple[Value, ...]:
    """Its values."""
    values: list[Value] = [best.objective, best.cost_usd]
    for one in near:
        values += [one.trial.cost_usd, one.times]
    return tuple(values)


def costs_more(best: Priced, one: Bargain, *, of: str, metric: str, beside: str) -> str:
    """``X costs 10.0 times as much as Y for 1.0 % more of accuracy ($20.00 and $2.00)``."""
    gain = f"{one.worse_by:.1%}" if one.worse_by >= _HARDLY else "hardly any"
    return (
        f"{of} costs {one.times:.1f} times as much as {beside} for {gain} more of {metric} "
        f"({dollars(best.cost_usd)} and {dollars(one.trial.cost_usd)})"
    )


def _sentences(
    facts: ReportFacts, found: Sequence[tuple[SweepFront, Priced, Sequence[Bargain]]]
) -> list[Sentence]:
    """The dearest choices in words, with what was chosen."""
    telling = [
        (row, best, one) for row, best, near in found if (one := most_telling(near)) is not None
    ][:_MOST_SENTENCES]
    wanted = [
        (row.sweep_id, number)
        for row, best, one in telling
        for number in (best.number, one.trial.number)
    ]
    configurations = facts.configurations(wanted)
    return [
        Sentence(
            costs_more(
                best,
                one,
                of=f"{row.sweep_id}: trial {best.number}",
                metric=row.metric,
                beside=f"trial {one.trial.number}",
            )
            + "."
            + _difference(
                configurations.get((row.sweep_id, best.number), {}),
                configurations.get((row.sweep_id, one.trial.number), {}),
            )
        )
        for row, best, one in telling
    ]


def _difference(best: Mapping[str, object], cheap: Mapping[str, object]) -> str:
    names = [name for name in sorted({*best, *cheap}) if best.get(name) != cheap.get(name)]
    if not names:
        return ""
    pairs = ", ".join(
        f"{name} {_short(best.get(name))} rather than {_short(cheap.get(name))}"
        for name in names[:_MOST_PARAMETERS]
    )
    more = f" and {len(names) - _MOST_PARAMETERS} more" if len(names) > _MOST_PARAMETERS else ""
    return f" It has {pairs}{more}."


def _short(value: object) -> str:
    if value is None:
        return "none"
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def early_stopping(facts: ReportFacts, asked: Asked) -> Section:
    """What it would have cost to train stopped trials to their last level: an estimate."""
    rows = facts.stopped_early(asked.scope, asked.period)
    before = facts.stopped_early(asked.before.scope, asked.before.period)
    saved = sum((row.saved_usd for row in rows), Decimal(0))
    n_unknown = sum(row.unknown for row in rows)
    blocks: list[Block] = [
        Figures(
            (
                Figure(
                    "saved, an estimate",
                    saved,
                    Unit.USD,
                    sum((row.saved_usd for row in before), Decimal(0)),
                ),
                Figure(
                    "spent on stopped trials",
                    sum((row.amount_usd for row in rows), Decimal(0)),
                    Unit.USD,
                    sum((row.amount_usd for row in before), Decimal(0)),
                ),
                Figure(
                    "stopped trials",
                    sum(row.trials for row in rows),
                    Unit.COUNT,
                    sum(row.trials for row in before),
                ),
            )
        ),
        Sentence(
            "The estimate assumes that each resource level costs as much as those before it, up to "
            "the last level that the strategy names, or that a trial of the sweep has reached."
        ),
    ]
    if n_unknown:
        blocks.append(
            Sentence(f"{n_unknown:,} stopped trials are left out: no report, or no price.")
        )
    if rows:
        blocks.append(
            shown(
                "Saved by sweep",
                (
                    Column("sweep"),
                    Column("stopped trials", Unit.COUNT),
                    Column("spent", Unit.USD),
                    Column("saved", Unit.USD),
                ),
                [
                    (row.sweep_id, row.trials, row.amount_usd, row.saved_usd)
                    for row in sorted(rows, key=lambda r: (-r.saved_usd, r.sweep_id))
                ],
                most=_MOST_SWEEPS,
            )
        )
    return Section(key="early_stopping", title="Saved by early stopping", blocks=tuple(blocks))
