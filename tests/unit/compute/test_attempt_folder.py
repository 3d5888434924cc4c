import datetime as dt
import fcntl
import os
from pathlib import Path

import pytest

from compute.attempt_folder import AttemptFolder
from compute.records import write_json
from sweeps.ids import AttemptId, SweepId
from sweeps.states import ExitReason

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def folder(tmp_path: Path) -> AttemptFolder:
    made = AttemptFolder.of(tmp_path / "runs", AttemptId("s-00001-a1"))
    assert made is not None
    made.prepare()
    return made


@pytest.mark.parametrize("name", ["", "..", "a/b-a1", "../x-a1", "s-00001", "S-00001-a1", "s-a0"])
def test_what_is_no_attempts_name_has_no_folder(tmp_path: Path, name: str) -> None:
    assert AttemptFolder.of(tmp_path, AttemptId(name)) is None


def test_a_claim_holds_until_its_descriptor_is_closed(folder: AttemptFolder) -> None:
    descriptor = folder.claim()
    assert descriptor is not None
    assert folder.is_locked()

    os.close(descriptor)

    assert not folder.is_locked()


def test_who_waited_for_the_lock_looks_again_before_claiming(
    folder: AttemptFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the lock another launcher may have come, executed and gone."""
    lock = fcntl.flock

    def after_another_one(descriptor: int, operation: int) -> None:
        write_json(folder.path / "shim.json", {"pid": 1, "started_at": 0.0})
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", after_another_one)

    assert folder.claim() is None


def test_what_was_started_once_is_never_claimed(folder: AttemptFolder) -> None:
    write_json(folder.path / "exit.json", {})

    assert folder.claim() is None


def test_a_sweep_has_its_own_attempts_and_not_those_of_a_longer_name(tmp_path: Path) -> None:
    for name in ("s-00001-a1", "s-00001-a2", "s-123456-a1", "s-abcdefgh-00001-a1", "t-00001-a1"):
        found = AttemptFolder.of(tmp_path, AttemptId(name))
        assert found is not None
        found.prepare()

    folders = AttemptFolder.of_sweep(tmp_path, SweepId("s"))

    assert {f.path.name for f in folders} == {"s-00001-a1", "s-00001-a2", "s-123456-a1"}
    assert list(AttemptFolder.of_sweep(tmp_path / "none", SweepId("s"))) == []


def test_a_lost_attempt_has_a_record_like_any_other(folder: AttemptFolder) -> None:
    write_json(folder.path / "shim.json", {"pid": 1, "started_at": NOW.timestamp() - 5})

    folder.write_lost(at=NOW)

    record = folder.read_exit()
    assert record is not None
    ended, started_at, ended_at = record
    assert ended.reason is ExitReason.LOST
    assert (started_at, ended_at) == (NOW - dt.timedelta(seconds=5), NOW)


def test_the_record_of_a_shim_that_a_power_cut_emptied_still_tells_when(
    folder: AttemptFolder,
) -> None:
    (folder.path / "shim.json").touch()

    shim = folder.shim()

    assert shim is not None
    assert shim["started_at"] > 0
