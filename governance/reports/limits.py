"""Whether quotas fit what tenants do: how much they held at once, beside what they may."""

from governance.quotas.quota import Quotas
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
from governance.reports.rows import Held

_MOST_ROWS = 30
_OFTEN = 0.1  # of the period at the limit: it is in the way
_RARELY = 0.5  # of the limit, never more: it is wider than it has to be
_TITLE = "Quotas"


def quotas(facts: ReportFacts, asked: Asked) -> Section:
    """By tenant, with what that says of its quota."""
    rows = facts.held(asked.scope, asked.period)
    if not rows:
        nothing = Sentence("Nothing was admitted in this period.")
        return Section(key="quotas", title=_TITLE, blocks=(nothing,))
    policy = facts.quotas()
    hours = asked.period.days * 24
    # What a tenant may hold says nothing of a part of its work.
    is_whole = asked.scope.experiment is None and asked.scope.sweep_id is None
    blocks: list[Block] = []
    if is_whole:
        blocks += [Sentence(text) for row in rows for text in calibration(row, policy, hours=hours)]
    blocks.append(
        shown(
            "Held at once",
            (
                Column("tenant"),
                Column("GPUs at most", Unit.COUNT),
                Column("limit", Unit.COUNT),
                Column("hours at that", Unit.HOURS),
                Column("GPUs on average", Unit.NUMBER),
                Column("trials at most", Unit.COUNT),
                Column("limit", Unit.COUNT),
                Column("waiting now", Unit.COUNT),
                Column("median wait", Unit.SECONDS),
                Column("longest wait", Unit.SECONDS),
            ),
            [_row(row, policy if is_whole else Quotas(), hours) for row in rows],
            most=_MOST_ROWS,
        )
    )
    return Section(key="quotas", title=_TITLE, blocks=tuple(blocks))


def calibration(row: Held, policy: Quotas, *, hours: float) -> list[str]:
    """What its use says of a tenant's limits.

    Args:
        hours: Of the period.
    """
    limits = policy.of_tenant(row.tenant).limits
    said: list[str] = []
    for what, most, at_most, limit in (
        ("GPUs", row.most_gpus, row.hours_at_most_gpus, limits.gpu),
        ("trials", row.most_trials, row.hours_at_most_trials, limits.trials),
    ):
        if limit is None or not limit:
            continue
        if most >= limit and at_most >= _OFTEN * hours:
            said.append(
                f"Tenant {row.tenant} held all of its {limit:,} {what} for {at_most:,.0f} hours: its "
                "limit was in the way. Who decides about quotas may raise it (`sweepworks policy "
                "diff quotas`), or the work has to be spread."
            )
        elif most <= _RARELY * limit:
            said.append(
                f"Tenant {row.tenant} never held more than {most:,} of its {limit:,} {what}: its "
                "limit is wider than its work."
            )
    return said


def _row(row: Held, policy: Quotas, hours: float) -> tuple[Value, ...]:
    limits = policy.of_tenant(row.tenant).limits
    return (
        row.tenant,
        row.most_gpus,
        limits.gpu,
        row.hours_at_most_gpus,
        row.gpu_hours / hours,
        row.most_trials,
        limits.trials,
        row.waiting,
        row.median_wait_seconds,
        row.longest_wait_seconds,
    )
