"""Facts for the rules of `governance.lineage.rules`, some pages at a time, and what the rules say."""

import hashlib
import heapq
import itertools
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from psycopg.rows import dict_row

from governance.lineage import rules
from governance.lineage.facts import RunFacts
from governance.lineage.rules import (
    BlobFacts,
    Check,
    CheckReport,
    DigestFacts,
    EdgeFacts,
    Finding,
    ModelFacts,
    Sample,
    Scope,
)
from storage import queries
from storage.artifacts.blob_hash import hash_blob
from storage.artifacts.blob_verification import note_verified
from storage.database import Pool, transaction
from sweeps.blobs import ArtifactStore, BlobKey
from sweeps.errors import ArtifactNotFound
from sweeps.ids import RunId

_QUERIES = queries.load("lineage_checks")
_PAGE = 1_000  # rows; a look at a page takes well below a second
_MODELS = 20  # each has a graph of its own
_MOST_FINDINGS = 1_000  # that are told; the rest is counted
_AT_ONCE = 8  # questions to the artifact store, which may be far away

Row = dict[str, Any]
Fact = TypeVar("Fact")


class PostgresLineageChecks:
    """A `governance.lineage.rules.LineageChecks`.

    Args:
        store: Opens the artifact store; called when bytes are to be looked at.
    """

    def __init__(self, pool: Pool, store: Callable[[], ArtifactStore]) -> None:
        self._pool = pool
        self._store = store

    def look(self, check: Check, scope: Scope, *, sample: Sample) -> CheckReport:
        """Collect the facts of one check, and judge them."""
        match check:
            case Check.RUNS:
                return _judge(check, self._finished(scope), rules.of_run)
            case Check.EDGES:
                return _judge(check, self._edges(scope), rules.of_edge)
            case Check.MODELS:
                return _judge(check, self._models(scope), rules.of_model)
            case Check.DIGESTS:
                return _judge(check, self._digests(scope), rules.of_digests)
            case Check.BLOBS:
                return self._look_at_blobs(scope, sample)

    def record_digests(self) -> int:
        """Write down digests of sealed runs that have none yet; returns of how many."""
        total = 0
        while n := len(record_digests(self._pool)):
            total += n
        return total

    def finished(self, scope: Scope) -> Sequence[RunFacts]:
        """Where finished runs came from, by name."""
        return list(self._finished(scope))

    def _finished(self, scope: Scope) -> Iterator[RunFacts]:
        for row in self._pages("finished_runs", scope, lambda row: {"after": row["run_id"]}):
            yield RunFacts(**row)

    def _edges(self, scope: Scope) -> Iterator[EdgeFacts]:
        def after(row: Row) -> Row:
            return {
                "after_tenant": row["tenant_id"],
                "after": row["downstream"],
                "after_upstream": row["upstream"],
            }

        for row in self._pages("edges", scope, after):
            yield EdgeFacts(**row)

    def _models(self, scope: Scope) -> Iterator[ModelFacts]:
        def after(row: Row) -> Row:
            return {"after_tenant": row["tenant_id"], "after": row["model"]}

        for row in self._pages("models", scope, after, limit=_MODELS):
            if row.pop("is_asked"):
                yield ModelFacts(**row)

    def _digests(self, scope: Scope) -> Iterator[DigestFacts]:
        for row in self._pages("compare_digests", scope, lambda row: {"after": row["run_id"]}):
            yield DigestFacts(**row)

    def _look_at_blobs(self, scope: Scope, sample: Sample) -> CheckReport:
        chosen, store = _Chosen(sample), self._store()

        def after(row: Row) -> Row:
            return {"after_tenant": row["tenant_id"], "after": row["sha256"]}

        def sized() -> Iterator[BlobFacts]:
            rows = self._pages("blobs", scope, after)
            with ThreadPoolExecutor(_AT_ONCE) as threads:
                while page := [BlobFacts(**row) for row in itertools.islice(rows, _PAGE)]:
                    sizes = threads.map(store.size_of, map(_key, page))
                    for blob, size in zip(page, sizes, strict=True):
                        found = replace(blob, stored_bytes=size)
                        if size == blob.size_bytes:
                            chosen.offer(found)
                        yield found

        report = _judge(Check.BLOBS, sized(), rules.of_blob)
        n_hashed = 0
        findings = list(report.findings)
        n_findings = report.n_findings
        for blob in chosen.affordable():
            wrong = rules.of_blob(_hashed(store, blob))
            if not wrong:
                note_verified(self._pool, _key(blob))
            n_hashed += 1
            n_findings += len(wrong)
            findings += wrong
        return replace(
            report, findings=findings[:_MOST_FINDINGS], n_findings=n_findings, hashed=n_hashed
        )

    def _pages(
        self, query: str, scope: Scope, after: Callable[[Row], Row], *, limit: int = _PAGE
    ) -> Generator[Row, None, None]:
        """All rows of a query that goes on behind the last row of a page; a transaction a page."""
        parameters: Row = {
            "tenant_id": scope.tenant_id,
            "sweep_id": scope.sweep_id,
            "since": scope.since,
            "after_tenant": "",
            "after": "",
            "after_upstream": "",
            "limit": limit,
        }
        while True:
            with transaction(self._pool) as connection:
                cursor = connection.cursor(row_factory=dict_row)
                rows = cursor.execute(_QUERIES[query], parameters).fetchall()
            if rows:
                parameters |= after(rows[-1])
            yield from rows
            if len(rows) < limit:
                return


