"""Bringing what is left, as a gateway sees it."""

import errno
import fcntl
from pathlib import Path

import pytest
import sweepworks
from sweepworks import sync
from sweepworks.sync import Fate, Sync

from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.usefixtures("scratch")


def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An offline run with a file of several megabytes."""
    monkeypatch.setenv("SWEEPWORKS_MODE", "offline")
    run = sweepworks.init("exp", params={"lr": 0.5})
    (tmp_path / "model").write_bytes(bytes(5_000_000))
    run.log_artifact(tmp_path / "model")
    run.report(1, val=0.5)
    run.finish()
    return run.id


def test_a_run_that_nobody_knows_is_made_and_lives_while_it_is_brought(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "_BEAT_SECONDS", 0.0)
    run = left(tmp_path, monkeypatch)

    (synced,) = Sync(gateway.url, "api").folder(tmp_path / "spool")

    assert (synced.fate, synced.artifacts, synced.unstored) == (Fate.SENT, 1, ())
    (asked,) = gateway.scratch_runs
    assert (asked["run"], asked["experiment"], asked["params"]) == (run, "exp", {"lr": 0.5})
    assert asked["started_at"] < asked["ended_at"]
    assert set(gateway.beats) == {run}
    assert gateway.arrivals == ["model", "report 1"]


def test_where_there_are_no_locks_it_is_said_what_to_do(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left(tmp_path, monkeypatch)

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    (synced,) = Sync(gateway.url, "api").folder(tmp_path / "spool")

    assert synced.fate is Fate.WAITING
    assert "copy the folder" in synced.unstored[0]
    assert gateway.flushes == []


def test_a_gateway_that_breaks_off_is_waited_for(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left(tmp_path, monkeypatch)
    gateway.answers = [503, 599, 429]

    (synced,) = Sync(gateway.url, "api", patience_seconds=20).folder(tmp_path / "spool")

    assert synced.fate is Fate.SENT
    assert synced.unstored == ()
    assert [r.level for flush in gateway.flushes for r in flush.reports] == [1]


def test_after_a_gateway_that_is_away_no_other_file_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        left(tmp_path, monkeypatch)
        monkeypatch.setattr("sweepworks.start._current", None)

    synced = list(Sync("http://127.0.0.1:1", "api").folder(tmp_path / "spool"))

    assert [one.fate for one in synced] == [Fate.WAITING] * 3
    assert len({one.unstored for one in synced}) == 1
