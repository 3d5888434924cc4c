"""Datasets in the artifact store: brought once, read by who uses them, and by nobody else."""

import contextlib
import datetime as dt
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from sweepworks.artifacts import Refused
from sweepworks.connection import Connection, post_json
from sweepworks.data import use_dataset

from orchestration.cli.data import stored
from orchestration.cli.data.stored import require_same, store
from storage.artifacts.blob_deletion import BlobDeletion, Deleted
from storage.artifacts.blob_verification import BlobVerification
from storage.artifacts.folder import ArtifactFolder
from storage.datasets.stored_files import StoredFiles
from sweeps.blobs import BlobKey
from sweeps.datasets import DatasetRefused
from sweeps.ids import TenantId
from tests.integration.gateway.conftest import TOKEN, Platform, bearer, listening
from tests.integration.storage.data_world import DataWorld
from tests.plugins.postgres import Database

US = TenantId("default")


@pytest.fixture
def platform(database: Database, tmp_path: Path) -> Generator[Platform, None, None]:
    with listening(database, tmp_path) as platform:
        yield platform


@pytest.fixture
def data(platform: Platform, tmp_path: Path) -> DataWorld:
    """A version of three files, two of them with the same content."""
    made = DataWorld(platform.pool, tmp_path)
    made.file("people/a.csv", "x\n1\n")
    made.file("people/deep/b.csv", "x\n2\n")
    made.file("people/deep/c.csv", "x\n1\n")
    made.register(tmp_path / "people")
    return made


@pytest.fixture
def owner(platform: Platform) -> Generator[Connection, None, None]:
    with contextlib.closing(Connection(platform.url, TOKEN)) as connection:
        yield connection


def put(owner: Connection, data: DataWorld, reference: str = "people@1") -> list[int]:
    """Store a version; the sizes of what was sent for it."""
    sent: list[int] = []
    store(owner, data.get(reference), on_sent=sent.append)
    return sent


def used(platform: Platform, reference: str = "people@1") -> Path:
    """A script on another machine asks for it."""
    run, token = platform.scratch()
    with contextlib.closing(Connection(platform.url, token)) as connection:
        return use_dataset(run, reference, connection=connection, say=lambda *_: None, opened=set())


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of another machine, with a cache."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SWEEPWORKS_CACHE_DIR", str(tmp_path / "cache"))
    return folder


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def test_each_content_is_sent_once(owner: Connection, data: DataWorld) -> None:
    assert put(owner, data) == [4, 4]
    assert put(owner, data) == []
    assert data.get("people@1").row.is_stored


def test_of_a_new_version_only_what_is_new_is_sent(
    owner: Connection, data: DataWorld, tmp_path: Path
) -> None:
    put(owner, data)
    data.file("people/deep/c.csv", "x\n345\n")
    data.register(tmp_path / "people")

    assert put(owner, data, "people@2") == [6]


@pytest.mark.usefixtures("elsewhere")
def test_a_script_elsewhere_gets_it_from_the_store_and_then_from_the_cache(
    platform: Platform, owner: Connection, data: DataWorld, tmp_path: Path
) -> None:
    put(owner, data)
    shutil.rmtree(tmp_path / "people")

    first = used(platform)
    shutil.rmtree(tmp_path / "artifacts")
    again = used(platform)

    whole = {"a.csv": "x\n1\n", "deep/b.csv": "x\n2\n", "deep/c.csv": "x\n1\n"}
    assert first.name == "people@1"
    assert contents(first) == contents(again) == whole


@pytest.mark.usefixtures("elsewhere")
def test_where_the_data_is_it_is_read_there(
    platform: Platform, owner: Connection, data: DataWorld, tmp_path: Path
) -> None:
    put(owner, data)

    assert used(platform) == tmp_path / "people"


@pytest.mark.usefixtures("elsewhere")
def test_a_single_file_stays_one(platform: Platform, owner: Connection, data: DataWorld) -> None:
    file = data.file("ages.csv", "age\n3\n")
    data.register(file, name="ages")
    put(owner, data, "ages@1")
    file.unlink()

    found = used(platform, "ages")

    assert (found.name, found.read_text()) == ("ages.csv", "age\n3\n")


@pytest.mark.usefixtures("elsewhere")
def test_what_is_nowhere_is_where_it_was(
    platform: Platform, data: DataWorld, tmp_path: Path
) -> None:
    """It was never stored: the script's own error names the place."""
    assert not data.get("people@1").row.is_stored
    shutil.rmtree(tmp_path / "people")

    assert used(platform) == tmp_path / "people"


def test_what_has_changed_since_it_was_registered_is_not_stored(
    owner: Connection, data: DataWorld
) -> None:
    data.file("people/deep/b.csv", "x\n3\n")

    with pytest.raises(DatasetRefused, match=r"b\.csv is not what was registered"):
        put(owner, data)

    assert not data.get("people@1").row.is_stored


def test_a_file_that_is_gone_is_told(owner: Connection, data: DataWorld, tmp_path: Path) -> None:
    (tmp_path / "people" / "deep" / "b.csv").unlink()

    with pytest.raises(DatasetRefused, match=r"b\.csv cannot be read"):
        put(owner, data)


