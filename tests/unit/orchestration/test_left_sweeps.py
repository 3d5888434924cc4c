"""Looking after sweeps that nobody follows."""

import contextlib
from collections.abc import Generator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestration import left_sweeps, waiting_sweeps
from orchestration.left_sweeps import LeftSweeps
from orchestration.platform import Platform
from sweeps.errors import LauncherUnavailable, LeaseLost, RunsElsewhere, StorageUnavailable
from sweeps.ids import SweepId

ONE, TWO = SweepId("digits-1"), SweepId("digits-2")
Answer = str | Exception | None


class World:
    """Sweeps under way, and what looking after each comes to."""

    def __init__(self) -> None:
        self.answers: dict[SweepId, Answer] = {}
        self.holding: set[SweepId] = set()
        self.looked_after: list[SweepId] = []
        self.ended: list[SweepId] = []
        self.is_ours = True
        self.end: int | Exception = 2
        self.waited: list[SweepId] = []
        self.failed: dict[SweepId, str] = {}
        self.told: dict[SweepId, str] = {}
        self.parts = SimpleNamespace(
            claims=self, trial_store=None, launcher=None, credentials=None, desk=None,
            has_daemon=False,
        )  # fmt: skip
        self.platform = cast("Platform", self.parts)

    def due(self) -> list[SweepId]:
        return self.waited

    def untold_ends(self, *, limit: int) -> list[SweepId]:
        return [name for name in self.failed if name not in self.told][:limit]

    def claim_end(self, sweep_id: SweepId) -> str | None:
        return self.failed[sweep_id] if self.is_ours else None

    def report_failed(self, _platform: Platform, sweep_id: SweepId, reason: str) -> None:
        self.told[sweep_id] = reason

    def under_way(self) -> list[tuple[SweepId, bool]]:
        live = [name for name in self.answers if name not in self.waited]
        return [(name, name in self.holding) for name in live]

    @contextlib.contextmanager
    def try_starting(self, _sweep_id: SweepId) -> Generator[bool, None, None]:
        yield self.is_ours

    def controllers(self, _platform: Platform, sweep_id: SweepId) -> Any:
        def look_after() -> str | None:
            self.looked_after.append(sweep_id)
            answer = self.answers[sweep_id]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return SimpleNamespace(look_after=look_after)

    def controller(self, sweep_id: SweepId, **_: object) -> Any:
        def end_dead() -> int:
            self.ended.append(sweep_id)
            if isinstance(self.end, Exception):
                raise self.end
            return self.end

        return SimpleNamespace(end_dead=end_dead, close=lambda: None)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(left_sweeps, "Controllers", made.controllers)
    monkeypatch.setattr(left_sweeps, "SweepController", made.controller)
    monkeypatch.setattr(waiting_sweeps, "report_failed", made.report_failed)
    return made


def test_each_is_looked_after_but_for_those_that_somebody_follows(world: World) -> None:
    world.answers = {ONE: "the controller was lost; started it again", TWO: None}

    said = LeftSweeps(world.platform, besides=[TWO]).look()

    assert said == [f"{ONE}: the controller was lost; started it again"]
    assert world.looked_after == [ONE]


def test_one_of_another_home_is_left_alone_and_hinders_no_other(world: World) -> None:
    world.answers = {ONE: RunsElsewhere(ONE, place="there"), TWO: "started it again"}

    assert LeftSweeps(world.platform).look() == [f"{TWO}: started it again"]
    assert world.ended == []


def test_a_few_are_brought_back_at_once_and_the_others_with_the_next_look(world: World) -> None:
    names = [SweepId(f"digits-{n}") for n in range(5)]
    world.answers = dict.fromkeys(names, "started it again")
    left = LeftSweeps(world.platform)

    first = left.look()
    world.answers = {name: None if name in names[:3] else "started it again" for name in names}
    second = left.look()

    assert (len(first), len(second)) == (3, 2)


