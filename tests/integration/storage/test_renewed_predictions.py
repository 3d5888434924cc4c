"""What attempts will take is looked up again while their sweep goes on."""

import datetime as dt
from collections.abc import Generator
from decimal import Decimal
from typing import Any

import pytest

from governance.quotas.file import QUOTAS
from storage.budgets.predictions import PostgresPredictor
from storage.database import open_pool, transaction
from storage.queue.admissions import PostgresAdmissionDesk
from storage.sweeps.trials import PostgresTrialStore
from sweeps import ids
from sweeps.clock import SystemClock
from sweeps.endings import WITHIN_BUDGETS
from sweeps.ids import AttemptId
from sweeps.specs import TrialSpec
from sweeps.trials import Changes
from tests.factories import a_spec, a_suggestion, a_trial, an_attempt
from tests.integration.storage.spending_world import SpendingWorld
from tests.plugins.postgres import Database


@pytest.fixture
def world(database: Database) -> Generator[SpendingWorld, None, None]:
    with open_pool(database.url) as pool:
        yield SpendingWorld(pool)


def predictions(world: SpendingWorld, *attempts: AttemptId) -> list[tuple[Any, ...]]:
    """Seconds, dollars and hours of GPUs of each."""
    with transaction(world.pool) as connection:
        return [
            row
            for name in attempts
            for row in connection.execute(
                "SELECT predicted_seconds, predicted_usd, predicted_gpu_hours FROM admissions"
                " WHERE attempt_id = %s",
                (name,),
            )
        ]


def test_without_a_budget_who_waits_and_who_runs_is_predicted_anew_too(
    world: SpendingWorld,
) -> None:
    sweep = world.sweep()
    waiting = world.attempt(sweep, admitted=False)
    running = world.attempt(sweep, began=0.5, usd=Decimal(7), gpu_hours=2.0)
    elsewhere = world.attempt(world.sweep("digits-bbbbbbbb"), admitted=False)
    world.attempt(sweep, began=3, ended=2)

    assert world.watch().verdict(sweep) == WITHIN_BUDGETS

    assert predictions(world, waiting, running, elsewhere) == [
        (5400.0, Decimal(3), 1.5),
        (5400.0, Decimal(7), 2.0),  # what was reserved for it stays
        (None, None, None),
    ]


def test_who_goes_on_from_a_rung_keeps_what_was_predicted_for_that(world: SpendingWorld) -> None:
    sweep = world.sweep()
    promoted = world.attempt(sweep, admitted=False)
    world.attempt(sweep, began=3, ended=2)
    with transaction(world.pool) as connection:
        connection.execute(
            "UPDATE attempts SET promoted_sequence = 5 WHERE attempt_id = %s", (promoted,)
        )

    world.watch().verdict(sweep)

    assert predictions(world, promoted) == [(None, None, None)]


def test_what_would_hardly_change_is_not_written_again(world: SpendingWorld) -> None:
    sweep = world.sweep()
    waiting = world.attempt(sweep, admitted=False)
    world.attempt(sweep, began=3, ended=2)
    world.watch().verdict(sweep)
    row = "SELECT xmin::text FROM admissions WHERE attempt_id = %s"
    with transaction(world.pool) as connection:
        before = connection.execute(row, (waiting,)).fetchone()

    world.watch().verdict(sweep)

    with transaction(world.pool) as connection:
        assert connection.execute(row, (waiting,)).fetchone() == before


def test_a_live_trial_of_which_nobody_knew_lets_others_be_estimated_once_one_has_ended(
    world: SpendingWorld,
) -> None:
    world.predictor = PostgresPredictor(world.pool, book=world.budgets.book, clock=SystemClock())
    world.apply(QUOTAS, "other_tenants: {limits: {trials: 2}}")
    desk = PostgresAdmissionDesk(world.pool, world.policies, predict=world.predictor)
    spec = a_spec(tenant="vision", trial=TrialSpec(command=("python",)), max_trials=9)
    sweep = world.sweep(gpus=0)
    lease = PostgresTrialStore(world.pool).take_over(sweep, controller="test")
    numbers = range(1, 6)
    PostgresTrialStore(world.pool).apply(
        sweep,
        lease,
        Changes(
            at=dt.datetime.now(dt.UTC),
            suggestions=tuple(a_suggestion(n) for n in numbers),
            new_trials=tuple(a_trial(n, sweep_id=sweep) for n in numbers),
            new_attempts=tuple(an_attempt(n, sweep_id=sweep) for n in numbers),
        ),
    )
    names = [ids.attempt_id(ids.run_id(sweep, n), 1) for n in numbers]

    def estimates() -> list[bool]:
        """Of those that wait, whether it can be told when they start."""
        with transaction(world.pool) as connection:
            connection.execute("UPDATE scheduling_state SET decided_at = '-infinity'")
        answers = desk.ask(sweep, spec, [name for name in names if name not in ended])
        return [one.starts_at is not None for one in answers.values() if not one.is_admitted]

    ended: set[AttemptId] = set()
    before = estimates()
    with transaction(world.pool) as connection:
        connection.execute(
            "UPDATE attempts SET state = 'ended', exit_reason = 'completed',"
            " started_at = now() - interval '1 hour', ended_at = now() WHERE attempt_id = %s",
            (names[0],),
        )
    ended.add(names[0])
    unpredicted = estimates()
    world.watch().verdict(sweep)

    assert (before, unpredicted) == ([False] * 3, [False] * 2)
    assert estimates() == [True] * 2
