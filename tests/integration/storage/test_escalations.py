"""Violations of quotas on PostgreSQL: noticed once, told step by step, each once, until they are over."""

import datetime as dt
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from governance.access import SHARED_NAMES
from governance.quotas.escalations import (
    InvalidAcknowledgement,
    NoAcknowledger,
    NothingToAcknowledge,
    UnknownEscalation,
)
from storage.database import Pool, open_pool
from sweeps.errors import StateConflict
from tests.contracts.admission_desk_contract import SECOND, gpu_spec
from tests.integration.storage.dying import killed_at
from tests.integration.storage.escalation_world import HOUR, LIMIT, NOW, EscalationWorld
from tests.plugins.postgres import Database


@pytest.fixture
def world(pool: Pool) -> EscalationWorld:
    return EscalationWorld(pool)


def test_a_violation_is_noticed_once_and_says_what_would_remedy_it(world: EscalationWorld) -> None:
    world.obstruct()

    assert [*world.notice(), *world.notice(1)] == []

    (one,) = world.escalations.list()
    assert (one.kind, one.subject, one.owner) == ("waiting", SECOND, "me")
    assert one.since == NOW
    assert one.what.endswith("starts: tenant default may hold 2 GPUs at once, and has 2 GPUs")
    assert one.remedy.startswith("`other_tenants.limits.gpu: 3` instead of 2 in the policy quotas")
    assert one.standing == "nobody was told yet"


def test_each_step_is_told_once_and_to_whom_the_policy_says(world: EscalationWorld) -> None:
    world.obstruct()
    world.notice()
    keys = [world.notice(hours) for hours in (3.9, 4)]

    told = {hours: world.tell(hours) for hours in (4, 5, 24, 25, 72, 500)}

    assert keys == [[], ["1 step 1"]]
    assert {hours: len(steps) for hours, steps in told.items()} == {
        4: 1, 5: 0, 24: 1, 25: 0, 72: 1, 500: 0,
    }  # fmt: skip
    assert [one.words for one in world.escalations.list()[0].told] == [
        "me (me@example.org), as the owner",
        "lea (lea@example.org), as the tenant",
        "platform (#platform), as the platform",
    ]
    sentence = told[4][0].sentence
    assert sentence.startswith("to me (me@example.org), as the owner: no trial of sweep")
    assert "since 2026-03-11 12:00 UTC. `other_tenants.limits.gpu: 3`" in sentence
    assert "Ask platform (#platform)." in sentence


def test_steps_that_were_missed_are_told_together(world: EscalationWorld) -> None:
    world.obstruct()
    world.notice()

    assert [one.told.step for one in world.tell(30)] == [1, 2]


def test_what_came_to_nothing_is_told_by_the_next_one(world: EscalationWorld) -> None:
    world.obstruct()
    world.notice()

    def die() -> None:
        with world.escalations.telling(NOW + 4 * HOUR) as news:
            assert len(news.tellings) == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        die()

    assert world.notice(5) == ["1 step 1"]
    assert [one.told.step for one in world.tell(5)] == [1]
    assert world.notice(6) == []


def _tell(url: str, at: dt.datetime) -> None:
    with open_pool(url, max_size=1) as pool, EscalationWorld(pool).escalations.telling(at):
        pass


@pytest.mark.slow
def test_whoever_is_killed_has_told_all_or_nothing_and_the_next_one_tells_the_rest(
    world: EscalationWorld, database: Database, tmp_path: Path
) -> None:
    _, waiting = world.obstruct()
    left: set[int] = set()
    for moment in itertools.count(1):
        begun = NOW + moment * dt.timedelta(days=10)
        world.escalations.notice(begun)

        told = tmp_path / "told"
        was_killed = killed_at(moment, _tell, database.url, begun + 30 * HOUR, told=told)

        before = len(world.escalations.list()[0].told)
        with world.escalations.telling(begun + 31 * HOUR) as news:
            assert before + len(news.tellings) == 2
        assert [one.step for one in world.escalations.list()[0].told] == [1, 2]
        left.add(before)
        if not was_killed:
            break
        world.another_desk().withdraw(waiting)  # it is over, and comes again
        world.escalations.notice(begun + 32 * HOUR)
        world.another_desk().ask(SECOND, gpu_spec(), waiting)
    assert left == {0, 2}


