"""Files of a dataset from the store: all pages of them, and none outside of their folder."""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from sweepworks import stored_data
from sweepworks.cache import Cache
from sweepworks.connection import Connection, Unreachable
from sweepworks.near_files import NearFiles
from sweepworks.stored_data import bring_dataset


class Store:
    """A connection to a gateway that lists two files at a time."""

    def __init__(self, files: dict[str, bytes], *, is_file: bool = False) -> None:
        self.files = files
        self.is_file = is_file
        self.downloads: list[str] = []

    def request(self, method: str, path: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        after = parse_qs(urlsplit(path).query).get("after", [""])[0]
        paths = sorted(path for path in self.files if path > after)
        listed = [
            {"path": path, "size_bytes": len(self.files[path]), "sha256": sha(self.files[path])}
            for path in paths[:2]
        ]
        page = {"files": listed, "is_file": self.is_file, "is_more": len(paths) > 2}
        return 200, {}, json.loads(json.dumps(page))

    def download(
        self, path: str, write: Callable[[bytes], None]
    ) -> tuple[int, dict[str, str], dict[str, Any]]:
        self.downloads.append(path)
        write(next(c for c in self.files.values() if sha(c) == path.rsplit("/", 1)[-1]))
        return 200, {}, {}


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def bring(store: Store, folder: Path) -> Path:
    connection = cast("Connection", store)
    return bring_dataset(connection, "/files", folder, cache=None, beat=lambda: None)


def test_all_pages_are_brought(tmp_path: Path) -> None:
    files = {f"folder {n}/ü%?.csv": f"{n}".encode() for n in range(7)}

    place = bring(Store(files), tmp_path / "data")

    assert place == tmp_path / "data"
    assert {p: (place / p).read_bytes() for p in files} == files


def test_what_is_there_is_not_brought_again(tmp_path: Path) -> None:
    store = Store({f"{n}.csv": f"{n}".encode() for n in range(5)})
    place = bring(store, tmp_path / "data")
    (place / "1.csv").write_bytes(b"X")  # of the same size
    (place / "2.csv").unlink()
    store.downloads.clear()

    bring(store, tmp_path / "data")

    assert store.downloads == [f"/files/{sha(content)}" for content in (b"1", b"2")]
    assert (place / "1.csv").read_bytes() == b"1"


def test_more_than_the_cache_holds_is_brought_once_all_the_same(tmp_path: Path) -> None:
    store = Store({f"{n}.csv": f"{n}".encode() * 50 for n in range(6)})
    cache = Cache(tmp_path / "cache", limit_bytes=100)
    connection = cast("Connection", store)

    for _ in range(3):
        bring_dataset(connection, "/files", tmp_path / "data", cache=cache, beat=lambda: None)

    assert len(store.downloads) == 6


def test_a_gateway_that_restarts_is_waited_for_however_long_it_went_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_data, "_RETRY_SECONDS", 0.01)
    store = Store({f"{n}.csv": f"{n}".encode() for n in range(6)})
    download, failures = store.download, [3, 5, 7]

    def slow(path: str, write: Callable[[bytes], None]) -> tuple[int, dict[str, str], Any]:
        if len(store.downloads) + 1 in failures:
            failures.remove(len(store.downloads) + 1)
            raise Unreachable("it restarts")
        time.sleep(0.1)  # more in all than the patience
        return download(path, write)

    store.download = slow
    place = bring_dataset(
        cast("Connection", store), "/files", tmp_path / "data", cache=None, beat=lambda: None,
        patience_seconds=0.2,
    )  # fmt: skip

    assert len(list(place.iterdir())) == 6


def test_one_that_stays_away_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_data, "_RETRY_SECONDS", 0.01)
    store = Store({"a": b"1"})

    def away(path: str, write: Callable[[bytes], None]) -> tuple[int, dict[str, str], Any]:
        raise Unreachable("it is away")

    store.download = away
    with pytest.raises(Unreachable):
        bring_dataset(
            cast("Connection", store), "/files", tmp_path, cache=None, beat=lambda: None,
            patience_seconds=0.1,
        )  # fmt: skip


