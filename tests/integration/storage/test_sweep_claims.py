"""Who starts a sweep's controller, where, and what becomes of a sweep that has none any more."""

import datetime as dt
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from storage.database import transaction
from storage.policy_store import PolicyStore
from storage.queue.admissions import PostgresAdmissionDesk
from storage.sweeps.claims import SweepClaims
from sweeps import ids
from sweeps.errors import LeaseLost, RunsElsewhere, SweepNotFound
from sweeps.ids import SweepId
from sweeps.states import AttemptState, RunState, SweepState
from sweeps.trials import Changes, ConcludedTrial, SweepChange
from tests.contracts.trial_store_contract import two_trials
from tests.factories import HERE, SWEEP, THERE, a_spec, a_suggestion, a_trial, an_attempt, at
from tests.integration.storage.conftest import PostgresWorld

_OTHER = SweepId("other-bbbbbbbb")


def given_sweep(world: PostgresWorld, sweep_id: SweepId) -> None:
    world.submit(sweep_id, a_spec())


def age(world: PostgresWorld, sweep_id: SweepId, interval: str) -> None:
    """Let the claim of a sweep lie that far back."""
    with transaction(world.pool) as connection:
        connection.execute(
            "UPDATE sweeps SET claimed_at = claimed_at - %s::interval WHERE sweep_id = %s",
            (interval, sweep_id),
        )


def at_once(count: int, call: Callable[[], str | None]) -> list[str | None]:
    """What each of so many threads gets."""
    barrier = threading.Barrier(count)

    def come(_: int) -> str | None:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(come, range(count)))


# Starting


def test_unclaimed_sweeps_come_oldest_first(world: PostgresWorld) -> None:
    names = [SweepId(f"s{n}-aaaaaaaa") for n in range(3)]
    for name in names:
        given_sweep(world, name)
    world.claims.claim(names[0])

    assert world.claims.unclaimed() == tuple(names[1:])
    assert world.claims.unclaimed(limit=1) == (names[1],)


def test_of_eight_who_claim_a_sweep_at_once_one_has_it(world: PostgresWorld) -> None:
    given_sweep(world, SWEEP)

    claims = at_once(8, lambda: world.claims.claim(SWEEP))

    assert len(claims) == 8
    assert len([name for name in claims if name is not None]) == 1
    assert world.catalog.get(SWEEP).state is SweepState.RUNNING


def test_a_claim_that_no_controller_followed_is_void_after_a_minute(world: PostgresWorld) -> None:
    given_sweep(world, SWEEP)
    first = world.claims.claim(SWEEP)
    age(world, SWEEP, "50 seconds")
    too_early = world.claims.claim(SWEEP)
    age(world, SWEEP, "20 seconds")

    listed = world.claims.unclaimed()
    second = world.claims.claim(SWEEP)

    assert too_early is None
    assert listed == (SWEEP,)
    assert second is not None
    assert second != first


def test_a_claim_that_a_dagster_run_followed_stands(world: PostgresWorld) -> None:
    given_sweep(world, SWEEP)
    world.claims.claim(SWEEP)
    world.claims.attach(SWEEP, dagster_run_id="run-1")
    age(world, SWEEP, "1 hour")

    assert world.claims.unclaimed() == ()
    assert world.claims.claim(SWEEP) is None


def test_a_claim_of_an_earlier_version_is_void_after_a_minute_too(world: PostgresWorld) -> None:
    given_sweep(world, SWEEP)
    with transaction(world.pool) as connection:
        connection.execute(
            "UPDATE sweeps SET state = 'running', started_at = now() - INTERVAL '2 minutes'"
        )

    assert world.claims.unclaimed() == (SWEEP,)
    assert world.claims.claim(SWEEP) is not None


def test_the_dagster_run_of_a_sweep_can_be_a_later_one(world: PostgresWorld) -> None:
    given_sweep(world, SWEEP)

    world.claims.attach(SWEEP, dagster_run_id="first")
    world.claims.attach(SWEEP, dagster_run_id="second")

    sweep = world.catalog.get(SWEEP)
    assert sweep.dagster_run_id == "second"
    assert sweep.state is SweepState.RUNNING
    with pytest.raises(SweepNotFound):
        world.claims.attach(_OTHER, dagster_run_id="x")


