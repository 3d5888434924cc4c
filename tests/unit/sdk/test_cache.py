"""Files that were brought once: limits, other processes, damage."""

import hashlib
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sweepworks.cache import Cache
from sweepworks.cache_entry import CacheEntry
from sweepworks.file_lock import take_lock


def a_sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Source:
    """Brings a content, and counts how often."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.calls = 0

    def __call__(self, target: Path) -> None:
        self.calls += 1
        target.write_bytes(self.content)


def provide(cache: Cache, content: bytes, target: Path) -> Source:
    source = Source(content)
    cache.provide(target, sha256=a_sha(content), size=len(content), fetch=source)
    return source


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", limit_bytes=100)


def names(cache: Cache) -> set[str]:
    return {one.path.name for one in cache.files()}


def test_a_file_is_brought_once(cache: Cache, tmp_path: Path) -> None:
    first = provide(cache, b"weights", tmp_path / "a")
    second = provide(cache, b"weights", tmp_path / "b")

    assert (first.calls, second.calls) == (1, 0)
    assert [(tmp_path / name).read_bytes() for name in ("a", "b")] == [b"weights"] * 2


def test_taking_it_out_costs_no_space_and_it_cannot_be_written(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    provide(cache, b"weights", tmp_path / "a")
    provide(cache, b"weights", tmp_path / "a")

    found = (tmp_path / "a").stat()
    assert (found.st_nlink, found.st_mode & 0o777) == (2, 0o400)


def test_what_root_writes_over_is_not_the_cache(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    provide(cache, b"weights", tmp_path / "a")

    (tmp_path / "a").chmod(0o600)
    (tmp_path / "a").write_bytes(b"trained")
    provide(cache, b"weights", tmp_path / "b")

    assert (tmp_path / "b").read_bytes() == b"weights"


def test_on_another_disk_it_is_copied(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(Path, "hardlink_to", refuse)

    provide(cache, b"weights", tmp_path / "a")

    assert (tmp_path / "a").read_bytes() == b"weights"
    assert (tmp_path / "a").stat().st_nlink == 1


def test_what_was_used_longest_ago_goes_first(cache: Cache, tmp_path: Path) -> None:
    for index, content in enumerate((b"a" * 40, b"b" * 40)):
        provide(cache, content, tmp_path / "x")
        used_at = time.time() - 100 + index
        (entry,) = [one.path for one in cache.files() if one.path.name == a_sha(content)]
        os.utime(entry, (used_at, used_at))
    provide(cache, b"a" * 40, tmp_path / "x")  # used again

    provide(cache, b"c" * 40, tmp_path / "y")

    assert names(cache) == {a_sha(b"a" * 40), a_sha(b"c" * 40)}


def test_all_files_are_looked_at_now_and_then_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a look for each of many files, thousands would take hours."""
    cache = Cache(tmp_path / "cache", limit_bytes=10_000)
    looks: list[object] = []
    trim = Cache.trim
    monkeypatch.setattr(Cache, "trim", lambda self: (looks.append(self), trim(self)))

    for n in range(1_500):
        provide(cache, b"%010d" % n, tmp_path / "x")

    assert len(looks) <= 1 + 15_000 / (10_000 * 0.02)
    assert sum(one.size for one in cache.files()) <= 10_000 * 1.02 + 10


def test_what_is_in_use_stays(cache: Cache, tmp_path: Path) -> None:
    provide(cache, b"a" * 60, tmp_path / "x")
    (entry,) = [one.path for one in cache.files()]
    held = take_lock(entry.with_name(entry.name + ".lock"), shared=True)
    assert held is not None

    provide(cache, b"b" * 60, tmp_path / "y")
    in_use = names(cache)
    os.close(held)
    cache.trim()

    assert a_sha(b"a" * 60) in in_use
    assert names(cache) == {a_sha(b"b" * 60)}


def test_a_file_larger_than_the_cache_is_brought_all_the_same(cache: Cache, tmp_path: Path) -> None:
    provide(cache, b"x" * 101, tmp_path / "a")

    assert (tmp_path / "a").read_bytes() == b"x" * 101
    assert names(cache) == set()


def test_where_there_can_be_no_cache_files_come_without_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    provide(Cache(tmp_path / "file" / "cache"), b"weights", tmp_path / "a")

    assert (tmp_path / "a").read_bytes() == b"weights"


def test_half_a_file_is_brought_again(cache: Cache, tmp_path: Path) -> None:
    provide(cache, b"weights", tmp_path / "a")
    (entry,) = [one.path for one in cache.files()]
    (tmp_path / "a").unlink()
    entry.chmod(0o600)
    entry.write_bytes(b"weig")

    again = provide(cache, b"weights", tmp_path / "a")

    assert again.calls == 1
    assert (tmp_path / "a").read_bytes() == b"weights"


def test_a_file_that_was_changed_is_brought_again(cache: Cache, tmp_path: Path) -> None:
    provide(cache, b"weights", tmp_path / "a")
    (entry,) = [one.path for one in cache.files()]
    entry.chmod(0o600)
    entry.write_bytes(b"wEights")  # of the same size

    again = provide(cache, b"weights", tmp_path / "b")

    assert again.calls == 1
    assert (tmp_path / "b").read_bytes() == b"weights"


