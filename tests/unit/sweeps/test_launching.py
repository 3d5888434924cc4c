"""Attempts given to a launcher, one after the other and side by side."""

import threading
from collections.abc import Callable

import pytest

from sweeps.errors import HeldBack, LauncherUnavailable, LaunchRejected, NoCapacity
from sweeps.launching import launch_all
from sweeps.trials import Attempt
from tests.factories import an_attempt

ATTEMPTS = [an_attempt(number) for number in range(1, 21)]
NAMES = [attempt.attempt_id for attempt in ATTEMPTS]


class Launches:
    """Launches that end as they are told, and are counted."""

    def __init__(self, ends: Callable[[int], Exception | None] = lambda _: None) -> None:
        self.asked: list[str] = []
        self._ends = ends

    def __call__(self, attempt: Attempt) -> None:
        self.asked.append(attempt.attempt_id)
        if (end := self._ends(int(attempt.run_id[-5:]))) is not None:
            raise end


@pytest.mark.parametrize("at_once", [1, 4, 8])
def test_all_are_started_in_order(at_once: int) -> None:
    done = launch_all(Launches(), ATTEMPTS, at_once=at_once)

    assert done.started == NAMES
    assert (done.rejected, done.waiting, done.failure) == ({}, [], None)


@pytest.mark.parametrize("at_once", [1, 8])
def test_where_there_is_no_place_one_is_asked_for(at_once: int) -> None:
    launches = Launches(lambda _: NoCapacity("full"))

    done = launch_all(launches, ATTEMPTS, at_once=at_once)

    assert launches.asked == NAMES[:1]
    assert done.waiting == NAMES


@pytest.mark.parametrize("at_once", [1, 8])
def test_what_holds_them_back_is_told(at_once: int) -> None:
    peak = HeldBack("it is peak")

    done = launch_all(Launches(lambda _: peak), ATTEMPTS, at_once=at_once)

    assert (done.waiting, done.held_back) == (NAMES, peak)


@pytest.mark.parametrize(("at_once", "asked"), [(1, 6), (4, 7), (8, 7)])
def test_who_finds_no_place_ends_it_once_those_beside_it_are_through(
    at_once: int, asked: int
) -> None:
    launches = Launches(lambda number: NoCapacity("full") if number >= 6 else None)

    done = launch_all(launches, ATTEMPTS, at_once=at_once)

    assert len(launches.asked) == asked
    assert done.started == NAMES[:5]
    assert done.waiting == NAMES[5:]


@pytest.mark.parametrize("at_once", [1, 8])
def test_who_is_refused_holds_up_nobody(at_once: int) -> None:
    launches = Launches(lambda number: LaunchRejected("no") if number % 5 == 0 else None)

    done = launch_all(launches, ATTEMPTS, at_once=at_once)

    assert list(done.rejected) == NAMES[4::5]
    assert len(done.started) == 16


@pytest.mark.parametrize("at_once", [1, 8])
def test_what_was_done_when_the_launcher_fails_is_told(at_once: int) -> None:
    def ends(number: int) -> Exception | None:
        return {2: LaunchRejected("no"), 3: LauncherUnavailable("away")}.get(number)

    done = launch_all(Launches(ends), ATTEMPTS, at_once=at_once)

    assert isinstance(done.failure, LauncherUnavailable)
    assert list(done.rejected) == NAMES[1:2]
    assert done.started == NAMES[:1]
    assert NAMES[-1] in done.waiting


def test_they_are_side_by_side() -> None:
    together = threading.Barrier(4, timeout=10)

    def launch(attempt: Attempt) -> None:
        if 4 <= int(attempt.run_id[-5:]) <= 7:  # the third batch: one, two, four
            together.wait()

    assert launch_all(launch, ATTEMPTS, at_once=4).started == NAMES


def test_an_error_that_nobody_expects_is_not_kept_quiet() -> None:
    with pytest.raises(ZeroDivisionError):
        launch_all(Launches(lambda _: ZeroDivisionError()), ATTEMPTS, at_once=8)
