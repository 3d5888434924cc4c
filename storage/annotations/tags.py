"""Tags of runs, sweeps and experiments, and what became of them.

Every call is scoped to a tenant. Tags are no part of what a seal closes: they change at any time,
and the database keeps each change.
"""

from psycopg.rows import class_row

from storage import queries
from storage.annotations.subjects import find_subject
from storage.database import Pool, transaction
from sweeps.ids import RunId, TenantId
from sweeps.tags import (
    BASELINE,
    MOST_TAGS,
    PRODUCTION_CANDIDATE,
    GivenTag,
    InvalidTag,
    Subject,
    SubjectKind,
    Tag,
    TagChange,
    check_tag,
)

_QUERIES = queries.load("tags")
_EVALUATIONS = queries.load("evaluations")


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
        check_tag(tag, subject.kind)
        with transaction(self._pool) as connection:
            key = find_subject(connection, subject, tenant_id=tenant_id)
            row = {**key, "name": tag.name, "value": tag.value, "by": by}
            (others,) = connection.execute(_QUERIES["count_tags"], row).fetchone() or (0,)
            if others >= MOST_TAGS:
                raise InvalidTag(
                    f"{subject.kind} {subject.name!r} has {others} tags; remove one first"
                )
            connection.execute(_QUERIES["say_who"], row)
            moved: tuple[RunId, ...] = ()
            if tag.name == BASELINE and subject.kind is SubjectKind.RUN:
                connection.execute(_QUERIES["lock_experiment_of_run"], row)
                moved = tuple(
                    run for (run,) in connection.execute(_QUERIES["other_baselines"], row)
                )
            connection.execute(_QUERIES[f"set_{subject.kind}_tag"], row)
        return moved

    def remove(self, subject: Subject, name: str, *, tenant_id: TenantId, by: str) -> bool:
        """Take a tag from it; gives whether it had one of that name.

        What is open of the evaluations of a candidate is withdrawn with its tag.

        Raises:
            SubjectNotFound: There is none of that name for the tenant.
        """
        with transaction(self._pool) as connection:
            key = find_subject(connection, subject, tenant_id=tenant_id)
            if "\x00" in name:  # which the database cannot even compare with
                return False
            row = {**key, "name": name, "by": by}
            connection.execute(_QUERIES["say_who"], row)
            removed = connection.execute(_QUERIES[f"remove_{subject.kind}_tag"], row).fetchone()
            if name == PRODUCTION_CANDIDATE and subject.kind is SubjectKind.RUN:
                of_run = {"run_id": key["run_id"], "tag": name}
                connection.execute(_EVALUATIONS["withdraw_untagged"], of_run)
        return removed is not None

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