def test_what_was_written_through_a_link_is_not_handed_out(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    provide(cache, b"weights", tmp_path / "a")
    (tmp_path / "a").chmod(0o600)
    (tmp_path / "a").write_bytes(b"trained")

    provide(cache, b"weights", tmp_path / "b")

    assert (tmp_path / "b").read_bytes() == b"weights"
    assert (tmp_path / "a").read_bytes() == b"trained"


def test_a_file_without_a_stamp_is_read_once_and_kept(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provide(cache, b"weights", tmp_path / "a")
    (entry,) = [one.path for one in cache.files()]
    entry.with_name(entry.name + ".lock").write_text("")  # as older versions leave it
    read: list[str] = []
    digest = CacheEntry.digest

    def counted(self: CacheEntry, beat: Callable[[], None]) -> str:
        read.append("once more")
        return digest(self, beat)

    monkeypatch.setattr(CacheEntry, "digest", counted)
    sources = [provide(cache, b"weights", tmp_path / "b") for _ in range(3)]

    assert [source.calls for source in sources] == [0, 0, 0]
    assert read == ["once more"]


def test_a_lock_file_that_is_no_text_is_no_stamp(cache: Cache, tmp_path: Path) -> None:
    provide(cache, b"weights", tmp_path / "a")
    (entry,) = [one.path for one in cache.files()]
    entry.with_name(entry.name + ".lock").write_bytes(b"\xff\xfe")

    assert provide(cache, b"weights", tmp_path / "b").calls == 0


def test_on_request_every_file_is_read(cache: Cache, tmp_path: Path) -> None:
    provide(cache, b"good", tmp_path / "a")
    provide(cache, b"bad", tmp_path / "b")
    bad = next(one.path for one in cache.files() if one.path.name == a_sha(b"bad"))
    bad.chmod(0o600)
    bad.write_bytes(b"bat")

    assert cache.verify() == [a_sha(b"bad")]
    assert names(cache) == {a_sha(b"good")}


def test_a_fetch_that_fails_leaves_nothing(cache: Cache, tmp_path: Path) -> None:
    def fail(target: Path) -> None:
        target.write_bytes(b"wei")
        raise ConnectionError("the cable")

    with pytest.raises(ConnectionError):
        cache.provide(tmp_path / "a", sha256=a_sha(b"weights"), size=7, fetch=fail)

    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"] == []


@pytest.mark.parametrize("sha256", ["", "../x", "A" * 64, "0" * 63])
def test_what_is_no_sha256_is_no_name(cache: Cache, tmp_path: Path, sha256: str) -> None:
    with pytest.raises(ValueError, match="no sha256"):
        cache.provide(tmp_path / "a", sha256=sha256, size=1, fetch=Source(b"x"))


def _bring(folder: Path, target: Path, log: Path) -> None:
    def fetch(incoming: Path) -> None:
        with log.open("a") as lines:
            lines.write("brought\n")
        time.sleep(0.3)
        incoming.write_bytes(b"weights")

    Cache(folder).provide(target, sha256=a_sha(b"weights"), size=7, fetch=fetch)


def test_processes_bring_it_once_and_all_have_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(
            target=_bring, args=(tmp_path / "cache", tmp_path / f"{n}", tmp_path / "log")
        )
        for n in range(4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(20)

    assert [(tmp_path / f"{n}").read_bytes() for n in range(4)] == [b"weights"] * 4
    assert (tmp_path / "log").read_text() == "brought\n"


def test_who_waits_for_another_process_says_that_it_lives(cache: Cache, tmp_path: Path) -> None:
    beats: list[None] = []
    entered, leave = threading.Event(), threading.Event()

    def slow(target: Path) -> None:
        entered.set()
        leave.wait(10)
        target.write_bytes(b"weights")

    sha256 = a_sha(b"weights")
    other = threading.Thread(
        target=cache.provide,
        args=(tmp_path / "a",),
        kwargs={"sha256": sha256, "size": 7, "fetch": slow},
    )
    other.start()
    entered.wait(10)

    def beat() -> None:
        beats.append(None)
        leave.set()

    cache.provide(tmp_path / "b", sha256=sha256, size=7, fetch=Source(b"?"), beat=beat)
    other.join()

    assert beats
    assert (tmp_path / "b").read_bytes() == b"weights"


def test_the_environment_says_where_it_is_and_how_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPWORKS_CACHE_DIR", str(tmp_path / "mine"))
    monkeypatch.setenv("SWEEPWORKS_CACHE_BYTES", "3")

    provide(Cache.of_this_user(), b"abc", tmp_path / "a")
    provide(Cache.of_this_user(), b"abcd", tmp_path / "b")

    assert names(Cache(tmp_path / "mine")) == {a_sha(b"abc")}
    monkeypatch.setenv("SWEEPWORKS_CACHE_BYTES", "20 GB")
    with pytest.raises(ValueError, match="number of bytes"):
        Cache.of_this_user()