def test_a_sweep_has_not_started_before_its_first_controller_has_come(
    world: PostgresWorld,
) -> None:
    """Or its deadline would run while it waits in a queue."""
    given_sweep(world, SWEEP)
    world.claims.claim(SWEEP)
    world.claims.attach(SWEEP, dagster_run_id="first")
    queued = world.catalog.get(SWEEP).started_at

    world.store.take_over(SWEEP, controller="first")
    first = world.catalog.get(SWEEP).started_at
    world.store.take_over(SWEEP, controller="second")

    assert queued is None
    assert first is not None
    assert world.catalog.get(SWEEP).started_at == first


# Replacing


def test_of_eight_who_replace_a_failed_dagster_run_at_once_one_does(world: PostgresWorld) -> None:
    given_sweep(world, SWEEP)
    world.claims.attach(SWEEP, dagster_run_id="failed")

    claims = at_once(8, lambda: world.claims.reclaim(SWEEP, dagster_run_id="failed"))

    assert len([name for name in claims if name is not None]) == 1
    assert world.catalog.get(SWEEP).dagster_run_id is None


def test_whoever_dies_before_it_has_replaced_a_dagster_run_is_followed_by_another(
    world: PostgresWorld,
) -> None:
    given_sweep(world, SWEEP)
    world.claims.attach(SWEEP, dagster_run_id="failed")
    world.claims.reclaim(SWEEP, dagster_run_id="failed")
    too_early = world.claims.unclaimed()
    age(world, SWEEP, "2 minutes")

    assert too_early == ()
    assert world.claims.unclaimed() == (SWEEP,)
    assert world.claims.claim(SWEEP) is not None


def test_a_dagster_run_that_controls_nothing_is_not_replaced(world: PostgresWorld) -> None:
    given_sweep(world, SWEEP)
    world.claims.attach(SWEEP, dagster_run_id="another")
    by_another = world.claims.reclaim(SWEEP, dagster_run_id="failed")
    lease = world.store.take_over(SWEEP, controller="c")
    world.store.apply(
        SWEEP, lease, Changes(at=at(1), sweep=SweepChange(state=SweepState.COMPLETED))
    )

    assert by_another is None
    assert world.claims.reclaim(SWEEP, dagster_run_id="another") is None


def test_three_are_replaced_until_a_person_asks_again(world: PostgresWorld) -> None:
    given_sweep(world, SWEEP)

    def fail() -> str | None:
        world.claims.attach(SWEEP, dagster_run_id="failed")
        return world.claims.reclaim(SWEEP, dagster_run_id="failed")

    names = [fail() for _ in range(4)]
    hopeless = world.claims.is_given_up(SWEEP, dagster_run_id="failed")
    world.claims.forgive(SWEEP)

    assert [name is None for name in names] == [False, False, False, True]
    assert len(set(names)) == 4
    assert hopeless
    assert not world.claims.is_given_up(SWEEP, dagster_run_id="failed")
    assert fail() is not None


def test_claims_that_nothing_follows_are_given_up_too(world: PostgresWorld) -> None:
    given_sweep(world, SWEEP)

    names: list[str | None] = []
    hopeless = False
    for _ in range(5):
        names.append(world.claims.claim(SWEEP))
        hopeless = world.claims.is_given_up(SWEEP, dagster_run_id=None)
        age(world, SWEEP, "2 minutes")

    assert [name is None for name in names] == [False, False, False, False, True]
    assert hopeless
    assert world.claims.unclaimed() == ()


# Places


@pytest.fixture
def there(world: PostgresWorld) -> SweepClaims:
    return SweepClaims(world.pool, place=THERE)


def given_live_trials(world: PostgresWorld) -> int:
    """A sweep with live attempts here; its lease."""
    given_sweep(world, SWEEP)
    world.claims.attach(SWEEP, dagster_run_id="run-1")
    lease = world.store.take_over(SWEEP, controller="c")
    world.store.apply(SWEEP, lease, two_trials())
    return lease


