"""Reruns at the desk, in budgets and in the ledger, and what becomes of those that are left behind."""

import dataclasses
import datetime as dt
from decimal import Decimal

import pytest

from governance.budgets.forecasts import OverBudget
from governance.budgets.predictions import Basis
from storage.database import Pool
from storage.queue.live_attempts import LiveAttempts
from storage.queue.view import QueueView
from sweeps import ids
from sweeps.ids import AttemptId, RunId, SweepId
from sweeps.rerun_demand import RerunDemand, demand_of_trial
from sweeps.specs import SchedulerSpec
from sweeps.states import AttemptState, ExitReason, RunState
from sweeps.trials import Attempt, Exit
from tests.contracts.admission_desk_contract import FIRST, gpu_spec
from tests.factories import a_spec
from tests.integration.storage.rerun_world import ONE_GPU, RerunWorld
from tests.integration.storage.spending_world import SpendingWorld
from tests.integration.storage.test_admission_store import PostgresDeskWorld
from tests.integration.storage.test_ingest_store import TENANT


@pytest.fixture
def world(pool: Pool) -> RerunWorld:
    return RerunWorld(pool)


@pytest.fixture
def demand(world: RerunWorld) -> RerunDemand:
    return world.demand(world.original())


def attempt_of(world: RerunWorld, attempt: AttemptId) -> Attempt:
    (found,) = world.runs.get(ids.run_of(attempt), tenant_id=TENANT).attempts
    return found


def test_a_rerun_waits_for_a_trial_and_a_trial_for_a_rerun(
    world: RerunWorld, demand: RerunDemand
) -> None:
    trials = PostgresDeskWorld(world.pool)
    world.quotas(ONE_GPU)
    (trial,) = trials.write(FIRST, gpu_spec(), 1)
    trials.desk.ask(FIRST, gpu_spec(), [trial])
    rerun = world.create(demand)

    wait = world.desk().ask_for_rerun(rerun, demand)
    trials.end(trial)
    freed = world.desk().ask_for_rerun(rerun, demand)
    (later,) = trials.write(SweepId("digits-cccccccc"), gpu_spec(), 1)
    behind = trials.desk.ask(SweepId("digits-cccccccc"), gpu_spec(), [later])[later]

    assert (wait.is_admitted, wait.place, wait.is_hopeless) == (False, 1, False)
    assert wait.reason == "tenant default may hold 1 GPU at once"
    assert freed.is_admitted
    assert (behind.is_admitted, behind.place) == (False, 1)


def test_what_can_never_be_admitted_is_known_as_that(
    world: RerunWorld, demand: RerunDemand
) -> None:
    world.quotas("other_tenants: {limits: {gpu: 0}}")

    answer = world.desk().ask_for_rerun(world.create(demand), demand)

    assert answer.is_hopeless
    assert "more than it can ever have" in answer.reason


def test_the_queue_shows_what_waits_and_what_is_held(
    world: RerunWorld, demand: RerunDemand
) -> None:
    world.quotas(ONE_GPU)
    view = QueueView(world.pool, world.policies)
    held, waits = world.live(demand), world.create(demand)
    world.desk().ask_for_rerun(waits, demand)

    report = view.report(tenant_id=TENANT)

    (queued,) = report.waiting
    assert (queued.attempt_id, queued.sweep_id, queued.rerun_of) == (waits, None, demand.repeats)
    assert (queued.experiment, queued.owner, queued.gpu) == ("digits", "ana", 1)
    (tenant,) = report.tenants
    assert (tenant.held.trials, tenant.held.gpu) == (1, 1)
    assert set(view.waits([ids.run_of(held), ids.run_of(waits)])) == {ids.run_of(waits)}


def test_what_a_rerun_used_counts_in_fair_share(world: RerunWorld, demand: RerunDemand) -> None:
    world.end(world.live(demand, hours=1))

    world.desk().run_pass()

    rows = world.execute("SELECT owner, experiment, gpu_hours > 0.9 FROM fair_share_usage")
    assert rows == [("ana", "digits", True)]