def test_a_single_file_is_the_dataset(tmp_path: Path) -> None:
    place = bring(Store({"a.csv": b"1"}, is_file=True), tmp_path / "data")

    assert (place, place.read_bytes()) == (tmp_path / "data" / "a.csv", b"1")


@pytest.mark.parametrize("path", ["../a", "/etc/passwd", "a/../../b", "", "a\0b"])
def test_no_file_leads_out_of_the_folder(tmp_path: Path, path: str) -> None:
    store = Store({path: b"1"})
    store.request = lambda method, location: (  # pyright: ignore[reportAttributeAccessIssue]  any path
        200, {}, {"files": [{"path": path, "size_bytes": 1, "sha256": sha(b"1")}],
                  "is_file": False, "is_more": False},
    )  # fmt: skip

    with pytest.raises(Unreachable):
        bring(store, tmp_path / "data")

    assert store.downloads == []


@pytest.mark.parametrize("sha256", ["../../secrets", "a" * 63, "A" * 64])
def test_a_digest_that_is_none_is_nonsense(tmp_path: Path, sha256: str) -> None:
    store = Store({})
    store.request = lambda method, location: (  # pyright: ignore[reportAttributeAccessIssue]  any digest
        200, {}, {"files": [{"path": "a", "size_bytes": 1, "sha256": sha256}],
                  "is_file": False, "is_more": False},
    )  # fmt: skip

    with pytest.raises(Unreachable):
        bring(store, tmp_path / "data")


def near(version: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> NearFiles:
    monkeypatch.setenv("SWEEPWORKS_NEAR_DIGITS_EU", str(root))
    found = NearFiles.of_version(version)
    assert found is not None
    return found


@pytest.mark.parametrize("folder", ["digits-eu@3", "digits-eu", ""])
@pytest.mark.parametrize("is_cached", [True, False])
def test_what_a_pool_nearby_has_is_not_asked_of_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, is_cached: bool
) -> None:
    store = Store({f"part/{n}.csv": f"{n}".encode() for n in range(5)})
    pool, target = tmp_path / "pool", tmp_path / "data"
    for path in ("part/0.csv", "part/1.csv", "part/2.csv"):
        (pool / folder / path).parent.mkdir(parents=True, exist_ok=True)
        (pool / folder / path).write_bytes(store.files[path])
    (pool / folder / "part/1.csv").write_bytes(b"X")  # of the same size
    (pool / folder / "part/2.csv").write_bytes(b"longer")
    come: list[int] = []

    place = bring_dataset(
        cast("Connection", store), "/files", target, beat=lambda: None, on_bytes=come.append,
        cache=Cache(tmp_path / "cache") if is_cached else None,
        near=near("digits-eu@3", pool, monkeypatch),
    )  # fmt: skip

    assert {path: (place / path).read_bytes() for path in store.files} == store.files
    assert store.downloads == [f"/files/{sha(content)}" for content in (b"1", b"2", b"3", b"4")]
    assert sum(come) == 5
    assert not list(tmp_path.rglob(".incoming-*"))


def test_a_pool_that_cannot_be_read_is_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, pool = Store({"a": b"1", "b": b"2"}), tmp_path / "pool"
    (pool / "a").mkdir(parents=True)
    (pool / "b").symlink_to(pool / "b")

    place = bring_dataset(
        cast("Connection", store), "/files", tmp_path / "data", cache=None, beat=lambda: None,
        near=near("digits-eu@3", pool, monkeypatch),
    )  # fmt: skip

    assert [(place / name).read_bytes() for name in "ab"] == [b"1", b"2"]
    assert len(store.downloads) == 2


def test_where_no_pool_is_mounted_nothing_is_looked_for() -> None:
    assert NearFiles.of_version("digits@3") is None