def test_a_sweep_with_live_trials_is_controlled_where_they_are(
    world: PostgresWorld, there: SweepClaims
) -> None:
    lease = given_live_trials(world)

    for call in (
        lambda: there.check_place(SWEEP),
        lambda: there.attach(SWEEP, dagster_run_id="run-2"),
    ):
        with pytest.raises(RunsElsewhere, match="home /here on host here") as caught:
            call()
        assert (caught.value.sweep_id, caught.value.place) == (SWEEP, HERE.name)
    world.claims.check_place(SWEEP)
    world.claims.attach(SWEEP, dagster_run_id="run-3")
    assert world.catalog.get(SWEEP).dagster_run_id == "run-3"
    world.store.apply(SWEEP, lease, Changes(at=at(5)))


def test_what_waits_to_be_started_is_left_to_where_its_trials_are(
    world: PostgresWorld, there: SweepClaims
) -> None:
    given_live_trials(world)
    world.claims.reclaim(SWEEP, dagster_run_id="run-1")
    age(world, SWEEP, "2 minutes")

    assert there.unclaimed() == ()
    assert world.claims.unclaimed() == (SWEEP,)


def test_a_sweep_without_live_trials_may_go_on_anywhere_and_then_only_there(
    world: PostgresWorld, there: SweepClaims
) -> None:
    given_sweep(world, SWEEP)
    world.claims.attach(SWEEP, dagster_run_id="run-1")
    former = world.store.take_over(SWEEP, controller="c")

    there.attach(SWEEP, dagster_run_id="run-2")

    with pytest.raises(LeaseLost):  # a trial of the former place would be lost in this one
        world.store.apply(SWEEP, former, two_trials())
    assert world.catalog.get(SWEEP).place == THERE.name
    world.store.apply(SWEEP, world.store.take_over(SWEEP, controller="d"), two_trials())
    with pytest.raises(RunsElsewhere):
        world.claims.check_place(SWEEP)


def test_a_place_that_is_gone_for_good_can_be_left(
    world: PostgresWorld, there: SweepClaims
) -> None:
    lease = given_live_trials(world)

    world.claims.leave_place(SWEEP)  # it is this one: nothing to leave
    world.store.apply(SWEEP, lease, Changes(at=at(5)))
    there.leave_place(SWEEP)

    there.check_place(SWEEP)
    there.attach(SWEEP, dagster_run_id="run-2")
    with pytest.raises(LeaseLost):
        world.store.apply(SWEEP, lease, Changes(at=at(6)))


# Looking after all of a place


def test_sweeps_that_are_under_way_here_are_found_those_first_that_hold_something(
    world: PostgresWorld,
) -> None:
    names = [SweepId(f"digits-{n}") for n in range(5)]
    there = SweepClaims(world.pool, place=THERE)
    for name in names:
        given_sweep(world, name)
    idle, holding, elsewhere, ended, _submitted = names
    for name in (idle, holding, ended):
        world.claims.attach(name, dagster_run_id="run")
    there.attach(elsewhere, dagster_run_id="run")
    world.claims.cancel_abandoned(ended, dagster_run_id="run", reason="gone", ended={})
    lease = world.store.take_over(holding, controller="c")
    world.store.apply(
        holding,
        lease,
        Changes(
            at=at(0),
            suggestions=(a_suggestion(1),),
            new_trials=(a_trial(1, sweep_id=holding),),
            new_attempts=(an_attempt(1, sweep_id=holding),),
        ),
    )
    before = world.claims.under_way()
    spec = a_spec()
    attempt = ids.attempt_id(ids.run_id(holding, 1), 1)
    PostgresAdmissionDesk(world.pool, PolicyStore(world.pool)).ask(holding, spec, [attempt])

    assert before == ((idle, False), (holding, False))
    assert world.claims.under_way() == ((holding, True), (idle, False))
    assert world.claims.under_way(limit=1) == ((holding, True),)
    assert there.under_way() == ((elsewhere, False),)


# Closing