# Budgets


def test_a_rerun_reserves_what_the_run_took(world: RerunWorld, demand: RerunDemand) -> None:
    world.prices()
    world.budget("{name: march, tenant: default, period: total, max_cost_usd: 4}")
    world.live(demand)
    second = world.create(demand)

    answer = world.desk().ask_for_rerun(second, demand)
    (position,) = world.budgets.all_positions(now=world.now())
    world.gate.check_rerun(demand)  # what others have reserved may come back

    # Of one earlier execution of an hour, half as much again is reserved: $3.06 with its core.
    assert position.reserved.usd == pytest.approx(Decimal("3.06"), abs=Decimal("0.01"))
    assert not answer.is_admitted
    assert answer.reason.startswith("budget march has $0.94 left, it needs $3.06")


def test_at_the_limit_the_refusal_says_which_budget(world: RerunWorld, demand: RerunDemand) -> None:
    world.prices()
    world.budget("{name: ana-week, user: ana, period: total, max_gpu_hours: 2}")
    world.gate.check_rerun(demand)

    world.end(world.live(demand, hours=1))

    with pytest.raises(OverBudget, match=r"ana-week has .* left, and one more trial needs"):
        world.gate.check_rerun(demand)
    world.gate.check_rerun(world.demand(demand.repeats, by="bob"))


def test_a_budget_that_renews_says_when(world: RerunWorld, demand: RerunDemand) -> None:
    world.prices()
    world.budget("{name: month, tenant: default, period: month, max_cost_usd: 0}")

    with pytest.raises(OverBudget, match=r"^budget is spent: month: .*; it renews at 20"):
        world.gate.check_rerun(demand)


def test_without_a_budget_nobody_is_asked(world: RerunWorld, demand: RerunDemand) -> None:
    world.gate.check_rerun(demand)

    assert world.gate.ends_rerun(demand) == ""


def test_a_budget_that_lets_nobody_finish_ends_reruns(
    world: RerunWorld, demand: RerunDemand
) -> None:
    world.prices()
    lasting = "{name: lasting, period: total, tenant: default, max_gpu_hours: 2}"
    strict = (
        "{name: strict, period: total, tenant: default, max_gpu_hours: 2, finish_running: false}"
    )
    world.budget(f"{lasting}, {strict}")
    world.live(demand, hours=1)
    before = world.gate.ends_rerun(demand)
    world.execute("UPDATE attempts SET started_at = started_at - interval '90 minutes'")

    after = world.gate.ends_rerun(demand)

    assert before == ""
    assert after.startswith("budget is spent: strict: 2.5")


def test_a_rerun_is_paid_for_by_who_makes_it_and_by_no_sweep(pool: Pool) -> None:
    sweeps, world = SpendingWorld(pool), RerunWorld(pool)
    sweep = sweeps.sweep(tenant="default", max_gpu_hours=1.5)
    run = ids.run_of(sweeps.attempt(sweep, began=3, ended=2))
    world.budget("{name: ana, user: ana, period: total, max_gpu_hours: 9}")

    world.live(world.demand(run), hours=1)

    found = {one.budget.name: one for one in world.budgets.all_positions(now=world.now())}
    assert found["ana"].spent.gpu_hours == pytest.approx(1, abs=0.01)
    assert found[sweep].spent.gpu_hours == pytest.approx(1, abs=0.01)  # the trial's own hour