def test_the_dead_of_one_that_is_given_up_are_ended_and_that_is_told_once(world: World) -> None:
    world.answers = {ONE: LauncherUnavailable("fails again and again"), TWO: None}
    world.holding = {ONE}
    left = LeftSweeps(world.platform)

    first = left.look()
    world.end = 0
    second = left.look()

    assert first == [f"{ONE}: fails again and again", f"{ONE}: ended 2 attempts that are dead"]
    assert second == []
    assert world.ended == [ONE, ONE]  # another may have died meanwhile


def test_nothing_is_ended_of_one_that_holds_nothing(world: World) -> None:
    world.answers = {ONE: LauncherUnavailable("fails again and again")}

    LeftSweeps(world.platform).look()

    assert world.ended == []


def test_of_one_that_somebody_starts_just_now_nothing_is_ended(world: World) -> None:
    world.answers = {ONE: LauncherUnavailable("fails again and again")}
    world.holding = {ONE}
    world.is_ours = False

    LeftSweeps(world.platform).look()

    assert world.ended == []


def test_who_goes_on_with_one_after_all_ends_its_dead(world: World) -> None:
    world.answers = {ONE: LauncherUnavailable("fails again and again")}
    world.holding = {ONE}
    world.end = LeaseLost(ONE)

    assert LeftSweeps(world.platform).look() == [f"{ONE}: fails again and again"]


def test_what_ails_one_is_told_once_and_hinders_no_other(world: World) -> None:
    world.answers = {ONE: ValueError("no such strategy"), TWO: "started it again"}
    left = LeftSweeps(world.platform)

    first, second = left.look(), left.look()

    assert first == [
        f"{ONE}: cannot be looked after: ValueError('no such strategy')",
        f"{TWO}: started it again",
    ]
    assert second == [f"{TWO}: started it again"]


def test_an_outage_is_told_and_waited_out(world: World) -> None:
    world.answers = {ONE: StorageUnavailable("it restarts"), TWO: None}

    (said,) = LeftSweeps(world.platform).look()

    assert "it restarts" in said


def test_between_two_looks_there_are_some_seconds(world: World) -> None:
    world.answers = {ONE: None}
    left = LeftSweeps(world.platform)

    left.look_if_due()
    left.look_if_due()

    assert world.looked_after == [ONE]


# Sweeps that have waited for others


def test_those_whose_turn_has_come_are_started_a_few_at_a_time(world: World) -> None:
    world.waited = [SweepId(f"digits-{n}") for n in range(5)]
    world.answers = dict.fromkeys(world.waited)

    said = LeftSweeps(world.platform, besides=world.waited[:1]).look()

    assert world.looked_after == world.waited[1:4]
    assert said[0] == f"{world.waited[1]}: what it waited for has ended; it starts"


def test_where_a_daemon_does_that_none_is_started(world: World) -> None:
    world.waited = [ONE]
    world.parts.has_daemon = True

    assert LeftSweeps(world.platform).look() == []
    assert world.looked_after == []


@pytest.mark.parametrize("is_ours", [True, False])
def test_dagster_is_told_once_of_those_that_failed_by_the_ends_of_others(
    world: World, is_ours: bool
) -> None:
    world.failed = {ONE: f"waited for {TWO} to succeed, which was cancelled"}
    world.is_ours = is_ours

    said = LeftSweeps(world.platform).look()

    assert world.told == (world.failed if is_ours else {})
    assert said == [f"{name}: {reason}" for name, reason in world.told.items()]


def test_an_end_that_cannot_be_told_is_told_of_once_and_hinders_no_other(world: World) -> None:
    world.failed = {ONE: "waited for nothing", TWO: "waited for nothing"}

    def report_failed(_platform: Platform, sweep_id: SweepId, reason: str) -> None:
        if sweep_id == ONE:
            raise ValueError("no such partition")
        world.told[sweep_id] = reason

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waiting_sweeps, "report_failed", report_failed)
        left = LeftSweeps(world.platform)
        first, second = left.look(), left.look()

    assert first == [
        f"{ONE}: cannot be looked after: ValueError('no such partition')",
        f"{TWO}: waited for nothing",
    ]
    assert second == []
