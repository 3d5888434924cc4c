"""Pages of sweeps that have ended: written anew when the record has changed, searched, confirmed."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Json

from governance.features.catalogue import Feature
from governance.naming_file import NAMING
from storage import queries
from storage.annotations.notes import NoteStore
from storage.database import Pool, transaction
from storage.features import AppliedFeatures
from storage.policy_store import PolicyStore
from storage.sweeps.trials import PostgresTrialStore
from sweeps.errors import InvalidSweepFile, PermanentError, StateConflict, SweepNotFound
from sweeps.graveyard.entry import (
    LONGEST_TAKEAWAY,
    BuriedEntry,
    Cost,
    Entry,
    EntryFacts,
    Takeaway,
)
from sweeps.graveyard.resemblance import Earlier, Resemblance, resemblances
from sweeps.graveyard.writing import write_entry
from sweeps.ids import SweepId, TenantId
from sweeps.specs import SweepSpec
from sweeps.sweep_files import parse_document
from sweeps.tags import Subject, SubjectKind

_QUERIES = queries.load("graveyard")
_LONGEST_REASON = 2_000
_MOST_EARLIER = 200  # sweeps that a new one is compared with
Connection = psycopg.Connection[tuple[Any, ...]]


class InvalidTakeaway(PermanentError):
    """A takeaway that says nothing, or too much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _EarlierRow:
    sweep_id: str
    spec: dict[str, Any]
    datasets: list[str]
    best: float | None
    takeaway: str
    is_confirmed: bool


