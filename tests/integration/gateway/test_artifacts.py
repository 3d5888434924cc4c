"""Artifacts over HTTP: announced, brought, given to a run, read."""

import hashlib
import os
import stat
import zlib
from pathlib import Path
from typing import Any

import httpx
import pytest
from sweepworks import parts

from tests.integration.gateway.conftest import (
    TOKEN,
    Platform,
    a_flush,
    bearer,
    listening,
    run_token,
)
from tests.plugins.postgres import Database


def described(content: bytes, name: str = "model.pt", **changes: Any) -> dict[str, Any]:
    sha256 = hashlib.sha256(content).hexdigest()
    return {"name": name, "type": "checkpoint", "sha256": sha256, "size": len(content), **changes}


def begin(platform: Platform, run: str, body: dict[str, Any], token: str) -> httpx.Response:
    path = f"/api/v1/runs/{run}/artifacts"
    return platform.client.post(path, json=body, headers=bearer(token))


def commit(platform: Platform, run: str, body: dict[str, Any], token: str) -> httpx.Response:
    path = f"/api/v1/runs/{run}/artifacts/commit"
    return platform.client.post(path, json=body, headers=bearer(token))


def upload(platform: Platform, run: str, token: str, content: bytes, name: str) -> httpx.Response:
    body = described(content, name)
    begun = begin(platform, run, body, token).json()["upload"]
    for part in [] if begun is None else begun["parts"]:
        piece = content[part["offset"] :][: part["size"]]
        answer = platform.client.request(part["method"], part["url"], content=piece)
        assert answer.status_code == 201, answer.text
    return commit(platform, run, body, token)


def only_part(begun: httpx.Response) -> dict[str, Any]:
    (part,) = begun.json()["upload"]["parts"]
    return part


def files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()]