def test_of_many_who_tell_at_once_one_tells(world: EscalationWorld, database: Database) -> None:
    world.obstruct()
    world.notice()
    begin = threading.Barrier(4)

    def tell(_: int) -> int:
        with open_pool(database.url) as pool:
            escalations = EscalationWorld(pool).escalations
            begin.wait(timeout=30)
            with escalations.telling(NOW + 30 * HOUR) as news:
                return len(news.tellings)

    with ThreadPoolExecutor(max_workers=4) as tellers:
        assert sorted(tellers.map(tell, range(4))) == [0, 0, 0, 2]


def test_of_many_who_notice_at_once_one_does(world: EscalationWorld, database: Database) -> None:
    world.obstruct()
    begin = threading.Barrier(4)

    def notice(number: int) -> None:
        with open_pool(database.url) as pool:
            escalations = EscalationWorld(pool).escalations
            begin.wait(timeout=30)
            escalations.notice(NOW + number * HOUR)

    with ThreadPoolExecutor(max_workers=4) as lookers:
        list(lookers.map(notice, range(4)))

    assert len(world.escalations.list(with_ended=True)) == 1


def test_it_is_over_when_a_trial_is_let_start_and_that_is_told_once(
    world: EscalationWorld,
) -> None:
    world.obstruct()
    world.notice()
    world.tell(4)

    world.limit(3)
    keys = world.notice(5)
    with world.escalations.telling(NOW + 6 * HOUR) as news:
        over = [(one.subject, one.ended_at) for one in news.over]

    assert keys == ["1 over"]
    assert over == [(SECOND, NOW + 5 * HOUR)]
    assert (world.notice(7), world.escalations.list()) == ([], [])
    (one,) = world.escalations.list(with_ended=True)
    assert one.history[-1] == "2026-03-11 17:00 UTC: over"


def test_at_most_so_many_are_told_at_once_and_the_rest_the_next_time(
    world: EscalationWorld,
) -> None:
    world.obstruct()
    world.limit(1)  # also a violation of its own
    world.notice()

    def tell(hours: float) -> tuple[list[tuple[int, int]], list[int], int]:
        with world.escalations.telling(NOW + hours * HOUR, most=1) as news:
            steps = [(one.escalation.escalation_id, one.told.step) for one in news.tellings]
            return steps, [one.escalation_id for one in news.over], news.left

    assert [tell(30), tell(30), tell(30)] == [
        ([(1, 1)], [], 3), ([(1, 2)], [], 2), ([(2, 1)], [], 1),
    ]  # fmt: skip
    world.limit(3)
    assert world.notice(31) == ["1 over", "2 over"]
    assert [tell(32), tell(32), tell(32)] == [([], [1], 1), ([], [2], 0), ([], [], 0)]


def test_who_tells_reads_what_is_open_with_what_is_told_just_now(world: EscalationWorld) -> None:
    world.obstruct()
    world.notice()

    with world.escalations.telling(NOW + 4 * HOUR) as news:
        assert [one.step for one in news.still_open[0].told] == [1]
        assert world.escalations.list()[0].told == ()
    assert news.still_open == world.escalations.list()


def test_of_what_nobody_was_told_nobody_is_told_that_it_is_over(world: EscalationWorld) -> None:
    world.obstruct()
    world.notice()

    world.limit(3)

    assert (world.notice(1), world.tell(2)) == ([], [])


def test_what_comes_again_begins_with_the_first_step(world: EscalationWorld) -> None:
    _, waiting = world.obstruct()
    world.notice()
    world.tell(30)
    world.desk.withdraw(waiting)
    world.notice(31)
    world.another_desk().ask(SECOND, gpu_spec(), waiting)

    world.notice(32)

    assert [one.told.step for one in world.tell(36)] == [1]
    assert [one.since for one in world.escalations.list()] == [NOW + 32 * HOUR]


def test_what_waits_for_a_controller_that_is_away_is_neither_told_nor_over(
    world: EscalationWorld,
) -> None:
    world.obstruct()
    world.notice()
    world.go_silent(SECOND)

    assert (world.notice(5), world.tell(5)) == ([], [])
    assert [one.since for one in world.escalations.list()] == [NOW]

    world.desk = world.another_desk()
    world.desk.ask(SECOND, gpu_spec(), [])
    world.execute("UPDATE admission_seekers SET asked_at = now()")
    assert world.notice(6) == ["1 step 1"]