@pytest.mark.parametrize("closed", [False, True])
def test_what_has_ended_is_spent_before_and_after_the_ledger_has_it(
    world: RerunWorld, demand: RerunDemand, *, closed: bool
) -> None:
    world.prices()
    world.budget("{name: march, tenant: default, period: total, max_cost_usd: 40}")
    attempt = world.live(demand, hours=2)
    world.execute(
        "UPDATE attempts SET started_at = started_at - interval '2 days',"
        " ended_at = started_at - interval '2 days' + interval '2 hours', state = 'ended',"
        " exit_reason = 'completed' WHERE attempt_id = %s", (attempt,),
    )  # fmt: skip
    if closed:
        today = world.now().date()
        for back in (3, 2, 1):
            day = today - dt.timedelta(days=back)
            world.ledger.replace(day, now=world.now())
            world.ledger.replace_usage(day)

    (position,) = world.budgets.all_positions(now=world.now())

    assert position.spent.usd == pytest.approx(Decimal("4.08"), abs=Decimal("0.001"))
    assert position.spent.gpu_hours == pytest.approx(4 / 2, abs=0.001)


# What it will take


def test_earlier_reruns_count_in_what_it_will_take(world: RerunWorld, demand: RerunDemand) -> None:
    first = world.predictor.of_rerun(demand)
    world.end(world.live(demand, hours=3))
    second = world.predictor.of_rerun(demand)

    assert (first.basis, first.observed, first.seconds) == (Basis.RUN, 1, pytest.approx(3600, 0.01))
    assert (second.observed, second.seconds) == (2, pytest.approx(7200, 0.01))
    assert second.sentence == "from the run that it repeats"


def test_a_trial_that_was_stopped_early_goes_to_the_end(pool: Pool) -> None:
    sweeps, world = SpendingWorld(pool), RerunWorld(pool)
    scheduler = SchedulerSpec(name="asha", max_resource=9)
    sweep = sweeps.sweep(tenant="default", scheduler=scheduler)
    run = ids.run_of(sweeps.attempt(sweep, began=2, ended=1, reason="stopped"))
    world.execute(
        "UPDATE runs SET state = 'stopped', ended_at = now(), resource_level = 3 WHERE run_id = %s",
        (run,),
    )
    spec = a_spec(scheduler=scheduler, trial=gpu_spec().trial)

    found = world.predictor.of_rerun(
        demand_of_trial(spec, repeats=run, tenant_id=TENANT, owner="ana", is_in_cluster=False)
    )

    assert found.basis is Basis.RUN
    # A third of the way took an hour; of one observation half as much again is reserved.
    assert found.upper_seconds == pytest.approx(1.5 * 3 * 3600, rel=0.01)


def test_of_a_trial_that_failed_the_others_of_its_sweep_tell(pool: Pool) -> None:
    sweeps, world = SpendingWorld(pool), RerunWorld(pool)
    sweep = sweeps.sweep(tenant="default")
    run = ids.run_of(sweeps.attempt(sweep, began=2, ended=1.9, reason="script_failed"))
    sweeps.attempt(sweep, began=6, ended=2)

    found = world.predictor.of_rerun(world.demand(run))

    assert (found.basis, found.seconds) == (Basis.SWEEP, pytest.approx(4 * 3600, rel=0.01))


# The ledger


@pytest.mark.parametrize(
    ("reason", "state", "outcome"),
    [
        ("completed", "completed", "completed"),
        ("cancelled", "cancelled", "cancelled"),
        ("script_failed", "failed", "failed"),
    ],
)
def test_the_ledger_of_the_day_has_its_entry_however_it_ended(
    world: RerunWorld, demand: RerunDemand, reason: str, state: str, outcome: str
) -> None:
    world.prices()
    attempt = world.live(demand, hours=2)
    world.end(attempt, reason=reason, state=state)

    for day in world.days():
        world.ledger.replace(day, now=world.now())

    rows = world.execute(
        "SELECT resource, owner, sweep_id, run_id, outcome, round(sum(amount_usd), 2)"
        " FROM cost_entries WHERE attempt_id = %s GROUP BY 1, 2, 3, 4, 5 ORDER BY 1", (attempt,),
    )  # fmt: skip
    run = ids.run_of(attempt)
    assert rows == [
        ("cpu", "ana", None, run, outcome, Decimal("0.08")),
        ("gpu", "ana", None, run, outcome, Decimal("4.00")),
    ]
    for day in world.days():
        assert world.ledger.attempts_without_entry(day).count == 0
        assert world.ledger.entries_without_attempt(day).count == 0
        balance = world.ledger.balance(day)
        assert balance.ledger_usd == pytest.approx(balance.independent_usd, abs=Decimal("0.001"))
        assert balance.greatest_gap < 1e-6