def test_bytes_come_back_as_they_were_brought(platform: Platform, tmp_path: Path) -> None:
    run, token = platform.scratch()
    content = os.urandom(3_000_000)

    answer = upload(platform, run, token, content, "models/best model.pt")

    assert answer.status_code == 201
    read = platform.get(f"/api/v1/runs/{run}/artifacts/models/best%20model.pt")
    assert read.content == content
    assert read.headers["content-disposition"].startswith("attachment")
    (listed,) = platform.get(f"/api/v1/runs/{run}/artifacts").json()["artifacts"]
    assert (listed["name"], listed["size_bytes"]) == ("models/best model.pt", 3_000_000)
    (path,) = files(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.name == listed["sha256"]


def test_known_bytes_are_not_asked_for_again(platform: Platform, tmp_path: Path) -> None:
    first, first_token = platform.scratch()
    second, second_token = platform.scratch()
    upload(platform, first, first_token, b"same", "a.bin")

    answer = begin(platform, second, described(b"same", "b.bin"), second_token)

    assert answer.json() == {"upload": None}
    stored = commit(platform, second, described(b"same", "b.bin"), second_token)
    assert stored.status_code == 201
    assert len(files(tmp_path)) == 1


def test_known_bytes_of_another_number_are_refused(platform: Platform) -> None:
    first, first_token = platform.scratch()
    second, second_token = platform.scratch()
    upload(platform, first, first_token, b"same", "a.bin")
    lie = {**described(b"same", "b.bin"), "size": 5}

    begun = begin(platform, second, lie, second_token)
    committed = commit(platform, second, lie, second_token)

    assert (begun.status_code, committed.status_code) == (422, 428)
    assert "is known to be of 4 bytes" in begun.json()["error"]


def test_another_tenants_bytes_cannot_be_had_by_their_digest(platform: Platform) -> None:
    run, token = platform.scratch()
    upload(platform, run, token, b"secret", "a.bin")
    theirs = platform.token_of("them")
    answer = platform.client.post("/api/v1/runs", json={}, headers=bearer(theirs)).json()
    body = described(b"secret", "stolen.bin")

    begun = begin(platform, answer["run"], body, answer["token"])
    committed = commit(platform, answer["run"], body, answer["token"])

    assert begun.json()["upload"] is not None
    assert committed.status_code == 428


def test_a_commit_repeated_is_success_and_with_other_bytes_a_conflict(platform: Platform) -> None:
    run, token = platform.scratch()
    upload(platform, run, token, b"one", "a.bin")

    repeated = commit(platform, run, described(b"one", "a.bin"), token)
    platform.seal(run)
    after_sealing = commit(platform, run, described(b"one", "a.bin"), token)
    other = begin(platform, run, described(b"two", "a.bin"), token)

    assert (repeated.status_code, after_sealing.status_code) == (201, 201)
    assert other.status_code == 409


def test_a_sealed_run_takes_no_artifact(platform: Platform) -> None:
    run, token = platform.scratch()
    target = only_part(begin(platform, run, described(b"late"), token))
    platform.client.put(target["url"], content=b"late")
    platform.seal(run)

    assert commit(platform, run, described(b"late"), token).status_code == 409
    assert begin(platform, run, described(b"later", "b"), token).status_code == 409


def test_bytes_that_are_not_what_was_announced_leave_nothing(
    platform: Platform, tmp_path: Path
) -> None:
    run, token = platform.scratch()
    target = only_part(begin(platform, run, described(b"expected"), token))

    statuses = {
        "other bytes": platform.client.put(target["url"], content=b"deceived").status_code,
        "too few": platform.client.put(target["url"], content=b"exp").status_code,
        "too many": platform.client.put(target["url"], content=b"expected!").status_code,
        "too many, unannounced": platform.client.put(
            target["url"], content=iter([b"expec", b"ted!"])
        ).status_code,
    }

    assert statuses == {
        "other bytes": 422,
        "too few": 422,
        "too many": 413,
        "too many, unannounced": 413,
    }
    assert files(tmp_path) == []
    assert commit(platform, run, described(b"expected"), token).status_code == 428


def test_a_link_is_good_for_what_it_says_only(platform: Platform) -> None:
    run, token = platform.scratch()
    target = only_part(begin(platform, run, described(b"mine"), token))
    url = target["url"]
    other = hashlib.sha256(b"x").hexdigest()

    statuses = [
        platform.client.put(changed, content=b"mine").status_code
        for changed in (
            url.replace("size=4", "size=5"),
            url.replace("tenant=default", "tenant=them"),
            url.replace(f"run={run}", "run=another"),
            url.replace(described(b"mine")["sha256"], other),
            url.replace("expires=", "expires=9"),
            url.replace("signature=", "signature=A"),
            url.replace("signature=", "signature=%C3%A9"),
        )
    ]

    assert set(statuses) <= {401, 422}
    assert platform.client.put(url.partition("?")[0], content=b"mine").status_code == 422


NO_PLAIN_PATHS = [
    "",
    "../x",
    "a/../b",
    "/etc/passwd",
    "a//b",
    "a/",
    ".",
    "a/.",
    "C:\\x",
    "a\x00b",
    "naïve",
    "\u202egnp.exe",
    "a\nb",
    "x" * 257,
]


def test_names_that_are_no_plain_paths_are_refused(platform: Platform) -> None:
    run, token = platform.scratch()

    statuses = {
        name: (
            begin(platform, run, described(b"x", name), token).status_code,
            commit(platform, run, described(b"x", name), token).status_code,
        )
        for name in NO_PLAIN_PATHS
    }

    assert statuses == dict.fromkeys(NO_PLAIN_PATHS, (422, 422))


def test_digests_sizes_and_types_that_cannot_be_are_refused(platform: Platform) -> None:
    run, token = platform.scratch()
    wrong: list[tuple[dict[str, Any], int]] = [
        ({"sha256": "0" * 63}, 422),
        ({"sha256": "A" * 64}, 422),
        ({"sha256": "../" + "0" * 61}, 422),
        ({"size": -1}, 422),
        ({"size": "1"}, 422),
        ({"size": 2**62}, 413),
        ({"size": 2**63}, 422),
        ({"type": "a b"}, 422),
        ({"type": ""}, 422),
    ]

    for changes, status in wrong:
        answer = begin(platform, run, {**described(b"x"), **changes}, token)
        assert (answer.status_code, list(answer.json())) == (status, ["error"]), changes


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "points"},
        {"name": "metrics/points-0001.parquet"},
        {"name": "metrics/hours-0001.parquet"},
    ],
    ids=str,
)
def test_what_retention_goes_by_is_refused(platform: Platform, changes: dict[str, str]) -> None:
    run, token = platform.scratch()

    begun = begin(platform, run, {**described(b"x"), **changes}, token)
    committed = commit(platform, run, {**described(b"x"), **changes}, token)

    assert (begun.status_code, committed.status_code) == (422, 422)


def test_an_unfinished_upload_leaves_nothing(platform: Platform, tmp_path: Path) -> None:
    run, token = platform.scratch()
    target = only_part(begin(platform, run, described(bytes(10_000)), token))

    def broken():
        yield bytes(5_000)
        raise ConnectionError("the cable")

    with pytest.raises(ConnectionError):
        platform.client.put(target["url"], content=broken(), headers={"Content-Length": "10000"})

    answer = platform.client.put(target["url"], content=bytes(10_000))
    assert answer.status_code == 201
    assert len([path for path in files(tmp_path) if path.parent.name != ".incoming"]) == 1


def test_run_tokens_read_and_write_their_own_run_alone(platform: Platform) -> None:
    run, token = platform.scratch()
    other, other_token = platform.scratch()
    upload(platform, run, token, b"x", "a.bin")
    upload(platform, other, other_token, b"y", "a.bin")

    assert platform.get(f"/api/v1/runs/{run}/artifacts/a.bin", token=token).content == b"x"
    assert platform.get(f"/api/v1/runs/{other}/artifacts/a.bin", token=token).status_code == 403
    assert platform.get(f"/api/v1/runs/{other}/artifacts", token=token).status_code == 403
    assert begin(platform, other, described(b"x"), token).status_code == 403
    assert begin(platform, run, described(b"x"), TOKEN).status_code == 401
    assert begin(platform, run, described(b"x"), run_token(run, tenant="them")).status_code == 404
    missing = platform.get(f"/api/v1/runs/{run}/artifacts/b.bin")
    assert missing.status_code == 404
    assert platform.flush(a_flush(run)).status_code == 200