def test_a_sweep_that_is_no_longer_in_the_queue_violates_nothing(world: EscalationWorld) -> None:
    _, waiting = world.obstruct()
    world.notice()

    world.desk.withdraw(waiting)
    world.notice(1)

    assert world.escalations.list() == []


def test_a_limit_that_is_cut_below_what_is_held_is_the_tenants(world: EscalationWorld) -> None:
    world.obstruct()
    world.limit(1)
    world.notice()

    told = world.tell(4)

    over = [one for one in told if one.escalation.kind == "over"]
    assert [one.escalation.what for one in over] == [
        "tenant default holds 2 GPUs and may hold 1 GPU"
    ]
    assert [one.told.people[0].name for one in over] == ["lea"]  # it has no owner


def test_a_sweep_that_can_never_start_any_more_says_so(world: EscalationWorld) -> None:
    world.obstruct()
    world.limit(0)

    world.notice()

    kinds = {one.subject: one.kind for one in world.escalations.list()}
    assert kinds == {SECOND: "never", "gpu": "over"}


def test_bytes_beyond_a_limit_are_one(world: EscalationWorld) -> None:
    world.execute("INSERT INTO tenants (tenant_id) VALUES ('default')")
    world.execute(
        "INSERT INTO blobs (tenant_id, sha256, size_bytes) VALUES ('default', sha256('x'), 3000)"
    )
    world.set_policy("other_tenants: {limits: {storage: 1Ki}}")

    world.notice()

    (one,) = world.escalations.list()
    assert one.what == "tenant default has 2.93 KiB in the artifact store and may have 1 KiB"


def test_who_acknowledges_stops_further_steps_and_is_kept(world: EscalationWorld) -> None:
    world.obstruct()
    world.notice()
    world.tell(4)

    world.escalations.acknowledge(1, by="ana", comment=" FIRST ends tonight ")

    assert (world.notice(80), world.tell(80)) == ([], [])
    (one,) = world.escalations.list()
    assert (one.acknowledged_by, one.acknowledgement) == ("ana", "FIRST ends tonight")
    assert one.standing.endswith("acknowledged by ana: FIRST ends tonight")


def test_what_cannot_be_acknowledged_is_refused(world: EscalationWorld) -> None:
    world.obstruct()
    world.notice()

    for wrong in ("  ", "x" * 1001):
        with pytest.raises(InvalidAcknowledgement, match="1 to 1000 characters"):
            world.escalations.acknowledge(1, by="ana", comment=wrong)
    for nobody in SHARED_NAMES:
        with pytest.raises(NoAcknowledger, match="nobody in particular"):
            world.escalations.acknowledge(1, by=nobody, comment="x")
    for number in (7, 0, 2**70):
        with pytest.raises(UnknownEscalation):
            world.escalations.acknowledge(number, by="ana", comment="x")
    world.escalations.acknowledge(1, by="ana", comment="x")
    with pytest.raises(NothingToAcknowledge, match="was acknowledged by ana"):
        world.escalations.acknowledge(1, by="ben", comment="x")
    world.limit(3)
    world.notice(1)
    with pytest.raises(NothingToAcknowledge, match="is over"):
        world.escalations.acknowledge(1, by="ben", comment="x")


def test_a_policy_without_steps_tells_nobody(world: EscalationWorld) -> None:
    world.obstruct()
    world.set_policy(f"escalation: []\n{LIMIT % 2}")
    world.notice()

    assert world.tell(1000) == []
    assert len(world.escalations.list()) == 1


def test_what_was_told_cannot_be_changed(world: EscalationWorld) -> None:
    world.obstruct()
    world.notice()
    world.tell(4)

    with pytest.raises(StateConflict):
        world.execute("UPDATE escalation_steps SET told_at = now()")


def test_a_tenant_lists_its_own(world: EscalationWorld) -> None:
    world.obstruct()
    world.notice()

    assert world.escalations.list(tenant="speech") == []
    assert len(world.escalations.list(tenant="default", subject=SECOND)) == 1
