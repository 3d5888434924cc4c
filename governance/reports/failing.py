"""What failed, by reason."""

from governance.reports.asked import Asked
from governance.reports.facts import ReportFacts
from governance.reports.model import (
    Block,
    Column,
    Section,
    Sentence,
    Unit,
    shown,
)

_MOST_ROWS = 20
_FEWEST_RUNS = 5  # of a value, before its failure rate says anything
_WORSE = 1.5  # times the rate of the others
_DEAREST = 10


def failures(facts: ReportFacts, asked: Asked) -> Section:
    """Why attempts ended badly."""
    reasons = facts.failure_reasons(asked.scope, asked.period)
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
    return Section(key="failures", title="Failures", blocks=tuple(blocks))
