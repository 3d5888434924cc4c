"""Policies as they were applied, every version; without one, the default that ships."""

import contextlib
import datetime as dt
import hashlib
import importlib.resources
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import psycopg
from psycopg.rows import class_row

from storage import queries
from storage.database import Pool, transaction
from sweeps.policies import (
    DEFAULT_VERSION,
    AppliedPolicy,
    ChangeKind,
    PolicyChange,
    PolicyChanged,
    PolicyKind,
    PolicyVersion,
    UnknownPolicy,
    check_comment,
)

_QUERIES = queries.load("policies")
_LOCK = 7_305_020  # any number, the same in every process of ours
T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]


class CurrentPolicies(Protocol):
    """What holds now."""

    def current(self, kind: PolicyKind[T]) -> AppliedPolicy[T]:
        """Of one kind. `StorageUnavailable`."""
        ...


class DefaultPolicies:
    """What holds where nobody has applied anything: the files that ship."""

    def current(self, kind: PolicyKind[T]) -> AppliedPolicy[T]:
        """Of one kind."""
        return _default(kind)


class PolicyStore:
    """Policies of an installation.

    Every method raises `StorageUnavailable` when the database does not answer.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._parsed: dict[tuple[str, int], AppliedPolicy[Any]] = {}

    def current(
        self, kind: PolicyKind[T], *, connection: Connection | None = None
    ) -> AppliedPolicy[T]:
        """What holds now. Parsed once for each version: asking is one look at an index.

        Args:
            connection: Of a caller who holds one: whoever waits for another one then may wait for
                ever. None: one of the pool.

        Raises:
            InvalidSweepFile: Another version of the platform applied what this one cannot read.
        """
        with self._on(connection) as asked:
            row = asked.execute(_QUERIES["newest_version"], {"kind": kind.name}).fetchone()
            return self.at(kind, DEFAULT_VERSION if row is None else row[0], connection=asked)

    def at(
        self, kind: PolicyKind[T], version: int, *, connection: Connection | None = None
    ) -> AppliedPolicy[T]:
        """One version.

        Args:
            connection: As of `current`.

        Raises:
            UnknownPolicy: There is no such version.
            InvalidSweepFile: This version of the platform cannot read it.
        """
        known = self._parsed.get((kind.name, version))
        if known is None:
            if version == DEFAULT_VERSION:
                known = _default(kind)
            else:
                with self._on(connection) as asked:
                    known = self._load(asked, kind, version)
            self._parsed[kind.name, version] = known
        return known

    def history(self, kind: PolicyKind[Any]) -> list[PolicyVersion]:
        """All versions, newest first."""
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(PolicyVersion))
            return cursor.execute(_QUERIES["list_versions"], {"kind": kind.name}).fetchall()

    def apply(self, changes: Sequence[PolicyChange], *, by: str, comment: str) -> dict[str, int]:
        """Make files hold, all of them or none; gives their versions by kind.

        What is the same already stays at its version. The text of the default becomes version 1: from
        then on it is somebody's own, and another version of the platform does not change it.

        Args:
            changes: Checked files, each beside what it was compared with.
            by: Who does that.

        Raises:
            InvalidComment: Nobody would read so long a comment.
            PolicyChanged: What one was compared with does not hold any more.
        """
        check_comment(comment)
        versions: dict[str, int] = {}
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["lock_policies"], {"lock": _LOCK})
            for change in sorted(changes, key=lambda change: change.kind.name):
                name = change.kind.name
                row = connection.execute(_QUERIES["newest_version"], {"kind": name}).fetchone()
                found = DEFAULT_VERSION if row is None else int(row[0])
                if found != change.before.version:
                    raise PolicyChanged(name, expected=change.before.version, found=found)
                if change.change is ChangeKind.SAME:
                    versions[name] = found
                    continue
                versions[name] = found + 1
                parameters = {
                    "kind": name,
                    "version": found + 1,
                    "text": change.text,
                    "sha256": hashlib.sha256(change.text.encode()).hexdigest(),
                    "by": by,
                    "comment": comment,
                }
                connection.execute(_QUERIES["insert_policy"], parameters)
        return versions

    def _load(self, connection: Connection, kind: PolicyKind[T], version: int) -> AppliedPolicy[T]:
        """A version that was not looked at yet, after those before it where they matter."""
        before, first = None, version
        if kind.history is not None:
            read = [known for name, known in self._parsed if name == kind.name and known < version]
            last = max(read, default=DEFAULT_VERSION)
            before = None if last == DEFAULT_VERSION else self._parsed[kind.name, last]
            first = last + 1
        parameters = {"kind": kind.name, "first": first, "last": version}
        found: AppliedPolicy[T] | None = None
        with connection.cursor(row_factory=class_row(_Row)) as cursor:
            for row in cursor.execute(_QUERIES["get_policies"], parameters):
                found = before = row.policy(kind, before)
        if found is None or found.version != version:
            raise UnknownPolicy(f"policy {kind.name!r} has no version {version}")
        return found

    @contextlib.contextmanager
    def _on(self, connection: Connection | None) -> Generator[Connection, None, None]:
        if connection is not None:
            yield connection
        else:
            with transaction(self._pool) as own:
                yield own


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    version: int
    text: str
    applied_at: dt.datetime
    applied_by: str
    comment: str

    def policy(self, kind: PolicyKind[T], before: AppliedPolicy[T] | None) -> AppliedPolicy[T]:
        """What holds since it was applied, after what did until then."""
        source = f"{kind.name} (version {self.version})"
        value, left_out = kind.read_applied(self.text, source=source)
        if kind.history is not None and before is not None:
            value = kind.history.follow(before.value, value, at=self.applied_at)
        return AppliedPolicy(
            value=value,
            text=self.text,
            version=self.version,
            applied_at=self.applied_at,
            applied_by=self.applied_by,
            comment=self.comment,
            left_out=left_out,
        )


def _default(kind: PolicyKind[T]) -> AppliedPolicy[T]:
    file = importlib.resources.files(kind.package) / kind.file_name
    text = file.read_text(encoding="utf-8")
    value = kind.parse(text, source=f"{kind.name} (default)")
    return AppliedPolicy(value=value, text=text, version=DEFAULT_VERSION)