def test_one_that_the_ledger_forgot_is_missing(world: RerunWorld, demand: RerunDemand) -> None:
    attempt = world.live(demand, hours=0.01)
    world.end(attempt)
    for day in world.days():
        world.ledger.replace(day, now=world.now())
    world.execute("DELETE FROM cost_entries")

    missing = [world.ledger.attempts_without_entry(day) for day in world.days()]

    assert attempt in {name for strays in missing for name in strays.first}
    assert world.ledger.behind(since=world.days()[0], until=world.days()[-1])


def test_one_that_never_started_costs_nothing(world: RerunWorld, demand: RerunDemand) -> None:
    attempt = world.create(demand)
    world.desk().ask_for_rerun(attempt, demand)
    world.end(attempt, reason="cancelled", state="cancelled")

    for day in world.days():
        assert world.ledger.replace(day, now=world.now()).entries == 0
        assert world.ledger.attempts_without_entry(day).count == 0


# Rows


def test_an_attempt_that_somebody_has_ended_stays_as_it_is(
    world: RerunWorld, demand: RerunDemand
) -> None:
    attempt = world.live(demand)
    seen = attempt_of(world, attempt)

    def ended(reason: ExitReason) -> Attempt:
        return Attempt(
            attempt_id=attempt, run_id=seen.run_id, number=1, created_at=seen.created_at,
            started_at=seen.started_at, ended_at=world.now(), state=AttemptState.ENDED,
            exit=Exit(reason=reason, message="a \x00 byte"),
        )  # fmt: skip

    assert world.reruns.beat(attempt)
    assert world.reruns.note_attempt(ended(ExitReason.LOST))
    assert not world.reruns.note_attempt(ended(ExitReason.COMPLETED))
    assert not world.reruns.beat(attempt)

    found = attempt_of(world, attempt).exit
    assert found is not None
    assert (found.reason, found.message) == (ExitReason.LOST, "a \N{REPLACEMENT CHARACTER} byte")


def test_one_that_found_no_place_is_queued_again(world: RerunWorld, demand: RerunDemand) -> None:
    run = ids.run_of(world.create(demand))
    states: list[tuple[RunState, bool]] = []

    def look() -> None:
        found = world.runs.get(run, tenant_id=TENANT).run
        states.append((found.state, found.started_at is not None))

    look()
    world.reruns.start(run)
    look()
    world.reruns.queue(run, reason="2 of 2 cores in use")
    look()

    assert states == [(RunState.QUEUED, False), (RunState.RUNNING, True), (RunState.QUEUED, False)]


def test_a_rerun_lives_by_the_row_of_its_attempt(world: RerunWorld, demand: RerunDemand) -> None:
    live, attempt = LiveAttempts(world.pool), world.live(demand)
    before = live.among([attempt])

    world.execute("UPDATE attempts SET state = 'ended', ended_at = now()")

    assert before == {attempt}
    assert live.among([attempt]) == set()


# Who is left behind


def test_who_dies_while_it_waits_gives_its_place_back(
    world: RerunWorld, demand: RerunDemand
) -> None:
    world.quotas(ONE_GPU)
    dead = world.create(demand)
    assert world.desk().ask_for_rerun(dead, demand).is_admitted
    other = world.create(demand)
    assert not world.desk().ask_for_rerun(other, demand).is_admitted

    world.go_silent(dead, minutes=11)

    assert world.desk().ask_for_rerun(other, demand).is_admitted
    world.go_silent(dead, minutes=16)
    assert world.keep_up() == (ids.run_of(dead),)
    assert world.runs.get(ids.run_of(dead), tenant_id=TENANT).run.state is RunState.FAILED
    assert attempt_of(world, dead).started_at is None