# Files in parts


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "LEAST_BYTES", 1000)


LARGE = bytes(range(256)) * 11  # three parts


def in_parts(content: bytes = LARGE, **changes: Any) -> dict[str, Any]:
    sums = [zlib.crc32(content[at : at + 1000]) for at in range(0, len(content), 1000)]
    return described(content, crc32=sums, **changes)


def missing(platform: Platform, run: str, token: str) -> list[dict[str, Any]]:
    return begin(platform, run, in_parts(), token).json()["upload"]["parts"]


def put(platform: Platform, part: dict[str, Any], content: bytes = LARGE) -> int:
    piece = content[part["offset"] :][: part["size"]]
    return platform.client.request(part["method"], part["url"], content=piece).status_code


@pytest.mark.usefixtures("small_parts")
def test_a_file_in_parts_is_whole_at_the_commit(platform: Platform, tmp_path: Path) -> None:
    run, token = platform.scratch()
    statuses = [put(platform, part) for part in reversed(missing(platform, run, token))]

    before = [path for path in files(tmp_path) if len(path.name) == 64]
    nothing_left = begin(platform, run, in_parts(), token).json()["upload"]
    committed = commit(platform, run, in_parts(), token)

    assert statuses == [201] * 3
    assert (before, nothing_left) == ([], {"part_bytes": 1000, "parts": []})
    assert committed.status_code == 201
    assert platform.get(f"/api/v1/runs/{run}/artifacts/model.pt").content == LARGE
    assert len(files(tmp_path)) == 1


@pytest.mark.usefixtures("small_parts")
def test_an_upload_that_was_cut_goes_on_in_another_gateway(
    database: Database, tmp_path: Path
) -> None:
    with listening(database, tmp_path) as first:
        run, token = first.scratch()
        put(first, missing(first, run, token)[1])
        early = commit(first, run, in_parts(), token)
    with listening(database, tmp_path) as second:
        rest = missing(second, run, token)
        statuses = [put(second, part) for part in rest]
        committed = commit(second, run, in_parts(), token)

    assert early.status_code == 428
    assert [part["number"] for part in rest] == [1, 3]
    assert (statuses, committed.status_code) == ([201, 201], 201)


@pytest.mark.usefixtures("small_parts")
def test_a_part_that_breaks_off_is_brought_again(platform: Platform) -> None:
    run, token = platform.scratch()
    first = missing(platform, run, token)[0]

    def broken():
        yield LARGE[:500]
        raise ConnectionError("the cable")

    with pytest.raises(ConnectionError):
        platform.client.put(first["url"], content=broken(), headers={"Content-Length": "1000"})

    assert [part["number"] for part in missing(platform, run, token)] == [1, 2, 3]
    assert put(platform, first) == 201


@pytest.mark.usefixtures("small_parts")
def test_a_link_is_good_for_its_part_only(platform: Platform) -> None:
    run, token = platform.scratch()
    first = missing(platform, run, token)[0]

    wrong = {
        "other bytes": put(platform, first, bytes(3000)),
        "too many": platform.client.put(first["url"], content=LARGE[:1001]).status_code,
        "too few": platform.client.put(first["url"], content=LARGE[:999]).status_code,
        "another part": platform.client.put(
            first["url"].replace("part=1", "part=2"), content=LARGE[1000:2000]
        ).status_code,
        "another sum": platform.client.put(
            first["url"].replace("crc32=", "crc32=1&x="), content=LARGE[:1000]
        ).status_code,
    }

    assert wrong == {
        "other bytes": 422,
        "too many": 413,
        "too few": 422,
        "another part": 401,
        "another sum": 401,
    }
    assert len(missing(platform, run, token)) == 3


@pytest.mark.usefixtures("small_parts")
def test_sums_that_do_not_fit_the_file_are_refused(platform: Platform) -> None:
    run, token = platform.scratch()
    sums = in_parts()["crc32"]

    statuses = [
        begin(platform, run, {**in_parts(), "crc32": wrong}, token).status_code
        for wrong in ([], sums[:2], [*sums, 1], [-1, 2, 3], [2**32, 2, 3], ["1", "2", "3"], None)
    ]

    assert statuses == [422] * 7


@pytest.mark.usefixtures("small_parts")
def test_parts_of_another_whole_are_refused_at_the_commit(
    platform: Platform, tmp_path: Path
) -> None:
    run, token = platform.scratch()
    lie = in_parts(sha256="0" * 64)
    for part in begin(platform, run, lie, token).json()["upload"]["parts"]:
        put(platform, part)

    assert commit(platform, run, lie, token).status_code == 422
    assert files(tmp_path) == []
