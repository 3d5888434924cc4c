"""Submitting, finding and steering sweeps."""

from concurrent.futures import ThreadPoolExecutor

import pytest

import storage.queries
from storage.database import transaction
from sweeps.errors import StateConflict, SweepNotFound
from sweeps.ids import SweepId
from sweeps.spaces import Categorical, Constant, Float, Int
from sweeps.specs import SweepSpec
from sweeps.states import RunState, SweepRequest, SweepState
from sweeps.trials import Changes, SweepChange
from tests.factories import (
    LOSS,
    SCORE,
    SWEEP,
    a_space,
    a_spec,
    a_suggestion,
    a_trial,
    at,
    seconds,
)
from tests.integration.storage.conftest import PostgresWorld

_OTHER = SweepId("other-bbbbbbbb")


def given_sweep(world: PostgresWorld, sweep_id: SweepId, **spec: object) -> None:
    world.submit(sweep_id, a_spec(**spec))  # pyright: ignore[reportArgumentType]  defaults of the factory


def give_results(
    world: PostgresWorld, sweep_id: SweepId, values: list[tuple[RunState, float]]
) -> None:
    lease = world.store.take_over(sweep_id, controller="c")
    numbers = range(1, len(values) + 1)
    trials = tuple(
        a_trial(n, sweep_id=sweep_id, state=state, objective=value, resource_level=1)
        for n, (state, value) in zip(numbers, values, strict=True)
    )
    world.store.apply(
        sweep_id,
        lease,
        Changes(
            at=at(0),
            suggestions=tuple(a_suggestion(n) for n in numbers),
            new_trials=tuple(a_trial(n, sweep_id=sweep_id) for n in numbers),
        ),
    )
    world.store.apply(sweep_id, lease, Changes(at=at(9), trials=trials))


# Submitting


def test_a_submission_that_takes_long_holds_up_no_trial_of_its_experiment(
    world: PostgresWorld,
) -> None:
    given_sweep(world, SWEEP)
    lease = world.store.take_over(SWEEP, controller="c")
    database = storage.queries.load("sweeps")
    changes = Changes(at=at(0), suggestions=(a_suggestion(1),), new_trials=(a_trial(1),))
    named = {"tenant_id": "default", "name": a_spec().experiment, "owner": "me", "purpose": "why"}

    with world.pool.connection() as submission:
        submission.execute(database["ensure_experiment"], named)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(world.store.apply, SWEEP, lease, changes).result(timeout=10)

    assert [trial.number for trial in world.store.load(SWEEP).trials] == [1]


def test_the_image_that_is_noted_first_stays(world: PostgresWorld) -> None:
    given_sweep(world, SWEEP)
    world.catalog.submit(
        _OTHER, a_spec(), source_dir="/there", created_by="me", image="r/a:1@sha256:00"
    )
    assert world.catalog.pinned_image(SWEEP) is None

    assert world.catalog.pin_image(SWEEP, "r/a:1@sha256:11") == "r/a:1@sha256:11"
    assert world.catalog.pin_image(SWEEP, "r/a:1@sha256:22") == "r/a:1@sha256:11"

    assert world.catalog.pinned_image(SWEEP) == "r/a:1@sha256:11"
    assert world.catalog.pin_image(_OTHER, "r/a:1@sha256:22") == "r/a:1@sha256:00"
    with pytest.raises(SweepNotFound):
        world.catalog.pin_image(SweepId("nowhere"), "r/a:1@sha256:22")


def test_a_sweep_comes_back_as_it_was_submitted(world: PostgresWorld) -> None:
    spec: SweepSpec = a_spec(
        strategy="bayes",
        objective=SCORE,
        space=a_space(
            lr=Float(low=1e-5, high=1.0, log=True),
            n=Int(low=1, high=9),
            kind=Categorical(choices=("relu", 1, 1.5, True)),
            k=Constant(value="adam"),
        ),
        deadline=seconds(3600),
        trial_timeout=seconds(90.5),
        stalled_after=seconds(60),
    )

    world.submit(SWEEP, spec)

    sweep = world.catalog.get(SWEEP)
    assert sweep.spec == spec
    assert (sweep.state, sweep.requested) == (SweepState.SUBMITTED, SweepRequest.RUN)
    assert (sweep.source_dir, sweep.created_by) == ("/there", "me")
    assert sweep.started_at is sweep.ended_at is sweep.dagster_run_id is None


def test_the_same_name_a_second_time_changes_nothing(world: PostgresWorld) -> None:
    given_sweep(world, SWEEP, max_trials=3)
    before = world.catalog.get(SWEEP)

    given_sweep(world, SWEEP, max_trials=99)

    assert world.catalog.get(SWEEP) == before
    assert len(world.catalog.list()) == 1


def test_sweeps_of_one_experiment_share_it(world: PostgresWorld) -> None:
    given_sweep(world, SWEEP)
    given_sweep(world, _OTHER)

    with transaction(world.pool) as connection:
        row = connection.execute("SELECT count(*) FROM experiments").fetchone()

    assert row == (1,)


def test_an_unknown_sweep_is_not_found(world: PostgresWorld) -> None:
    for call in (
        lambda: world.catalog.get(SWEEP),
        lambda: world.catalog.request(SWEEP, SweepRequest.CANCEL),
    ):
        with pytest.raises(SweepNotFound):
            call()