def test_an_abandoned_sweep_is_closed_with_everything_in_it(world: PostgresWorld) -> None:
    given_sweep(world, SWEEP)
    lease = world.store.take_over(SWEEP, controller="c")
    world.store.apply(SWEEP, lease, two_trials())
    done = a_trial(1, state=RunState.COMPLETED, objective=0.5, resource_level=1)
    world.store.apply(
        SWEEP,
        lease,
        Changes(
            at=at(9),
            trials=(done,),
            concluded=(ConcludedTrial(number=1, sequence=3, value=0.5),),
        ),
    )

    was_closed = world.claims.cancel_abandoned(
        SWEEP, dagster_run_id="run-1", reason="terminated in the Dagster UI", ended={}
    )
    again = world.claims.cancel_abandoned(SWEEP, dagster_run_id="run-1", reason="twice", ended={})

    snapshot = world.store.load(SWEEP)
    assert (was_closed, again) == (True, False)
    assert (snapshot.sweep.state, snapshot.sweep.reason) == (
        SweepState.CANCELLED,
        "terminated in the Dagster UI",
    )
    assert snapshot.trials[0] == done
    assert snapshot.trials[1].state is RunState.CANCELLED
    assert snapshot.trials[1].ended_at is not None
    assert {attempt.state for attempt in snapshot.attempts} == {AttemptState.ENDED}
    with pytest.raises(LeaseLost):
        world.store.apply(SWEEP, lease, Changes(at=at(10)))


def test_attempts_of_an_abandoned_sweep_end_when_they_were_gone(world: PostgresWorld) -> None:
    given_sweep(world, SWEEP)
    lease = world.store.take_over(SWEEP, controller="c")
    numbers = range(1, 5)
    world.store.apply(
        SWEEP,
        lease,
        Changes(
            at=at(0),
            suggestions=tuple(a_suggestion(number) for number in numbers),
            new_trials=tuple(a_trial(number) for number in numbers),
            new_attempts=tuple(an_attempt(number) for number in numbers),
        ),
    )
    world.store.apply(
        SWEEP,
        lease,
        Changes(
            at=at(10),
            attempts=tuple(
                an_attempt(number, state=AttemptState.RUNNING, started_at=at(10))
                for number in numbers
            ),
        ),
    )
    live = world.claims.live_attempts(SWEEP)
    gone, before_it_began, in_the_future, alive = live
    now = dt.datetime.now(dt.UTC)

    world.claims.cancel_abandoned(
        SWEEP,
        dagster_run_id="run-1",
        reason="gone",
        ended={
            gone: at(70),
            before_it_began: at(3),
            in_the_future: now + dt.timedelta(days=1),
        },
    )

    ended = {one.attempt_id: one.ended_at for one in world.store.load(SWEEP).attempts}
    assert (ended[gone], ended[before_it_began]) == (at(70), at(10))
    for attempt_id in (in_the_future, alive):
        at_once = ended[attempt_id]
        assert at_once is not None
        assert now <= at_once < now + dt.timedelta(minutes=1)
    assert world.claims.live_attempts(SWEEP) == ()


def test_a_dagster_run_that_is_not_the_sweep_s_own_closes_nothing(world: PostgresWorld) -> None:
    given_sweep(world, SWEEP)
    world.claims.claim(SWEEP)
    world.claims.attach(SWEEP, dagster_run_id="the one")

    by_another = world.claims.cancel_abandoned(
        SWEEP, dagster_run_id="another", reason="gone", ended={}
    )
    state = world.catalog.get(SWEEP).state
    by_its_own = world.claims.cancel_abandoned(
        SWEEP, dagster_run_id="the one", reason="gone", ended={}
    )

    assert (by_another, state, by_its_own) == (False, SweepState.RUNNING, True)


def test_a_closed_sweep_leaves_others_alone(world: PostgresWorld) -> None:
    given_sweep(world, SWEEP)
    given_sweep(world, _OTHER)
    lease = world.store.take_over(_OTHER, controller="c")
    world.store.apply(
        _OTHER,
        lease,
        Changes(
            at=at(0),
            suggestions=(a_suggestion(1),),
            new_trials=(a_trial(1, sweep_id=_OTHER),),
        ),
    )

    world.claims.cancel_abandoned(SWEEP, dagster_run_id="run-1", reason="gone", ended={})

    assert world.store.load(_OTHER).trials[0].state is RunState.PENDING
    assert world.store.load(_OTHER).trials[0].run_id == ids.run_id(_OTHER, 1)


def test_nothing_is_closed_of_a_sweep_that_is_unknown(world: PostgresWorld) -> None:
    assert not world.claims.cancel_abandoned(SWEEP, dagster_run_id="run-1", reason="gone", ended={})