def test_who_dies_while_it_runs_holds_on_until_its_script_has_ended(
    world: RerunWorld, demand: RerunDemand
) -> None:
    world.quotas(ONE_GPU)
    left = world.live(demand, hours=1)
    other = world.create(demand)
    world.go_silent(left, minutes=5)
    still = world.keep_up(), world.desk().ask_for_rerun(other, demand).is_admitted

    world.execute(
        "UPDATE runs SET state = 'completed', ended_at = now() - interval '2 minutes'"
        " WHERE run_id = %s", (ids.run_of(left),),
    )  # fmt: skip
    ended = world.keep_up()

    assert still == ((), False)
    assert ended == (ids.run_of(left),)
    found = attempt_of(world, left)
    assert found.exit is not None
    assert found.exit.reason is ExitReason.COMPLETED
    assert found.ended_at == world.runs.get(found.run_id, tenant_id=TENANT).run.ended_at
    assert world.desk().ask_for_rerun(other, demand).is_admitted


def test_one_of_which_nothing_is_heard_has_cost_what_it_held_until_then(
    world: RerunWorld, demand: RerunDemand
) -> None:
    left = world.live(demand, hours=1)
    world.go_silent(left, minutes=16)

    assert world.keep_up() == (ids.run_of(left),)

    found = attempt_of(world, left)
    assert found.exit is not None
    assert found.exit.reason is ExitReason.LOST
    assert found.started_at is not None
    assert found.ended_at is not None
    assert (found.ended_at - found.started_at).total_seconds() == pytest.approx(44 * 60, abs=5)


def heard_again(world: RerunWorld, attempt: AttemptId) -> None:
    """Its script says that it lives."""
    world.runs.beat(ids.run_of(attempt), tenant_id=TENANT)


def test_one_that_is_heard_of_again_holds_what_it_held_all_the_while(
    world: RerunWorld, demand: RerunDemand
) -> None:
    world.quotas(ONE_GPU)
    left = world.live(demand, hours=1)
    began = attempt_of(world, left).started_at
    world.go_silent(left, minutes=16)
    world.keep_up()
    world.desk().run_pass()  # what it used until then counts in shares

    heard_again(world, left)

    again = attempt_of(world, left)
    assert (again.state, again.started_at) == (AttemptState.RUNNING, began)
    assert (again.ended_at, again.exit) == (None, None)
    other = world.create(demand)
    assert not world.desk().ask_for_rerun(other, demand).is_admitted
    world.end(left)
    assert world.desk().ask_for_rerun(other, demand).is_admitted
    ((hours,),) = world.execute("SELECT sum(gpu_hours) FROM fair_share_usage")
    assert hours == pytest.approx(1, abs=0.01)  # and not once more what had been counted


def test_days_that_were_written_while_it_was_given_up_are_behind(
    world: RerunWorld, demand: RerunDemand
) -> None:
    world.prices()
    left = world.live(demand, hours=30)
    world.go_silent(left, minutes=26 * 60)
    world.keep_up()
    first, today = attempt_of(world, left).started_at, world.now().date()
    assert first is not None
    days = [first.date() + dt.timedelta(days=n) for n in range((today - first.date()).days + 1)]
    for day in days:
        world.ledger.replace(day, now=world.now())
    over = world.ledger.behind(since=days[0], until=days[-2])

    heard_again(world, left)
    behind = world.ledger.behind(since=days[0], until=days[-2])
    for day in days:
        world.ledger.replace(day, now=world.now())

    assert (over, behind) == ([], days[:-1])
    assert world.ledger.behind(since=days[0], until=days[-2]) == []
    ((hours,),) = world.execute("SELECT sum(quantity) FROM cost_entries WHERE resource = 'gpu'")
    assert hours == pytest.approx(30, abs=0.01)


