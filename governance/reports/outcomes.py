"""What came of it: models that were promoted, candidates that were not, and what was learnt."""

from collections.abc import Sequence

from governance.reports.asked import Asked
from governance.reports.facts import ReportFacts
from governance.reports.model import (
    Block,
    Column,
    Figure,
    Figures,
    Section,
    Sentence,
    Unit,
    shown,
)
from governance.reports.rows import EvaluationsEnded, ModelMoved

_MOST_ROWS = 20
_MOST_LESSONS = 40
_PROMOTED = "promoted"


def promotions(facts: ReportFacts, asked: Asked) -> Section:
    """Moves of aliases, and how evaluations ended."""
    moves = facts.models_moved(asked.scope, asked.period)
    ended = facts.evaluations_ended(asked.scope, asked.period)
    before = facts.evaluations_ended(asked.before.scope, asked.before.period)
    promoted, then = _count(ended, _PROMOTED), _count(before, _PROMOTED)
    judged, judged_then = _all(ended), _all(before)
    blocks: list[Block] = [
        Figures(
            (
                Figure("evaluations ended", judged, Unit.COUNT, judged_then),
                Figure("promoted", promoted, Unit.COUNT, then),
                Figure("not promoted", judged - promoted, Unit.COUNT, judged_then - then),
            )
        )
    ]
    if moves:
        blocks.append(
            shown(
                "Models that moved",
                (
                    Column("tenant"),
                    Column("model"),
                    Column("alias"),
                    Column("what"),
                    Column("from", Unit.COUNT),
                    Column("to", Unit.COUNT),
                    Column("by"),
                    Column("on"),
                ),
                [_move(row) for row in moves],
                most=_MOST_ROWS,
            )
        )
    else:
        blocks.append(Sentence("No model moved."))
    return Section(key="promotions", title="Promotions", blocks=tuple(blocks))


def _move(row: ModelMoved) -> tuple[str | int | None, ...]:
    return (
        row.tenant,
        row.model,
        row.alias,
        row.kind.replace("_", " "),
        row.from_number,
        row.number,
        row.moved_by,
        row.moved_at.date().isoformat(),
    )


def _count(rows: Sequence[EvaluationsEnded], state: str) -> int:
    return sum(row.evaluations for row in rows if row.state == state)


def _all(rows: Sequence[EvaluationsEnded]) -> int:
    return sum(row.evaluations for row in rows)


def lessons(facts: ReportFacts, asked: Asked) -> Section:
    """What sweeps that ended have shown, as their pages in the graveyard say."""
    rows = facts.learnt(asked.scope, asked.period)
    if not rows:
        nothing = Sentence("No sweep that ended has a page in the graveyard yet.")
        return Section(key="lessons", title="What was learnt", blocks=(nothing,))
    table = shown(
        "Sweeps that ended",
        (Column("sweep"), Column("about"), Column("takeaway"), Column("confirmed by")),
        [(row.sweep_id, row.title, row.takeaway, row.confirmed_by) for row in rows],
        most=_MOST_LESSONS,
        rest=(f"{max(0, len(rows) - _MOST_LESSONS):,} others", None, None, None),
    )
    return Section(key="lessons", title="What was learnt", blocks=(table,))
