"""Reports as files of the artifact store: kept while a row refers to them, and no longer."""

import datetime as dt
import hashlib
from decimal import Decimal
from pathlib import Path

import pytest

from governance.access import Sees
from governance.reports.composing import compose
from governance.reports.html import fragment, page
from governance.reports.markdown import markdown
from governance.reports.model import Report, Scope
from governance.reports.shelf import Form, Reader
from storage.artifacts.blob_collection import BlobCollection
from storage.artifacts.blob_deletion import BlobDeletion
from storage.artifacts.bucket import ArtifactBucket
from storage.artifacts.folder import ArtifactFolder
from storage.artifacts.location import BucketLocation
from storage.database import Pool, transaction
from storage.queue.live_attempts import LiveAttempts
from storage.reports.files import INSTALLATION
from storage.reports.shelf import PostgresReportShelf
from sweeps.blobs import ArtifactStore, BlobKey, BlobLeaving
from sweeps.errors import StorageUnavailable
from tests.integration.storage.retention_rows import RetentionRows
from tests.unit.governance.reports.world import NOW, WEEK, Told, spent

AT_ONCE = dt.timedelta(0)
LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
EVERYTHING = Reader(tenant="", sees=Sees.ALL)


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    if request.param == "folder":
        return ArtifactFolder(tmp_path / "artifacts")
    location: BucketLocation = request.getfixturevalue("bucket")
    return ArtifactBucket(location)


@pytest.fixture
def folder(tmp_path: Path) -> ArtifactFolder:
    return ArtifactFolder(tmp_path / "artifacts")


def a_report(amount: int = 12, *, tenant: str | None = None) -> Report:
    facts = Told(spent_rows=[spent(amount_usd=Decimal(amount))])
    return compose(facts, Scope(tenant=tenant), WEEK, now=NOW)


def digests(report: Report) -> set[str]:
    return {hashlib.sha256(text.encode()).hexdigest() for text in (page(report), markdown(report))}


def stored(store: ArtifactStore) -> set[str]:
    return {one.sha256 for one in store.stored(before=LATER)}


def collect(pool: Pool, store: ArtifactStore) -> int:
    collection = BlobCollection(pool, store, least_age=AT_ONCE, quarantine=AT_ONCE)
    return collection.collect(now=LATER).deleted


def known(pool: Pool) -> set[str]:
    with transaction(pool) as connection:
        return {row[0] for row in connection.execute("SELECT encode(sha256, 'hex') FROM blobs")}


def test_bytes_equal_the_live_set_with_reports(pool: Pool, store: ArtifactStore) -> None:
    rows = RetentionRows(pool, store)
    rows.scratch({"model": b"weights"})
    shelf = PostgresReportShelf(pool, store)
    ours, theirs = a_report(), a_report(tenant="vision")
    for report in (ours, theirs):
        shelf.put(report, by="ana")

    gone = collect(pool, store)

    live = digests(ours) | digests(theirs) | {hashlib.sha256(b"weights").hexdigest()}
    assert gone == 0
    assert stored(store) == known(pool) == live


def test_a_report_that_is_replaced_lets_its_files_go(pool: Pool, store: ArtifactStore) -> None:
    shelf = PostgresReportShelf(pool, store)
    first, second = a_report(1), a_report(2)
    numbers = [shelf.put(report, by="ana").report_id for report in (first, second)]

    gone = collect(pool, store)

    assert numbers[0] == numbers[1]
    assert gone == 2
    assert stored(store) == known(pool) == digests(second)
    assert shelf.html(numbers[0], EVERYTHING) == fragment(second)
    assert shelf.markdown(numbers[0], EVERYTHING) == markdown(second)


def test_the_same_report_again_keeps_its_files(pool: Pool, folder: ArtifactFolder) -> None:
    shelf = PostgresReportShelf(pool, folder)

    kept = [shelf.put(a_report(), by="ana") for _ in range(2)]

    assert kept[0] == kept[1]
    assert collect(pool, folder) == 0
    assert stored(folder) == digests(a_report())


def test_equal_files_of_two_reports_stay_while_one_of_them_is_there(
    pool: Pool, folder: ArtifactFolder
) -> None:
    shelf = PostgresReportShelf(pool, folder)
    shelf.put(a_report(), by="ana")
    other = shelf.put(a_report(tenant="vision"), by="ana").report_id
    with transaction(pool) as connection:  # as if both were the same in every letter
        connection.execute(
            "UPDATE report_files SET sha256 = first.sha256 FROM report_files AS first"
            " WHERE report_files.report_id = %s AND first.report_id <> %s"
            " AND first.form = report_files.form",
            [other, other],
        )

    shelf.put(a_report(99), by="ana")
    collect(pool, folder)

    assert stored(folder) == digests(a_report()) | digests(a_report(99))


def test_files_are_there_before_the_row(pool: Pool, tmp_path: Path) -> None:
    class Away(ArtifactFolder):
        def put(self, key: BlobKey, data: bytes) -> None:
            raise StorageUnavailable("the store is away")

    shelf = PostgresReportShelf(pool, Away(tmp_path / "artifacts"))

    with pytest.raises(StorageUnavailable):
        shelf.put(a_report(), by="ana")

    assert shelf.list(EVERYTHING) == []


