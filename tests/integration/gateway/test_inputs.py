"""Artifacts that runs use: brought once, and on the record as lineage."""

import contextlib
import hashlib
from collections.abc import Generator
from pathlib import Path

import pytest
from sweepworks.artifacts import Refused
from sweepworks.cache import Cache
from sweepworks.connection import Connection
from sweepworks.inputs import use_artifact

from storage.artifacts.location import BucketLocation
from tests.integration.gateway.conftest import Platform, bearer, listening
from tests.integration.gateway.test_artifacts import upload
from tests.plugins.postgres import Database

NAME = "models/best model.pt"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return Cache(tmp_path / "cache")


@pytest.fixture
def made(platform: Platform) -> str:
    """A run with an artifact."""
    run, token = platform.scratch()
    upload(platform, run, token, b"weights", NAME)
    return run


def use(platform: Platform, run: str, token: str, name: str, cache: Cache) -> Path:
    with contextlib.closing(Connection(platform.url, token)) as connection:
        return use_artifact(connection, run, name, cache=cache, beat=lambda: None)


def edges(platform: Platform) -> list[tuple[str, str]]:
    rows = platform.rows("SELECT upstream, downstream FROM lineage_edges ORDER BY created_at")
    return [(row[0], row[1]) for row in rows]


def test_an_artifact_of_another_run_is_brought_and_noted(
    platform: Platform, made: str, cache: Cache, tmp_path: Path
) -> None:
    run, token = platform.scratch()

    path = use(platform, run, token, f"{made}/{NAME}", cache)
    again = use(platform, run, token, f"{made}/{NAME}", cache)

    assert path.read_bytes() == b"weights"
    assert path == again == tmp_path / "work" / ".sweepworks-inputs" / made / NAME
    assert edges(platform) == [
        (f"run:{made}", f"artifact:{made}/{NAME}"),
        (f"artifact:{made}/{NAME}", f"run:{run}"),
    ]


def test_what_is_in_the_cache_is_not_downloaded(
    platform: Platform, made: str, cache: Cache, tmp_path: Path
) -> None:
    run, token = platform.scratch()
    use(platform, run, token, f"{made}/{NAME}", cache)
    sha256 = hashlib.sha256(b"weights").hexdigest()
    next((tmp_path / "artifacts").rglob(sha256)).unlink()

    other, other_token = platform.scratch()

    assert use(platform, other, other_token, f"{made}/{NAME}", cache).read_bytes() == b"weights"


@pytest.mark.parametrize("name", ["{run}/none", "nobody/model", "../x", "{run}/../x", "{run}", ""])
def test_what_is_not_there_cannot_be_used(
    platform: Platform, made: str, cache: Cache, name: str
) -> None:
    run, token = platform.scratch()

    with pytest.raises(ValueError):  # of which `Refused` is one
        use(platform, run, token, name.format(run=made), cache)

    assert len(edges(platform)) == 1


def test_other_tenants_artifacts_are_not_there(platform: Platform, made: str, cache: Cache) -> None:
    theirs = bearer(platform.token_of("them"))
    answer = platform.client.post("/api/v1/runs", json={}, headers=theirs).json()

    with pytest.raises(Refused) as refused:
        use(platform, answer["run"], answer["token"], f"{made}/{NAME}", cache)

    assert refused.value.status == 404


def test_a_run_reads_what_it_has_said_it_uses_and_nothing_else(
    platform: Platform, made: str
) -> None:
    run, token = platform.scratch()
    path = f"/api/v1/runs/{run}/inputs"
    read = f"{path}/{made}/{NAME}"

    before = platform.get(read, token=token).status_code
    platform.client.post(path, json={"run": made, "name": NAME}, headers=bearer(token))

    assert before == 404
    assert platform.get(read, token=token).content == b"weights"
    other, other_token = platform.scratch()
    assert platform.get(read, token=other_token).status_code == 403
    assert platform.get(read.replace(run, other), token=other_token).status_code == 404


def test_a_sealed_run_uses_nothing_more(platform: Platform, made: str, cache: Cache) -> None:
    run, token = platform.scratch()
    platform.seal(run)

    with pytest.raises(Refused) as refused:
        use(platform, run, token, f"{made}/{NAME}", cache)

    assert refused.value.status == 409


def test_its_own_artifact_is_no_input(platform: Platform, made: str, cache: Cache) -> None:
    token = platform.client.post(
        f"/api/v1/runs/{made}/token", headers=bearer("swt_of-this-home")
    ).json()["token"]

    path = use(platform, made, token, f"{made}/{NAME}", cache)

    assert path.read_bytes() == b"weights"
    assert len(edges(platform)) == 1


@pytest.fixture
def on_bucket(
    database: Database, tmp_path: Path, bucket: BucketLocation
) -> Generator[Platform, None, None]:
    with listening(database, tmp_path, artifacts=bucket) as platform:
        yield platform


def test_from_a_bucket_it_comes_without_the_gateway(on_bucket: Platform, cache: Cache) -> None:
    run, token = on_bucket.scratch()
    begun = on_bucket.client.post(
        f"/api/v1/runs/{run}/artifacts",
        json={
            "name": "model",
            "type": "file",
            "sha256": hashlib.sha256(b"weights").hexdigest(),
            "size": 7,
        },
        headers=bearer(token),
    ).json()["upload"]["parts"][0]
    on_bucket.client.put(begun["url"], content=b"weights", headers=begun["headers"])
    body = {"name": "model", "type": "file", "sha256": hashlib.sha256(b"weights").hexdigest()}
    on_bucket.client.post(
        f"/api/v1/runs/{run}/artifacts/commit", json={**body, "size": 7}, headers=bearer(token)
    )
    other, other_token = on_bucket.scratch()

    assert use(on_bucket, other, other_token, f"{run}/model", cache).read_bytes() == b"weights"
