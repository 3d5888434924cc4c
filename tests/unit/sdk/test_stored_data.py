"""Files of a dataset from the store: all pages of them, and none outside of their folder."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from sweepworks.connection import Connection, Unreachable
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
