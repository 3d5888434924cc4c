"""Some of a plan's items: what a person has left in it is marked, and nothing else."""

from collections.abc import Collection
from typing import Any

import psycopg

from storage import queries
from sweeps.errors import PermanentError

_QUERIES = queries.load("retention")

Connection = psycopg.Connection[tuple[Any, ...]]
ItemKey = tuple[str, str, str]  # what an item is, whatever the plan: kind, run and name


class NotInPlan(PermanentError):
    """Items that a plan does not name."""

    def __init__(self, plan_id: int, count: int, example: ItemKey) -> None:
        self.plan_id = plan_id
        self.count = count
        self.example = example
        kind, *names = example
        what = " ".join([kind, "/".join(name for name in names if name)])
        super().__init__(
            f"plan {plan_id} does not name {what}: {count:,} of these items are not its own"
        )


def leave_out(connection: Connection, plan_id: int, only: Collection[ItemKey]) -> None:
    """Let everything of a plan stay that is not among some of its items.

    Raises:
        NotInPlan: Some of them are not.
    """
    parameters = {
        "plan_id": plan_id,
        "kinds": [kind for kind, _, _ in only],
        "run_ids": [run_id for _, run_id, _ in only],
        "names": [name for _, _, name in only],
    }
    rows = connection.execute(_QUERIES["not_in_plan"], parameters).fetchall()
    if rows:
        raise NotInPlan(plan_id, len(rows), rows[0])
    connection.execute(_QUERIES["leave_out"], parameters)
