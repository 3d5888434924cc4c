"""Notes and links on runs, sweeps and experiments, and all that is on one of them.

Every call is scoped to a tenant. Notes are only ever added to: an edit is another version.
"""

from typing import Any

import psycopg
from psycopg.rows import class_row

from storage import queries
from storage.annotations.subjects import find_subject
from storage.database import Pool, transaction
from sweeps.ids import SweepId, TenantId
from sweeps.specs import SweepSpec
from sweeps.tags import (
    Annotations,
    GivenTag,
    Link,
    Note,
    NoteNotFound,
    Subject,
    check_link,
    check_note,
)

_QUERIES = queries.load("notes")
_TAGS = queries.load("tags")


class NoteStore:
    """Writes and reads notes and links."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def add(self, subject: Subject, text: str, *, tenant_id: TenantId, by: str) -> Note:
        """Note something about it.

        Raises:
            SubjectNotFound: There is none of that name for the tenant.
            InvalidNote: It says nothing, or too much.
        """
        text = check_note(text)
        with transaction(self._pool) as connection:
            key = find_subject(connection, subject, tenant_id=tenant_id)
            cursor = connection.cursor(row_factory=class_row(Note))
            row = {**key, "tenant_id": tenant_id, "text": text, "by": by}
            note = cursor.execute(_QUERIES["add_note"], row).fetchone()
        assert note is not None  # INSERT … RETURNING
        return note

    def edit(
        self, subject: Subject, note_id: int, text: str | None, *, tenant_id: TenantId, by: str
    ) -> Note:
        """Write a note anew, or take it back with None; what it said stays as a version.

        Raises:
            SubjectNotFound: There is none of that name for the tenant.
            NoteNotFound: It has no such note.
            InvalidNote: It says nothing, or too much.
        """
        text = "" if text is None else check_note(text)
        with transaction(self._pool) as connection:
            key = find_subject(connection, subject, tenant_id=tenant_id)
            row = {**key, "note_id": note_id, "text": text, "by": by}
            connection.execute(_QUERIES["lock_note"], row)
            cursor = connection.cursor(row_factory=class_row(Note))
            note = cursor.execute(_QUERIES["edit_note"], row).fetchone()
        if note is None:
            raise NoteNotFound(subject, note_id)
        return note

    def versions(self, subject: Subject, note_id: int, *, tenant_id: TenantId) -> list[Note]:
        """All that a note has ever said, oldest first.

        Raises:
            SubjectNotFound: There is none of that name for the tenant.
            NoteNotFound: It has no such note.
        """
        with transaction(self._pool) as connection:
            key = find_subject(connection, subject, tenant_id=tenant_id)
            cursor = connection.cursor(row_factory=class_row(Note))
            found = cursor.execute(
                _QUERIES["versions_of_note"], {**key, "note_id": note_id}
            ).fetchall()
        if not found:
            raise NoteNotFound(subject, note_id)
        return found

    def link(self, subject: Subject, target: str, *, tenant_id: TenantId, by: str) -> bool:
        """Link it with a task or an address; gives whether the link is new.

        Raises:
            SubjectNotFound: There is none of that name for the tenant.
            InvalidLink: It is neither a task id nor an address of the web.
        """
        target = check_link(target)
        with transaction(self._pool) as connection:
            key = find_subject(connection, subject, tenant_id=tenant_id)
            row = {**key, "tenant_id": tenant_id, "target": target, "by": by}
            return connection.execute(_QUERIES["add_link"], row).fetchone() is not None

    def unlink(self, subject: Subject, target: str, *, tenant_id: TenantId, by: str) -> bool:
        """Remove a link; gives whether there was one.

        Raises:
            SubjectNotFound: There is none of that name for the tenant.
        """
        with transaction(self._pool) as connection:
            key = find_subject(connection, subject, tenant_id=tenant_id)
            if "\x00" in target:  # which the database cannot even compare with
                return False
            row = {**key, "target": target.strip(), "by": by}
            return connection.execute(_QUERIES["remove_link"], row).fetchone() is not None

    def annotations(self, subject: Subject, *, tenant_id: TenantId) -> Annotations:
        """All that people say about it.

        Raises:
            SubjectNotFound: There is none of that name for the tenant.
        """
        with transaction(self._pool) as connection:
            key = find_subject(connection, subject, tenant_id=tenant_id)
            tags = connection.cursor(row_factory=class_row(GivenTag))
            notes = connection.cursor(row_factory=class_row(Note))
            links = connection.cursor(row_factory=class_row(Link))
            return Annotations(
                tags=tags.execute(_TAGS["tags_of"], key).fetchall(),
                notes=notes.execute(_QUERIES["notes_of"], key).fetchall(),
                links=links.execute(_QUERIES["links_of"], key).fetchall(),
            )


def write_first_words(
    connection: psycopg.Connection[tuple[Any, ...]], sweep_id: SweepId, spec: SweepSpec, *, by: str
) -> None:
    """Write down the tags and links that a new sweep's file gives it."""
    key = {"run_id": None, "sweep_id": sweep_id, "experiment_id": None, "by": by}
    for tag in spec.tags:
        row = {**key, "name": tag.name, "value": tag.value}
        connection.execute(_TAGS["set_sweep_tag"], row)
    for target in spec.links:
        row = {**key, "tenant_id": spec.tenant, "target": target}
        connection.execute(_QUERIES["add_link"], row)