@pytest.mark.parametrize("later", [SweepRequest.RUN, SweepRequest.PAUSE])
def test_a_cancel_is_not_taken_back(world: PostgresWorld, later: SweepRequest) -> None:
    given_sweep(world, SWEEP)
    world.claims.claim(SWEEP)
    world.catalog.request(SWEEP, SweepRequest.CANCEL)

    with pytest.raises(StateConflict, match="is being cancelled"):
        world.catalog.request(SWEEP, later)
    world.catalog.request(SWEEP, SweepRequest.CANCEL)

    assert world.catalog.get(SWEEP).requested is SweepRequest.CANCEL


def test_a_tenant_does_not_see_another_s_sweeps(world: PostgresWorld) -> None:
    given_sweep(world, SWEEP, tenant="vision")
    given_sweep(world, _OTHER, tenant="speech")

    assert world.catalog.get(SWEEP, tenant_id="vision").spec.tenant == "vision"
    assert [row.sweep_id for row in world.catalog.list(tenant_id="speech")] == [_OTHER]
    with pytest.raises(SweepNotFound):
        world.catalog.get(SWEEP, tenant_id="speech")
    with pytest.raises(SweepNotFound):
        world.catalog.request(SWEEP, SweepRequest.CANCEL, tenant_id="speech")
    assert world.catalog.get(SWEEP).requested is SweepRequest.RUN


# The list


def test_the_list_comes_newest_first_page_by_page(world: PostgresWorld) -> None:
    names = [SweepId(f"s{n}-aaaaaaaa") for n in range(5)]
    for name in names:
        given_sweep(world, name)

    first = world.catalog.list(limit=2)
    second = world.catalog.list(limit=2, before=first[-1].log_position)
    third = world.catalog.list(limit=2, before=second[-1].log_position)

    assert [row.sweep_id for row in (*first, *second, *third)] == names[::-1]


def test_the_list_can_be_narrowed_to_a_state(world: PostgresWorld) -> None:
    given_sweep(world, SWEEP)
    given_sweep(world, _OTHER)
    world.claims.claim(_OTHER)

    assert [r.sweep_id for r in world.catalog.list(state=SweepState.RUNNING)] == [_OTHER]
    assert [r.sweep_id for r in world.catalog.list(state=SweepState.SUBMITTED)] == [SWEEP]


@pytest.mark.parametrize(("objective", "best"), [(LOSS, 0.1), (SCORE, 0.7)])
def test_a_line_of_the_list_sums_a_sweep_up(
    world: PostgresWorld, objective: object, best: float
) -> None:
    given_sweep(world, SWEEP, objective=objective, max_trials=9)
    give_results(
        world,
        SWEEP,
        [
            (RunState.COMPLETED, 0.1),
            (RunState.COMPLETED, 0.7),
            (RunState.STOPPED, 0.3),
            (RunState.FAILED, 99.0 if objective is SCORE else -99.0),
            (RunState.RUNNING, 0.5),
        ],
    )

    (row,) = world.catalog.list()

    assert (row.trials, row.live, row.completed, row.failed) == (5, 1, 3, 1)
    assert (row.best, row.max_trials, row.metric) == (best, 9, "score" if best == 0.7 else "loss")


@pytest.mark.parametrize("objective", [LOSS, SCORE])
def test_what_is_no_number_is_never_the_best(world: PostgresWorld, objective: object) -> None:
    given_sweep(world, SWEEP, objective=objective)
    give_results(
        world,
        SWEEP,
        [
            (RunState.COMPLETED, 0.5),
            (RunState.RUNNING, float("nan")),
            (RunState.RUNNING, float("inf")),
            (RunState.RUNNING, float("-inf")),
        ],
    )

    assert world.catalog.list()[0].best == 0.5


# Steering


@pytest.mark.parametrize("requested", [SweepRequest.PAUSE, SweepRequest.RUN])
def test_what_is_asked_of_a_sweep_waits_for_its_controller(
    world: PostgresWorld, requested: SweepRequest
) -> None:
    given_sweep(world, SWEEP)

    world.catalog.request(SWEEP, requested)

    sweep = world.catalog.get(SWEEP)
    assert (sweep.state, sweep.requested) == (SweepState.SUBMITTED, requested)


def test_a_sweep_that_nobody_started_is_cancelled_at_once(world: PostgresWorld) -> None:
    given_sweep(world, SWEEP)

    world.catalog.request(SWEEP, SweepRequest.CANCEL)

    sweep = world.catalog.get(SWEEP)
    assert (sweep.state, sweep.reason) == (SweepState.CANCELLED, "cancelled before it started")
    assert sweep.ended_at is not None
    assert world.claims.unclaimed() == ()
    assert world.claims.claim(SWEEP) is None


@pytest.mark.parametrize("requested", list(SweepRequest))
@pytest.mark.parametrize("state", [SweepState.COMPLETED, SweepState.FAILED, SweepState.CANCELLED])
def test_an_ended_sweep_cannot_be_steered(
    world: PostgresWorld, state: SweepState, requested: SweepRequest
) -> None:
    given_sweep(world, SWEEP)
    lease = world.store.take_over(SWEEP, controller="c")
    world.store.apply(SWEEP, lease, Changes(at=at(1), sweep=SweepChange(state=state)))

    with pytest.raises(StateConflict) as caught:
        world.catalog.request(SWEEP, requested)

    assert caught.value.current == state
    assert "cannot be" in str(caught.value)