def test_only_its_tenant_and_runs_that_use_it_read_it(
    platform: Platform, owner: Connection, data: DataWorld
) -> None:
    put(owner, data)
    run, token = platform.scratch()
    theirs = platform.token_of("vision")
    sha256 = data.get("people@1").files[0].sha256
    listed, file = "datasets/people@1/files", f"datasets/people@1/files/{sha256}"

    assert platform.get(f"/api/v1/{listed}").status_code == 200
    assert platform.get(f"/api/v1/{file}").text == "x\n1\n"
    for path in (listed, file):
        assert platform.get(f"/api/v1/{path}", token=theirs).status_code == 404
        assert platform.get(f"/api/v1/{path}", token=token).status_code == 401
        assert platform.get(f"/api/v1/runs/{run}/{path}", token=token).status_code == 404
    answer = platform.client.post(
        "/api/v1/datasets/people@1/store", json={}, headers=bearer(theirs)
    )
    assert answer.status_code == 404
    with contextlib.closing(Connection(platform.url, token)) as connection:
        use_dataset(run, "people@1", connection=connection, say=lambda *_: None, opened=set())
    assert platform.get(f"/api/v1/runs/{run}/{file}", token=token).text == "x\n1\n"


@pytest.mark.parametrize("sha256", ["0" * 64, "../../etc/passwd", "0" * 63, "X" * 64])
def test_a_file_that_it_has_not_got_is_refused(
    platform: Platform, owner: Connection, data: DataWorld, sha256: str
) -> None:
    put(owner, data)

    assert platform.get(f"/api/v1/datasets/people@1/files/{sha256}").status_code in {404, 422}


def test_bytes_of_another_tenant_are_not_shared(
    platform: Platform, owner: Connection, data: DataWorld, tmp_path: Path
) -> None:
    """Else knowing a digest would be enough to get at a file."""
    put(owner, data)
    data.register(tmp_path / "people", tenant=TenantId("vision"))
    token = platform.token_of("vision")
    with contextlib.closing(Connection(platform.url, token)) as theirs:
        status, answer = post_json(theirs, "/api/v1/datasets/people@1/store", {})

    assert (status, len(answer["missing"])) == (200, 2)


def test_a_token_of_another_tenant_stores_and_fetches_nothing(
    owner: Connection, data: DataWorld, tmp_path: Path
) -> None:
    """Tenants may call other data by the same name."""
    vision = TenantId("vision")
    data.register(data.file("theirs/a.csv", "x\n999\n").parent, tenant=vision)
    put(owner, data)
    theirs = data.get("people@1", tenant=vision)

    with pytest.raises(DatasetRefused, match="not of tenant vision"):
        store(owner, theirs, on_sent=lambda _: None)
    with pytest.raises(DatasetRefused, match="SWEEPWORKS_TOKEN"):
        require_same(owner, theirs)

    assert not data.get("people@1", tenant=vision).row.is_stored


def test_what_the_store_has_lost_is_brought_again(
    owner: Connection, data: DataWorld, tmp_path: Path
) -> None:
    put(owner, data)
    key = BlobKey(tenant_id=US, sha256=data.get("people@1").files[0].sha256)
    ArtifactFolder(tmp_path / "artifacts").delete(key)

    assert put(owner, data) == [4]
    assert ArtifactFolder(tmp_path / "artifacts").size_of(key) == 4


def test_what_has_arrived_stays_as_long_as_the_rest_is_brought(
    platform: Platform, owner: Connection, data: DataWorld, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """For days: whoever deletes comes by in between."""
    monkeypatch.setattr(stored, "_RENEW_SECONDS", 0.0)
    bring = stored._bring
    deletion = BlobDeletion(platform.pool, ArtifactFolder(tmp_path / "artifacts"))
    deleted: list[Deleted] = []

    def slowly(*arguments: Any) -> None:
        deleted.append(deletion.delete_unreferenced())
        bring(*arguments)
        platform.rows("UPDATE blobs SET renewed_at = renewed_at - interval '20 hours'")

    monkeypatch.setattr(stored, "_bring", slowly)

    assert put(owner, data) == [4, 4]
    assert deleted == [Deleted(0, 0)] * 2


def test_its_bytes_are_not_deleted_and_are_verified(
    platform: Platform, owner: Connection, data: DataWorld, tmp_path: Path
) -> None:
    put(owner, data)
    folder = ArtifactFolder(tmp_path / "artifacts")
    deletion = BlobDeletion(platform.pool, folder, least_age=dt.timedelta(0))

    assert deletion.delete_unreferenced() == Deleted(0, 0)
    verification = BlobVerification(platform.pool, folder)
    assert [blob.names for blob in verification.blobs(tenant_id=US)] == [["people@1"]] * 2


def test_a_version_is_stored_whole_or_not_at_all(
    platform: Platform, owner: Connection, data: DataWorld, tmp_path: Path
) -> None:
    put(owner, data)
    data.file("people/deep/c.csv", "x\n345\n")
    data.register(tmp_path / "people")

    missing = StoredFiles(platform.pool).store(data.get("people@2").pinned(), tenant_id=US)

    assert [file.path for file in missing] == ["deep/c.csv"]
    assert not data.get("people@2").row.is_stored


def test_bytes_that_are_being_deleted_have_not_arrived(platform: Platform, data: DataWorld) -> None:
    data.register(data.file("other/d.csv", "x\n1\n").parent, name="other")
    (file,) = data.get("other@1").files
    platform.rows(
        "INSERT INTO blobs (tenant_id, sha256, size_bytes, state)"
        " VALUES ('default', %s, %s, 'deleting')",
        bytes.fromhex(file.sha256),
        file.size_bytes,
    )

    assert len(StoredFiles(platform.pool).store(data.get("other@1").pinned(), tenant_id=US)) == 1


def test_a_store_that_lost_the_bytes_is_told(
    platform: Platform, owner: Connection, data: DataWorld, tmp_path: Path,
    elsewhere: Path,
) -> None:  # fmt: skip
    put(owner, data)
    shutil.rmtree(tmp_path / "people")
    for path in (tmp_path / "artifacts" / "default").rglob("*"):
        if path.is_file():
            path.unlink()

    with pytest.raises((Refused, LookupError)):
        used(platform)
    assert elsewhere.exists()
