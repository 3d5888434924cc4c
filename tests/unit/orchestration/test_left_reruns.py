"""Reruns whose commands are gone: their processes end with their rows, and their rows with them."""

import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, cast

import pytest

from compute.attempt_folder import AttemptFolder, instant
from compute.records import read_json, write_json
from orchestration.home import Home
from orchestration.reruns.folders import left_reruns
from orchestration.reruns.left import settle
from orchestration.supervisor.file_lock import hold_exclusive
from orchestration.supervisor.rerun_upkeep import RerunUpkeep
from storage.runs.reruns import RerunStore
from sweeps import ids
from sweeps.ids import AttemptId, RunId
from sweeps.states import AttemptState, ExitReason
from sweeps.trials import Attempt

RUN = RunId("scratch-abcdefghijkl")
BEGAN, ENDED = 1_790_000_000.0, 1_790_000_600.0


class Rows:
    """Of one rerun."""

    def __init__(self, state: AttemptState | None) -> None:
        self.state = state
        self.noted: list[Attempt] = []

    def state_of(self, attempt_id: AttemptId) -> AttemptState | None:
        assert attempt_id == ids.attempt_id(RUN, 1)
        return self.state

    def note_attempt(self, attempt: Attempt) -> bool:
        self.noted.append(attempt)
        return self.state is not AttemptState.ENDED


class Left:
    """A rerun in a home, with a shim that lives as long as its lock is held."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        place = self.home.reruns / RUN
        place.mkdir(parents=True)
        self.command = hold_exclusive(place / "lock")
        found = AttemptFolder.of(self.home.runs, ids.attempt_id(RUN, 1))
        assert found is not None
        self.attempt = found
        self.attempt.prepare()
        lock = self.attempt.claim()
        assert lock is not None
        self.shim: int | None = lock

    def begin(self) -> None:
        # No process has this number: nothing may be asked of it but by its folder.
        write_json(self.attempt.path / "shim.json", {"pid": 2**22 + 1, "started_at": BEGAN})

    def end(self, *, code: int | None = 0) -> None:
        record = {"reason": "completed", "code": code, "signal": None, "message": ""}
        times = {"started_at": BEGAN, "ended_at": ENDED}
        write_json(self.attempt.path / "exit.json", {**record, **times})
        self.close()

    def close(self) -> None:
        if self.shim is not None:
            os.close(self.shim)
            self.shim = None

    def kill_command(self) -> None:
        os.close(self.command)

    def settle(self, rows: Rows) -> list[RunId]:
        return settle(self.home, cast("RerunStore", rows), left_reruns(self.home))

    @property
    def stop(self) -> Any:
        return read_json(self.attempt.path / "stop.json")


@pytest.fixture
def left(tmp_path: Path) -> Generator[Left, None, None]:
    made = Left(tmp_path)
    yield made
    made.close()


def test_whose_command_lives_is_left_to_it(left: Left) -> None:
    left.begin()

    assert left.settle(Rows(AttemptState.ENDED)) == []
    assert left.stop is None


def test_what_is_over_by_its_row_is_asked_to_end(left: Left) -> None:
    left.begin()
    left.kill_command()

    assert left.settle(Rows(AttemptState.ENDED)) == []

    assert left.stop == {"reason": "lost"}


@pytest.mark.parametrize("state", [AttemptState.RUNNING, None])
def test_what_goes_on_or_is_of_another_database_goes_on(
    left: Left, state: AttemptState | None
) -> None:
    left.begin()
    left.kill_command()
    rows = Rows(state)

    assert left.settle(rows) == []

    assert left.stop is None
    assert rows.noted == []


def test_a_start_that_its_command_did_not_come_to_tell_is_told(left: Left) -> None:
    left.begin()
    left.kill_command()
    rows = Rows(AttemptState.PENDING)

    left.settle(rows)

    (told,) = rows.noted
    assert (told.state, told.started_at) == (AttemptState.RUNNING, instant(BEGAN))


@pytest.mark.parametrize("state", [AttemptState.RUNNING, AttemptState.ENDED])
def test_it_ended_when_its_process_did(left: Left, state: AttemptState) -> None:
    left.begin()
    left.kill_command()
    left.end()
    rows = Rows(state)

    assert left.settle(rows) == [RUN]

    (told,) = rows.noted
    assert (told.started_at, told.ended_at) == (instant(BEGAN), instant(ENDED))
    assert told.exit is not None
    assert told.exit.reason is ExitReason.COMPLETED


def test_of_one_whose_shim_was_killed_nobody_tells_when_it_ended(left: Left) -> None:
    left.begin()
    left.kill_command()
    left.close()
    rows = Rows(AttemptState.RUNNING)

    assert left.settle(rows) == [RUN]

    assert rows.noted == []
    assert left.attempt.read_exit() is not None  # it is known to be gone


def test_what_was_never_launched_is_nothing_to_end(left: Left) -> None:
    left.kill_command()
    left.close()

    assert left_reruns(left.home) == []


def test_without_any_no_database_is_asked(tmp_path: Path, left: Left) -> None:
    left.begin()
    began = time.monotonic()

    RerunUpkeep(left.home, database_url="postgresql://nobody@127.0.0.1:1/none").look()
    RerunUpkeep(Home(tmp_path / "new"), database_url="postgresql://nobody@127.0.0.1:1/none").look()

    assert time.monotonic() - began < 5