def record_digests(pool: Pool, run_ids: Sequence[RunId] | None = None) -> tuple[RunId, ...]:
    """Write down digests of some sealed runs that have none yet; returns of which.

    Args:
        run_ids: Of these; None: of any, a page of them.
    """
    asked = None if run_ids is None else list(run_ids)
    with transaction(pool) as connection:
        rows = connection.execute(_QUERIES["record_digests"], {"run_ids": asked, "limit": _PAGE})
        return tuple(RunId(row[0]) for row in rows)


@dataclass(slots=True)
class _Chosen:
    """The files that a seed takes, whatever the order in which they come."""

    sample: Sample
    heap: list[tuple[int, str, BlobFacts]] = field(default_factory=list[tuple[int, str, BlobFacts]])

    def offer(self, blob: BlobFacts) -> None:
        if not self.sample.files:
            return
        text = f"{self.sample.seed}/{blob.tenant_id}/{blob.sha256}"
        rank = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        # First what nobody has read yet: of what came in parts a bucket compares no sha256.
        rank += blob.is_verified << 64
        entry = (-rank, f"{blob.tenant_id}/{blob.sha256}", blob)
        if len(self.heap) < self.sample.files:
            heapq.heappush(self.heap, entry)
        else:
            heapq.heappushpop(self.heap, entry)

    def affordable(self) -> Iterator[BlobFacts]:
        """In the order of the seed, without those that would be too much to read.

        The first one whatever its size: else a large file would never have its turn.
        """
        left = self.sample.most_bytes
        in_order = sorted(self.heap, key=lambda entry: (-entry[0], entry[1]))
        for place, (_, _, blob) in enumerate(in_order):
            if place == 0 or blob.size_bytes <= left:
                left -= blob.size_bytes
                yield blob


def _judge(
    check: Check, facts: Iterable[Fact], rule: Callable[[Fact], list[Finding]]
) -> CheckReport:
    findings: list[Finding] = []
    looked_at = n_findings = 0
    for fact in facts:
        looked_at += 1
        wrong = rule(fact)
        n_findings += len(wrong)
        findings += wrong[: _MOST_FINDINGS - len(findings)]
    return CheckReport(check=check, looked_at=looked_at, findings=findings, n_findings=n_findings)


def _hashed(store: ArtifactStore, blob: BlobFacts) -> BlobFacts:
    try:
        size, sha256 = hash_blob(store, _key(blob))
    except ArtifactNotFound:  # it was there a moment ago
        return replace(blob, stored_bytes=None)
    return replace(blob, stored_bytes=size, stored_sha256=sha256)


def _key(blob: BlobFacts) -> BlobKey:
    return BlobKey(tenant_id=blob.tenant_id, sha256=blob.sha256)