class PostgresGraveyard:
    """A `sweeps.graveyard.entry.Graveyard`, and what people read of it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def due(self, *, limit: int = 20, sweep_id: SweepId | None = None) -> list[SweepId]:
        """Sweeps whose page is missing, or is older than what it is written from.

        Args:
            sweep_id: Only this one, for which the ledger of the present day counts, too.
        """
        parameters = {"sweep_id": sweep_id, "limit": limit}
        with transaction(self._pool) as connection:
            return [SweepId(name) for (name,) in connection.execute(_QUERIES["due"], parameters)]

    def facts(self, sweep_id: SweepId) -> EntryFacts:
        """What the page of a sweep is written from.

        Raises:
            SweepNotFound: There is none of that name.
            StateConflict: It has not ended.
        """
        of_sweep = {"sweep_id": sweep_id}
        with transaction(self._pool) as connection:
            row = _one(connection, "sweep_facts", of_sweep)
            if row is None:
                raise SweepNotFound(sweep_id)
            spent = connection.cursor(row_factory=class_row(Cost))
            cost = spent.execute(_QUERIES["cost_of_sweep"], of_sweep).fetchone()
            (exactly,) = connection.execute(_QUERIES["spent_exactly"], of_sweep).fetchone() or (
                Decimal(0),
            )
            said = connection.cursor(row_factory=class_row(Takeaway))
            takeaway = said.execute(_QUERIES["takeaway_of"], of_sweep).fetchone()
            tags: dict[str, list[str]] = {}
            for run_id, words in connection.execute(_QUERIES["tags_of_runs"], of_sweep):
                tags.setdefault(run_id, []).append(words)
        snapshot = PostgresTrialStore(self._pool).load(sweep_id)
        if not snapshot.sweep.state.is_terminal:
            raise StateConflict(
                f"sweep {sweep_id!r}", current=str(snapshot.sweep.state), asked="summed up"
            )
        tenant_id = TenantId(row["tenant_id"])
        subject = Subject(SubjectKind.SWEEP, sweep_id)
        annotations = NoteStore(self._pool).annotations(subject, tenant_id=tenant_id)
        naming = PolicyStore(self._pool).current(NAMING).value
        return EntryFacts(
            snapshot=snapshot,
            said=annotations,
            tags_of_runs=tags,
            links={link.target: naming.url_of(link.target) for link in annotations.links},
            cost=cost,
            takeaway=takeaway,
            commit=row["commit"],
            image=row["image"],
            read_at=row["read_at"],
            ledger_usd=exactly,
        )

    def keep(self, entry: Entry, facts: EntryFacts) -> int:
        """Keep a page; gives its version, which is the last one's when nothing has changed."""
        of_sweep: dict[str, Any] = {"sweep_id": entry.sweep_id}
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["lock_sweep"], of_sweep)
            newest = connection.execute(_QUERIES["newest_digest"], of_sweep).fetchone()
            version, digest = newest or (0, "")
            if digest != entry.digest:
                version += 1
                row = {
                    **of_sweep,
                    "version": version,
                    "title": entry.title,
                    "markdown": entry.markdown,
                    "digest": entry.digest,
                    "proposal": entry.proposal,
                    "importance": Json(dict(entry.importance)),
                    "advice": Json(list(entry.advice)),
                }
                connection.execute(_QUERIES["insert_entry"], row)
            look = {"version": version, "read_at": facts.read_at, "amount_usd": facts.ledger_usd}
            connection.execute(_QUERIES["note_look"], {**of_sweep, **look})
            connection.execute(_QUERIES["forget_failure"], of_sweep)
        return int(version)

    def set_aside(self, sweep_id: SweepId, reason: str) -> None:
        """Leave a page that could not be written alone for an hour."""
        row = {"sweep_id": sweep_id, "reason": _clean(reason)[:_LONGEST_REASON]}
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["note_failure"], row)

    def write(self, sweep_id: SweepId) -> int:
        """Write the page of a sweep, if it is due; gives its version.

        Raises:
            SweepNotFound: There is none of that name.
            StateConflict: It has not ended.
        """
        facts = self.facts(sweep_id)
        return self.keep(write_entry(facts), facts)

    def confirm(self, sweep_id: SweepId, text: str | None, *, tenant_id: TenantId, by: str) -> str:
        """Say what a sweep has shown; without a text, what its page proposes. Gives it.

        Raises:
            SweepNotFound: There is none of that name for the tenant.
            StateConflict: It has not ended.
            InvalidTakeaway: It says nothing, or too much.
        """
        if text is None:
            text = self.entry(sweep_id, tenant_id=tenant_id).proposal
        text = text.strip()
        if not text or len(text) > LONGEST_TAKEAWAY or "\x00" in text or _is_torn(text):
            raise InvalidTakeaway(
                f"a takeaway is text of 1 to {LONGEST_TAKEAWAY} characters, not of {len(text)}"
            )
        row = {"sweep_id": sweep_id, "tenant_id": tenant_id, "text": text, "by": by}
        with transaction(self._pool) as connection:
            is_written = connection.execute(_QUERIES["insert_takeaway"], row).fetchone()
        if not is_written:
            raise SweepNotFound(sweep_id)
        return text

    def entry(self, sweep_id: SweepId, *, tenant_id: TenantId) -> BuriedEntry:
        """The newest page of a sweep.

        Raises:
            SweepNotFound: There is none for the tenant, or it has no page yet.
        """
        found = self.search(None, tenant_id=tenant_id, sweep_id=sweep_id, limit=1)
        if not found:
            raise SweepNotFound(sweep_id)
        return found[0]

    def search(
        self,
        words: str | None,
        *,
        tenant_id: TenantId,
        experiment: str | None = None,
        tag: str | None = None,
        sweep_id: SweepId | None = None,
        limit: int = 20,
    ) -> list[BuriedEntry]:
        """Pages that have all the words, the best match first; without words the latest.

        Args:
            words: As a search engine takes them: ``"exact words"``, ``or``, ``-without``.
        """
        parameters = {
            "words": _clean(words) or None,
            "tenant_id": tenant_id,
            "experiment": None if experiment is None else _clean(experiment),
            "tag": None if tag is None else _clean(tag),
            "sweep_id": sweep_id,
            "limit": limit,
        }
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(BuriedEntry))
            return cursor.execute(_QUERIES["search_entries"], parameters).fetchall()

    def resembling(self, spec: SweepSpec, datasets: Sequence[str]) -> list[Resemblance]:
        """Sweeps of its tenant that have ended and searched much of what `spec` would.

        None where the feature `graveyard_hints` is off for it.

        Args:
            datasets: Versions that it would use, as ``digits@3``.
        """
        features = AppliedFeatures(PolicyStore(self._pool))
        asked = {"tenant": spec.tenant, "experiment": spec.experiment}
        if not features.is_on(Feature.GRAVEYARD_HINTS, **asked):
            return []
        parameters = {
            "tenant_id": spec.tenant,
            "metric": spec.objective.metric,
            "direction": str(spec.objective.direction),
            "experiment": spec.experiment,
            "limit": _MOST_EARLIER,
        }
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(_EarlierRow))
            rows = cursor.execute(_QUERIES["earlier_sweeps"], parameters).fetchall()
        earlier = [one for row in rows if (one := _earlier(row)) is not None]
        return resemblances(spec, datasets, earlier)


def _earlier(row: _EarlierRow) -> Earlier | None:
    try:
        spec = parse_document(row.spec, source=f"stored spec of {row.sweep_id}")
    except InvalidSweepFile:  # of another version of the platform: a hint is not worth an error
        return None
    return Earlier(
        sweep_id=SweepId(row.sweep_id),
        spec=spec,
        datasets=tuple(row.datasets),
        best=row.best,
        takeaway=row.takeaway,
        is_confirmed=row.is_confirmed,
    )


def _one(connection: Connection, query: str, parameters: dict[str, Any]) -> dict[str, Any] | None:
    cursor = connection.cursor(row_factory=dict_row)
    return cursor.execute(_QUERIES[query], parameters).fetchone()


def _clean(words: str | None) -> str:
    """Without what the database cannot hold, which is in no page either."""
    return (words or "").replace("\x00", " ").encode("utf-8", "ignore").decode().strip()


def _is_torn(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
