"""What retention has deleted, and by which rule."""

from governance.reports.asked import Asked
from governance.reports.facts import ReportFacts
from governance.reports.model import (
    Block,
    Column,
    Figure,
    Figures,
    Section,
    Unit,
    shown,
)

_MOST_ROWS = 20


def retention(facts: ReportFacts, asked: Asked) -> Section:
    """All of it."""
    rows = facts.deleted(asked.scope, asked.period)
    before = facts.deleted(asked.before.scope, asked.before.period)
    blocks: list[Block] = [
        Figures(
            (
                Figure(
                    "freed",
                    sum(row.size_bytes for row in rows),
                    Unit.BYTES,
                    sum(row.size_bytes for row in before),
                ),
                Figure(
                    "deleted",
                    sum(row.things for row in rows),
                    Unit.COUNT,
                    sum(row.things for row in before),
                ),
            )
        )
    ]
    if rows:
        blocks.append(
            shown(
                "Deleted by rule",
                (
                    Column("tenant"),
                    Column("what"),
                    Column("rule"),
                    Column("deleted", Unit.COUNT),
                    Column("freed", Unit.BYTES),
                ),
                [
                    (row.tenant or "(all)", row.kind, row.rule, row.things, row.size_bytes)
                    for row in sorted(rows, key=lambda r: (-r.size_bytes, r.tenant, r.kind, r.rule))
                ],
                most=_MOST_ROWS,
            )
        )
    return Section(key="retention", title="Retention", blocks=tuple(blocks))