def test_what_its_launcher_says_of_its_end_is_what_it_costs(
    world: RerunWorld, demand: RerunDemand
) -> None:
    left = world.live(demand, hours=1)
    world.go_silent(left, minutes=16)
    world.keep_up()
    guessed = attempt_of(world, left)
    ended = Attempt(
        attempt_id=left, run_id=guessed.run_id, number=1, created_at=guessed.created_at,
        started_at=guessed.started_at, ended_at=world.now(), state=AttemptState.ENDED,
        exit=Exit(reason=ExitReason.LOST, signal=15),
    )  # fmt: skip

    for later in (0, 5):
        at = ended.ended_at
        assert at is not None
        told = dataclasses.replace(ended, ended_at=at + dt.timedelta(minutes=later))
        assert not world.reruns.note_attempt(told)

    found = attempt_of(world, left)
    assert guessed.ended_at is not None
    assert found.ended_at == ended.ended_at  # told once
    assert found.exit is not None
    assert found.exit.signal == 15
    heard_again(world, left)  # by what it had left in its spool
    assert attempt_of(world, left).state is AttemptState.ENDED


def test_what_its_script_said_of_its_end_stays_when_something_is_heard_later(
    world: RerunWorld, demand: RerunDemand
) -> None:
    left = world.live(demand, hours=1)
    world.go_silent(left, minutes=5)
    world.execute(
        "UPDATE runs SET state = 'completed', ended_at = now() WHERE run_id = %s",
        (ids.run_of(left),),
    )
    world.keep_up()

    heard_again(world, left)

    assert attempt_of(world, left).state is AttemptState.ENDED


def test_a_script_that_nobody_saw_start_has_run_when_it_was_heard(
    world: RerunWorld, demand: RerunDemand
) -> None:
    heard, unheard = world.create(demand), world.create(demand)
    for attempt in (heard, unheard):
        world.desk().ask_for_rerun(attempt, demand)
        world.reruns.start(ids.run_of(attempt))
    run = ids.run_of(heard)
    world.execute(
        "INSERT INTO writers (run_id, writer_id, watermark, updated_at) VALUES (%s, 'w', 1, now())",
        (run,),
    )
    for attempt in (heard, unheard):
        world.go_silent(attempt, minutes=5)
        world.execute(
            "UPDATE runs SET state = 'failed', ended_at = now() - interval '2 minutes',"
            " started_at = now() - interval '1 hour' WHERE run_id = %s", (ids.run_of(attempt),),
        )  # fmt: skip

    world.keep_up()

    found = attempt_of(world, heard)
    assert found.started_at == world.runs.get(run, tenant_id=TENANT).run.started_at
    assert found.exit is not None
    assert found.exit.reason is ExitReason.SCRIPT_FAILED
    assert attempt_of(world, unheard).started_at is None


def test_who_is_there_ends_its_attempt_itself(world: RerunWorld, demand: RerunDemand) -> None:
    attempt = world.live(demand)
    world.reruns.beat(attempt)
    world.execute(
        "UPDATE runs SET state = 'completed', ended_at = now() WHERE run_id = %s",
        (ids.run_of(attempt),),
    )

    assert world.keep_up() == ()


def test_attempts_of_sweeps_are_their_controllers(pool: Pool) -> None:
    sweeps, world = SpendingWorld(pool), RerunWorld(pool)
    run = RunId(ids.run_of(sweeps.attempt(sweeps.sweep(tenant="default"), began=1)))
    world.execute(
        "UPDATE runs SET state = 'failed', ended_at = now() - interval '1 hour' WHERE run_id = %s",
        (run,),
    )

    assert world.keep_up() == ()