def test_a_file_that_is_being_deleted_is_not_referred_to(
    pool: Pool, folder: ArtifactFolder
) -> None:
    shelf = PostgresReportShelf(pool, folder)
    number = shelf.put(a_report(1), by="ana").report_id
    shelf.put(a_report(2), by="ana")
    with transaction(pool) as connection:
        connection.execute(
            "UPDATE blobs SET state = 'deleting'"
            " WHERE sha256 NOT IN (SELECT sha256 FROM report_files)"
        )

    with pytest.raises(BlobLeaving):
        shelf.put(a_report(1), by="ana")

    assert shelf.markdown(number, EVERYTHING) == markdown(a_report(2))


@pytest.mark.parametrize("used_by", ["report", "artifact", "dataset"])
def test_no_version_can_delete_what_is_in_use(
    pool: Pool, folder: ArtifactFolder, used_by: str
) -> None:
    rows = RetentionRows(pool, folder)
    if used_by == "report":
        PostgresReportShelf(pool, folder).put(a_report(), by="ana")
    else:
        rows.scratch({"model": b"weights"})
    if used_by == "dataset":
        rows.rows(
            "WITH made AS (INSERT INTO datasets (tenant_id, name, owner, created_by)"
            " VALUES ('default', 'digits', 'ana', 'ana') RETURNING dataset_id), version AS ("
            " INSERT INTO dataset_versions (dataset_id, number, content_hash, kind, location,"
            " manifest, file_count, size_bytes, schema, statistics, preprocessing, column_lineage,"
            " created_by) SELECT dataset_id, 1, sha256('d'), 'files', '/d', '{}', 1, 7, '{}', '{}',"
            " '{}', '{}', 'ana' FROM made RETURNING dataset_id, number)"
            " INSERT INTO dataset_blobs (tenant_id, dataset_id, number, sha256)"
            " SELECT 'default', dataset_id, number, sha256 FROM version, blobs"
        )
        rows.rows(
            "WITH retention AS MATERIALIZED (SELECT set_config('sweepworks.retention', 'on', true))"
            " DELETE FROM artifacts USING retention"
        )

    changed = rows.rows("UPDATE blobs SET state = 'deleting' RETURNING sha256")

    assert changed == []
    assert BlobDeletion(pool, folder, least_age=AT_ONCE).delete_unreferenced().count == 0


def test_reports_are_the_installations(pool: Pool, folder: ArtifactFolder) -> None:
    kept = PostgresReportShelf(pool, folder).put(a_report(tenant="vision"), by="ana")

    with transaction(pool) as connection:
        owners = connection.execute(
            "SELECT DISTINCT tenant_id, installation_tenant() FROM blobs"
        ).fetchall()
    assert owners == [(INSTALLATION, INSTALLATION)]
    assert INSTALLATION not in LiveAttempts(pool).tenants()
    assert Path(kept.files[Form.HTML].address).read_text() == page(a_report(tenant="vision"))


def write_as_before(pool: Pool, amount: int) -> None:
    """What the version before this one does."""
    report = a_report(amount)
    with transaction(pool) as connection:
        connection.execute(
            "INSERT INTO shelved_reports (period, first_day, until_day, is_portfolio, made_at,"
            " made_by, problems, markdown, html) VALUES (%(period)s, %(first)s, %(until)s, false,"
            " now(), 'ana', '{}', %(markdown)s, %(html)s) ON CONFLICT (period,"
            " coalesce(tenant_id, ''), coalesce(experiment, ''), coalesce(sweep_id, ''),"
            " is_portfolio) DO UPDATE SET markdown = EXCLUDED.markdown, html = EXCLUDED.html",
            {
                "period": report.period.name, "first": report.period.first,
                "until": report.period.until, "markdown": markdown(report),
                "html": fragment(report),
            },
        )  # fmt: skip


def test_a_report_of_a_version_before_moves_to_the_store_when_it_is_read(
    pool: Pool, store: ArtifactStore
) -> None:
    write_as_before(pool, 5)
    shelf = PostgresReportShelf(pool, store)
    (row,) = shelf.list(EVERYTHING)

    texts = [shelf.html(row.report_id, EVERYTHING), shelf.markdown(row.report_id, EVERYTHING)]

    assert texts == [fragment(a_report(5)), markdown(a_report(5))]
    assert stored(store) == digests(a_report(5))
    assert collect(pool, store) == 0
    with transaction(pool) as connection:
        left = connection.execute("SELECT html, markdown FROM shelved_reports").fetchall()
    assert left == [(None, None)]


def test_a_version_before_that_still_writes_has_the_last_word(
    pool: Pool, folder: ArtifactFolder
) -> None:
    shelf = PostgresReportShelf(pool, folder)
    number = shelf.put(a_report(1), by="ana").report_id
    write_as_before(pool, 2)

    texts = [shelf.html(number, EVERYTHING), shelf.markdown(number, EVERYTHING)]
    collect(pool, folder)

    assert texts == [fragment(a_report(2)), markdown(a_report(2))]
    assert stored(folder) == digests(a_report(2))
