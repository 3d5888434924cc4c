"""Violations of quotas in the database: noticed, told step by step, acknowledged, over.

Whoever looks does so under an advisory lock and in one transaction, from the rows that the scheduler
has left. A violation is noticed by one of them, and each step is told by one.
"""

import contextlib
import datetime as dt
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from governance.contacts import Contact
from governance.quotas.escalation import Audience
from governance.quotas.escalations import (
    Escalation,
    News,
    NothingToAcknowledge,
    Telling,
    Told,
    UnknownEscalation,
    check_acknowledgement,
    contact_document,
    due_steps,
    people_of,
)
from governance.quotas.file import QUOTAS
from governance.quotas.quota import Quotas
from governance.tenants import TenantDirectory
from storage import queries
from storage.database import Pool, transaction
from storage.policy_store import PolicyStore
from storage.queue.violations import read_violations

_QUERIES = queries.load("escalations")
_LOCK = 7_305_065  # any number, the same in every process of ours
_MOST = 100_000  # escalations that are open at once
_GREATEST = 2**63 - 1  # that the database takes for a number
Connection = psycopg.Connection[tuple[Any, ...]]


class PostgresEscalations:
    """A `governance.quotas.escalations.Escalations`.

    Args:
        tenants: Reads the tenant file, for addresses.
    """

    def __init__(
        self, pool: Pool, policies: PolicyStore, tenants: Callable[[], TenantDirectory]
    ) -> None:
        self._pool = pool
        self._policies = policies
        self._tenants = tenants

    def notice(self, now: dt.datetime) -> Sequence[str]:
        """Note what is a violation, and what is none any more; keys of what `telling` would give."""
        with transaction(self._pool) as connection:
            quotas, seen = self._look(connection, now)
            over = connection.execute(_QUERIES["over"]).fetchall()
        due = [
            f"{one.escalation_id} step {number}"
            for one in seen
            for number, _ in due_steps(quotas.escalation, one, now=now)
        ]
        return [*due, *(f"{escalation_id} over" for (escalation_id,) in over)]

    @contextlib.contextmanager
    def telling(self, now: dt.datetime, *, most: int = 1000) -> Generator[News, None, None]:
        """What is to be told now, and what is over; told once the block has ended.

        Of several who tell at once the others wait, and have nothing to tell. Where the block fails,
        nothing was told, and the next one does.

        Args:
            most: Steps, and as many ends, the earliest noticed first; what is left is for the next one.

        Raises:
            InvalidSweepFile: Nobody can say whom to tell while the tenant file has mistakes.
        """
        directory = self._tenants()
        with transaction(self._pool) as connection:
            quotas, seen = self._look(connection, now)
            due = [
                (one, number, step)
                for one in reversed(seen)
                for number, step in due_steps(quotas.escalation, one, now=now)
            ]
            tellings: list[Telling] = []
            for one, number, step in due[:most]:
                people = people_of(step.to, one, directory)
                told = Told(step=number, audience=step.to, people=people, told_at=now)
                _take(connection, one, told)
                tellings.append(Telling(escalation=one, told=told, ask=directory.contacts))
            over = [row[0] for row in connection.execute(_QUERIES["over"])]
            connection.execute(_QUERIES["close"], {"now": now, "numbers": over[:most]})
            yield News(
                tellings=tellings,
                over=_listed(connection, numbers=over[:most], limit=_MOST),
                still_open=_listed(connection, limit=_MOST),
                left=len(due[most:]) + len(over[most:]),
            )

    def list(
        self,
        *,
        tenant: str | None = None,
        subject: str | None = None,
        with_ended: bool = False,
        limit: int = 1000,
    ) -> Sequence[Escalation]:
        """Those that are open, or all, the newest first.

        Args:
            subject: Only of this sweep, or limit.
        """
        with transaction(self._pool) as connection:
            return _listed(
                connection, tenant=tenant, subject=subject, with_ended=with_ended, limit=limit
            )

    def acknowledge(
        self, escalation_id: int, *, by: str, comment: str, tenant: str | None = None
    ) -> None:
        """Somebody looks after it: no further step of it is told.

        Args:
            tenant: Only one of this tenant's; None: anybody's.

        Raises:
            NoAcknowledger: `by` is nobody in particular.
            InvalidAcknowledgement: It says nothing, or too much.
            UnknownEscalation: There is none of that number.
            NothingToAcknowledge: It is over, or somebody was first.
        """
        comment = check_acknowledgement(comment, by=by)
        if not 0 < escalation_id <= _GREATEST:
            raise UnknownEscalation(f"there is no escalation {escalation_id}")
        named = {"escalation_id": escalation_id, "tenant_id": tenant}
        with transaction(self._pool) as connection:
            parameters = {**named, "by": by, "comment": comment}
            if connection.execute(_QUERIES["acknowledge"], parameters).fetchone() is not None:
                return
            row = connection.execute(_QUERIES["standing"], named).fetchone()
        if row is None:
            raise UnknownEscalation(f"there is no escalation {escalation_id}")
        why = "is over" if row[0] is not None else f"was acknowledged by {row[1]}"
        raise NothingToAcknowledge(f"escalation {escalation_id} {why}")

    def _look(
        self, connection: Connection, now: dt.datetime
    ) -> tuple[Quotas, Sequence[Escalation]]:
        """Write down what there is; gives all that this look is sure of."""
        connection.execute(_QUERIES["wait_for_turn"], {"lock": _LOCK})
        quotas = self._policies.current(QUOTAS, connection=connection).value
        violations = read_violations(connection, quotas, now=now)
        found = violations.found
        there = [*(one.key for one in found), *violations.unsure]
        connection.execute(
            _QUERIES["end_others"],
            {
                "now": now,
                "kinds": [str(key.kind) for key in there],
                "tenants": [key.tenant_id for key in there],
                "subjects": [key.subject for key in there],
            },
        )
        connection.execute(
            _QUERIES["notice"],
            {
                "now": now,
                "kinds": [str(one.key.kind) for one in found],
                "tenants": [one.key.tenant_id for one in found],
                "subjects": [one.key.subject for one in found],
                "owners": [one.owner for one in found],
                "whats": [one.what for one in found],
                "remedies": [one.remedy for one in found],
            },
        )
        return quotas, _listed(connection, seen_at=now, limit=_MOST)


