import errno
import os
from pathlib import Path

import pytest

from compute.errors import filesystem_errors
from compute.records import read_json, tail, write_json, write_json_once, write_json_reserved
from sweeps.errors import DiskFull, LauncherUnavailable


def test_the_first_of_several_writers_wins(tmp_path: Path) -> None:
    write_json_once(tmp_path / "stop.json", {"reason": "stalled"})
    write_json_once(tmp_path / "stop.json", {"reason": "cancelled"})

    assert read_json(tmp_path / "stop.json") == {"reason": "stalled"}
    assert [path.name for path in tmp_path.iterdir()] == ["stop.json"]


def test_a_reserved_record_replaces_what_was_reserved(tmp_path: Path) -> None:
    reserved = tmp_path / ".reserved"
    reserved.write_bytes(bytes(4096))

    write_json_reserved(tmp_path / "exit.json", {"a": "\udc80 é"}, reserved=reserved)

    assert read_json(tmp_path / "exit.json") == {"a": "? é"}
    assert (tmp_path / "exit.json").stat().st_size < 100
    assert not reserved.exists()


def test_what_could_not_be_written_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(DiskFull), filesystem_errors("launching x"):
        write_json(tmp_path / "a.json", {}, is_durable=True)

    assert list(tmp_path.iterdir()) == []


def test_other_troubles_of_a_disk_are_not_a_full_one(tmp_path: Path) -> None:
    with pytest.raises(LauncherUnavailable), filesystem_errors("launching x"):
        (tmp_path / "a" / "b").write_text("")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b'{"a": '])
def test_a_damaged_document_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)

    assert read_json(tmp_path / "a.json") is None


def test_the_tail_of_a_log_is_text_whatever_is_in_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"first\n" * 30 + b"\xff last\n")

    lines = tail(log).splitlines()

    assert len(lines) == 20
    assert lines[-1] == "\N{REPLACEMENT CHARACTER} last"
    assert tail(tmp_path / "none") == ""
