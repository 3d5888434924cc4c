"""Tags of runs, sweeps and experiments, and what became of them.

Every call is scoped to a tenant. Tags are no part of what a seal closes: they change at any time,
and the database keeps each change.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import class_row

from storage import queries
from storage.annotations.subjects import find_subject
from storage.database import Pool, transaction
from sweeps.errors import PermanentError
from sweeps.ids import RunId, TenantId
from sweeps.tags import (
    BASELINE,
    MOST_TAGS,
    PRODUCTION_CANDIDATE,
    GivenTag,
    InvalidTag,
    Subject,
    SubjectKind,
    SubjectNotFound,
    Tag,
    TagChange,
    check_tag,
    raise_all,
)

_QUERIES = queries.load("tags")
_EVALUATIONS = queries.load("evaluations")
Connection = psycopg.Connection[tuple[Any, ...]]


class TagStore:
    """Writes and reads tags."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def set(self, subject: Subject, tag: Tag, *, tenant_id: TenantId, by: str) -> tuple[RunId, ...]:
        """Give it a tag; the last value counts.

        Returns:
            Runs that have lost the tag by it: an experiment has one baseline.

        Raises:
            SubjectNotFound: There is none of that name for the tenant.
            InvalidTag: The tag makes no sense on it, or it has too many.
        """
        return self.set_all([subject], tag, tenant_id=tenant_id, by=by)[0]

    def set_all(
        self, subjects: Sequence[Subject], tag: Tag, *, tenant_id: TenantId, by: str
    ) -> list[tuple[RunId, ...]]:
        """Give each of them a tag, in order, or none of them.

        Returns:
            Of each, what `set` gives.

        Raises:
            SubjectNotFound, InvalidTag: As from `set`, where one of them cannot have it.
            NothingTagged: Where several cannot, with why of each.
        """
        with transaction(self._pool) as connection:
            keys = _keys(connection, subjects, tag, tenant_id=tenant_id)
            connection.execute(_QUERIES["say_who"], {"by": by})
            if tag.name == BASELINE:
                runs = {"run_ids": [key["run_id"] for key in keys]}
                connection.execute(_QUERIES["lock_experiments_of_runs"], runs)
                return [_set_baseline(connection, key, tag, by=by) for key in keys]
            for place in _same_order(subjects):
                row = {**keys[place], "name": tag.name, "value": tag.value, "by": by}
                connection.execute(_QUERIES[f"set_{subjects[place].kind}_tag"], row)
        return [()] * len(subjects)

    def remove(self, subject: Subject, name: str, *, tenant_id: TenantId, by: str) -> bool:
        """Take a tag from it; gives whether it had one of that name.

        What is open of the evaluations of a candidate is withdrawn with its tag.

        Raises:
            SubjectNotFound: There is none of that name for the tenant.
        """
        return self.remove_all([subject], name, tenant_id=tenant_id, by=by)[0]

    def remove_all(
        self, subjects: Sequence[Subject], name: str, *, tenant_id: TenantId, by: str
    ) -> list[bool]:
        """Take a tag from each of them, or from none; gives of each what `remove` does.

        Raises:
            SubjectNotFound: There is none of one of these names for the tenant.
            NothingTagged: The same of several.
        """
        had = [False] * len(subjects)
        with transaction(self._pool) as connection:
            keys = _keys(connection, subjects, None, tenant_id=tenant_id)
            if "\x00" in name:  # which the database cannot even compare with
                return had
            connection.execute(_QUERIES["say_who"], {"by": by})
            for place in _same_order(subjects):
                row = {**keys[place], "name": name}
                query = _QUERIES[f"remove_{subjects[place].kind}_tag"]
                had[place] = connection.execute(query, row).fetchone() is not None
                if name == PRODUCTION_CANDIDATE and subjects[place].kind is SubjectKind.RUN:
                    of_run = {"run_id": row["run_id"], "tag": name}
                    connection.execute(_EVALUATIONS["withdraw_untagged"], of_run)
        return had

    def tags(self, subject: Subject, *, tenant_id: TenantId) -> list[GivenTag]:
        """Its tags, by name.

        Raises:
            SubjectNotFound: There is none of that name for the tenant.
        """
        with transaction(self._pool) as connection:
            key = find_subject(connection, subject, tenant_id=tenant_id)
            cursor = connection.cursor(row_factory=class_row(GivenTag))
            return cursor.execute(_QUERIES["tags_of"], key).fetchall()

    def changes(self, subject: Subject, *, tenant_id: TenantId) -> list[TagChange]:
        """What became of its tags, oldest first.

        Raises:
            SubjectNotFound: There is none of that name for the tenant.
        """
        with transaction(self._pool) as connection:
            key = find_subject(connection, subject, tenant_id=tenant_id)
            cursor = connection.cursor(row_factory=class_row(TagChange))
            return cursor.execute(_QUERIES["changes_of"], key).fetchall()


def _keys(
    connection: Connection, subjects: Sequence[Subject], tag: Tag | None, *, tenant_id: TenantId
) -> list[dict[str, Any]]:
    """Of each its key, if all are there and can have `tag`; None: they are to lose one.

    Raises:
        SubjectNotFound, InvalidTag, NothingTagged: As from `TagStore.set_all`.
    """
    keys: dict[Subject, dict[str, Any]] = {}
    problems: list[PermanentError] = []
    for subject in dict.fromkeys(subjects):
        try:
            if tag is not None:
                check_tag(tag, subject.kind)
            key = find_subject(connection, subject, tenant_id=tenant_id)
            if tag is not None:
                _check_room(connection, subject, key, tag)
            keys[subject] = key
        except (SubjectNotFound, InvalidTag) as exc:
            problems.append(exc)
    raise_all(problems)
    return [keys[subject] for subject in subjects]


def _check_room(connection: Connection, subject: Subject, key: Mapping[str, Any], tag: Tag) -> None:
    row = connection.execute(_QUERIES["count_tags"], {**key, "name": tag.name}).fetchone()
    (others,) = row or (0,)
    if others >= MOST_TAGS:
        raise InvalidTag(f"{subject.kind} {subject.name!r} has {others} tags; remove one first")


def _set_baseline(
    connection: Connection, key: Mapping[str, Any], tag: Tag, *, by: str
) -> tuple[RunId, ...]:
    """Gives the runs that have lost it; the experiment is locked."""
    row = {**key, "name": tag.name, "value": tag.value, "by": by}
    moved = tuple(run for (run,) in connection.execute(_QUERIES["other_baselines"], row))
    connection.execute(_QUERIES["set_run_tag"], row)
    return moved


def _same_order(subjects: Sequence[Subject]) -> list[int]:
    """Places in an order that all who write several at once keep: so none waits for another."""
    return sorted(
        range(len(subjects)), key=lambda place: (subjects[place].kind, subjects[place].name)
    )