def _take(connection: Connection, one: Escalation, told: Told) -> None:
    connection.execute(
        _QUERIES["take_step"],
        {
            "escalation_id": one.escalation_id,
            "step": told.step,
            "audience": str(told.audience),
            "people": Jsonb([contact_document(person) for person in told.people]),
            "now": told.told_at,
        },
    )


def _listed(
    connection: Connection,
    *,
    tenant: str | None = None,
    subject: str | None = None,
    with_ended: bool = False,
    seen_at: dt.datetime | None = None,
    numbers: Sequence[int] | None = None,
    limit: int,
) -> Sequence[Escalation]:
    parameters: dict[str, object] = {
        "tenant_id": tenant,
        "subject": subject,
        "with_ended": with_ended or numbers is not None,
        "seen_at": seen_at,
        "numbers": numbers,
        "limit": limit,
    }
    cursor = connection.cursor(row_factory=dict_row)
    rows = cursor.execute(_QUERIES["list"], parameters).fetchall()
    for row in rows:
        row["told"] = _told(row["told"])
    return [Escalation(**row) for row in rows]


def _told(steps: Sequence[Mapping[str, Any]]) -> tuple[Told, ...]:
    return tuple(
        Told(
            step=step["step"],
            audience=Audience(step["audience"]),
            people=tuple(Contact(**person) for person in step["people"]),
            told_at=dt.datetime.fromisoformat(step["told_at"]),
        )
        for step in steps
    )
