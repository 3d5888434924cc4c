"""Facts of reports, read from PostgreSQL."""

import datetime as dt
import importlib.resources
import math
import random
from collections.abc import Generator
from decimal import Decimal

import pytest

from governance.cost.entries import Outcome, outcome
from governance.cost.trials import saved_by_stopping
from governance.periods import Period
from governance.quotas.file import parse_quotas
from governance.reports.bargains import front
from governance.reports.model import Scope
from governance.reports.rows import Priced
from storage.database import Pool, open_pool
from storage.reports.facts import PostgresReportFacts
from sweeps.ids import SweepId
from sweeps.objectives import Direction
from sweeps.specs import SchedulerSpec
from sweeps.states import ExitReason, RunState
from tests.factories import a_spec, a_trial
from tests.integration.storage.cost_world import DAY as COST_DAY
from tests.integration.storage.cost_world import CostWorld
from tests.integration.storage.report_world import BEFORE, WEEK, WITHIN, ReportWorld
from tests.plugins.postgres import Database

ALL = Scope()


@pytest.fixture
def pool(database: Database) -> Generator[Pool, None, None]:
    with open_pool(database.url, max_size=2) as pool:
        yield pool


@pytest.fixture
def world(pool: Pool) -> ReportWorld:
    return ReportWorld(pool)


@pytest.fixture
def facts(pool: Pool) -> PostgresReportFacts:
    return PostgresReportFacts(pool)


def test_money_is_read_by_whom_and_when_it_was_spent(
    world: ReportWorld, facts: PostgresReportFacts
) -> None:
    world.sweep("a")
    world.sweep("b", tenant="vision", experiment="words")
    world.trial("a", 1, cost="1.25")
    world.trial("a", 2, cost="2.50", at=BEFORE)
    world.trial("b", 1, cost="4")
    world.pay("a-00001", "0.5", outcome="idle", is_waste=True, key="gpu/idle")
    world.pay("a-00001", None, key="cpu")
    world.summed()

    found = facts.spent(ALL, WEEK)

    assert [(row.tenant, row.experiment, row.sweep_id, row.amount_usd) for row in found] == [
        ("default", "digits", "a", Decimal("1.75")),
        ("vision", "words", "b", Decimal(4)),
    ]
    assert (found[0].waste_usd, found[0].unpriced) == (Decimal("0.5"), 1)
    assert (found[0].gpu_hours, found[0].idle_gpu_hours) == (3.0, 1.0)
    before = facts.spent(ALL, WEEK.previous)
    assert [row.amount_usd for row in before] == [Decimal("2.5")]
    (day,) = facts.spent_by_day(Scope(tenant="default"), WEEK)
    assert (day.day.isoformat(), day.amount_usd) == ("2025-06-18", Decimal("1.75"))


@pytest.mark.parametrize(
    ("scope", "sweeps"),
    [
        (Scope(), ["a", "b", "c"]),
        (Scope(tenant="default"), ["a", "b"]),
        (Scope(tenant="default", experiment="digits"), ["a"]),
        (Scope(sweep_id="c"), ["c"]),
        (Scope(tenant="default", sweep_id="c"), []),
        (Scope(tenant="nobody"), []),
    ],
)
def test_every_fact_keeps_to_its_scope(
    world: ReportWorld, facts: PostgresReportFacts, scope: Scope, sweeps: list[str]
) -> None:
    world.sweep("a", experiment="digits")
    world.sweep("b", experiment="words")
    world.sweep("c", tenant="vision", experiment="digits")
    for sweep_id in "abc":
        for number in (1, 2, 3, 4, 5, 6):
            world.trial(
                sweep_id, number, params={"act": "relu" if number < 6 else "tanh"},
                state="stopped" if number == 6 else "completed", level=1, exit_reason="script_failed",
            )  # fmt: skip
    world.summed()
    n = len(sweeps)

    assert sorted(row.sweep_id for row in facts.spent(scope, WEEK)) == sweeps
    assert sum(row.amount_usd for row in facts.spent_by_day(scope, WEEK)) == 6 * n
    assert sum(row.amount_usd for row in facts.spent_by_outcome(scope, WEEK)) == 6 * n
    assert sorted(row.sweep_id for row in facts.repeated(scope, WEEK)) == sweeps
    assert sorted(row.sweep_id for row in facts.stopped_early(scope, WEEK)) == sweeps
    assert sorted(row.sweep_id for row in facts.fronts(scope, WEEK)) == sweeps
    assert sum(row.runs_ended for row in facts.activity(scope, WEEK)) == 6 * n
    assert sum(row.sweeps_submitted for row in facts.activity(scope, WEEK)) == n
    assert sum(row.attempts for row in facts.failure_reasons(scope, WEEK)) == 6 * n
    assert sum(row.attempts for row in facts.attempts_ended(scope, WEEK)) == 6 * n
    assert sum(row.attempts for row in facts.waits(scope, WEEK)) == 6 * n
    tried = facts.parameter_outcomes(scope, WEEK)
    assert sum(row.runs for row in tried.values) == 5 * n
    assert sum(row.runs for row in tried.configurations) == 5 * n


def test_outcomes_of_the_ledger_are_told_apart(
    world: ReportWorld, facts: PostgresReportFacts
) -> None:
    world.sweep("a")
    world.trial("a", 1, cost="1")
    world.trial("a", 2, cost="2", state="failed", objective=None)
    world.pay("a-00001", "0.25", outcome="idle", is_waste=True, key="gpu/idle")

    found = {(row.outcome, row.is_waste): row for row in facts.spent_by_outcome(ALL, WEEK)}

    assert {key: row.amount_usd for key, row in found.items()} == {
        ("completed", False): Decimal(1),
        ("failed", False): Decimal(2),
        ("idle", True): Decimal("0.25"),
    }
    assert found["idle", True].gpu_hours == 1.0


def test_configurations_that_were_tried_again_are_counted_but_the_first(
    world: ReportWorld, facts: PostgresReportFacts
) -> None:
    world.sweep("a")
    world.sweep("b")
    world.sweep("e", kind="evaluation")
    same = {"lr": 0.1, "act": "relu"}
    for number, (params, cost) in enumerate(
        [(same, "1"), ({"act": "relu", "lr": 0.1}, "2"), ({"lr": 0.2}, "4"), (same, "8")], 1
    ):
        world.trial("a", number, params=params, cost=cost)
        world.trial("e", number, params=params, cost=cost)
    world.trial("b", 1, params=same, cost="16")
    world.summed()

    (found,) = facts.repeated(ALL, WEEK)

    assert (found.sweep_id, found.trials, found.amount_usd) == ("a", 2, Decimal(10))


def test_early_stopping_saves_the_levels_that_were_not_trained(
    world: ReportWorld, facts: PostgresReportFacts
) -> None:
    world.sweep("a", max_resource=27)
    world.trial("a", 1, state="stopped", level=3, cost="2")  # saves 2 * (27/3 - 1) = 16
    world.trial("a", 2, state="stopped", level=9, cost="3")  # saves 3 * (27/9 - 1) = 6
    world.trial("a", 3, state="stopped", level=None, cost="1")
    world.trial("a", 4, state="stopped", level=1, cost=None)
    world.trial("a", 5, state="completed", level=27, cost="9")
    world.trial("a", 6, state="stopped", level=1, cost="5", at=BEFORE)
    world.sweep("b")
    world.trial("b", 1, state="completed", level=10)
    world.trial("b", 2, state="stopped", level=4, cost="2")  # saves 2 * (10/4 - 1) = 3

    a, b = facts.stopped_early(ALL, WEEK)

    assert (a.trials, a.unknown, a.amount_usd) == (4, 2, Decimal(5))
    assert a.saved_usd == pytest.approx(Decimal(22))
    assert (b.trials, b.unknown, b.saved_usd) == (1, 0, pytest.approx(Decimal(3)))


@pytest.mark.parametrize("max_resource", [None, 27])
def test_a_sweep_is_said_to_have_saved_the_same_by_its_own_costs(
    world: ReportWorld, facts: PostgresReportFacts, max_resource: int | None
) -> None:
    world.sweep("a", max_resource=max_resource)
    levels_and_costs = [(10, "9"), (4, "2"), (3, "1"), (None, "1"), (2, None)]
    trials = [
        a_trial(
            number,
            sweep_id=SweepId("a"),
            resource_level=level,
            state=RunState.COMPLETED if number == 1 else RunState.STOPPED,
        )
        for number, (level, _) in enumerate(levels_and_costs, start=1)
    ]
    for trial, (level, cost) in zip(trials, levels_and_costs, strict=True):
        world.trial("a", trial.number, state=str(trial.state), level=level, cost=cost)
    spent = {
        trial.run_id: Decimal(cost)
        for trial, (_, cost) in zip(trials, levels_and_costs, strict=True)
        if cost is not None
    }

    (reported,) = facts.stopped_early(ALL, WEEK)
    saving = saved_by_stopping(
        trials, spent=spent, scheduler=SchedulerSpec(max_resource=max_resource)
    )

    assert saving is not None
    assert saving.usd > 0
    assert saving.usd == pytest.approx(reported.saved_usd)
    assert (saving.trials, saving.uncounted) == (reported.trials - reported.unknown, 2)


def test_a_trial_that_went_beyond_the_last_level_saved_nothing(
    world: ReportWorld, facts: PostgresReportFacts
) -> None:
    world.sweep("a", max_resource=9)
    world.trial("a", 1, state="stopped", level=12)

    (found,) = facts.stopped_early(ALL, WEEK)

    assert found.saved_usd == 0


@pytest.mark.parametrize("direction", list(Direction))
def test_the_database_finds_the_same_front_as_we_do(
    world: ReportWorld, facts: PostgresReportFacts, direction: Direction
) -> None:
    dice = random.Random(7)
    world.sweep("a", direction=direction)
    trials: list[Priced] = []
    for number in range(1, 60):
        objective = dice.choice([0.1, 0.5, 0.5, 0.9, math.nan, math.inf, -math.inf, dice.random()])
        cost = Decimal(dice.choice(["0", "1", "1", "2.5", f"{dice.random():.6f}"]))
        state = dice.choice(["completed", "stopped", "failed"])
        world.trial("a", number, objective=objective, cost=str(cost), state=state)
        if state != "failed":
            trials.append(Priced(number=number, objective=objective, cost_usd=cost))

    (found,) = facts.fronts(ALL, WEEK)

    assert list(found.front) == front(trials, direction)
    assert found.direction is direction
    assert found.trials == sum(math.isfinite(one.objective) for one in trials)


def test_what_a_trial_cost_is_all_of_its_attempts_whenever_they_ran(
    world: ReportWorld, facts: PostgresReportFacts
) -> None:
    world.sweep("a")
    run = world.trial("a", 1, cost="1")
    world.pay(run, "2", at=BEFORE)
    unpriced = world.trial("a", 2, cost="1")
    world.pay(unpriced, None, key="cpu")
    world.trial("a", 3, cost=None)

    (found,) = facts.fronts(ALL, WEEK)

    assert [(one.number, one.cost_usd) for one in found.front] == [(1, Decimal(3))]
    assert (found.trials, found.unpriced) == (3, 2)


def test_configurations_are_found_by_sweep_and_number(
    world: ReportWorld, facts: PostgresReportFacts
) -> None:
    world.sweep("a")
    world.trial("a", 1, params={"lr": 0.1})
    world.trial("a", 2, params={"lr": 0.2})

    assert facts.configurations([("a", 2), ("a", 9)]) == {("a", 2): {"lr": 0.2}}
    assert facts.configurations([]) == {}


def test_work_is_told_by_who_owns_it(world: ReportWorld, facts: PostgresReportFacts) -> None:
    world.sweep("a", owner="ana")
    world.sweep("b", owner="ben", at=BEFORE)
    world.trial("a", 1)
    world.trial("a", 2, state="failed")
    world.trial("b", 1, state="stopped")

    ana, ben = facts.activity(ALL, WEEK)

    assert (ana.owner, ana.sweeps_submitted, ana.completed, ana.failed) == ("ana", 1, 1, 1)
    assert (ben.owner, ben.sweeps_submitted, ben.stopped, ben.runs_ended) == ("ben", 0, 1, 1)


def test_waiting_and_bad_ends_are_counted(world: ReportWorld, facts: PostgresReportFacts) -> None:
    world.sweep("a")
    for number, seconds in enumerate([1, 2, 3, 4, 100], 1):
        world.trial("a", number, waited=seconds, exit_reason="out_of_memory" if number == 5 else "completed")  # fmt: skip

    (waits,) = facts.waits(ALL, WEEK)
    (reason,) = facts.failure_reasons(ALL, WEEK)

    assert (waits.attempts, waits.median_seconds, waits.longest_seconds) == (5, 3.0, 100.0)
    assert waits.p95_seconds == pytest.approx(80.8)
    assert (reason.reason, reason.attempts, reason.runs) == ("out_of_memory", 1, 1)


def test_what_was_held_at_once_is_counted_step_by_step(
    world: ReportWorld, facts: PostgresReportFacts
) -> None:
    world.sweep("a")
    hour = dt.timedelta(hours=1)
    start = WEEK.start
    held = [
        (2, start - hour, start + 2 * hour),  # two hours of it within the week
        (4, start + hour, start + 3 * hour),
        (0, start + hour, start + 4 * hour),
        (2, start + 3 * hour, start + 5 * hour),  # begins when another ends: never at once
        (1, WEEK.end - hour, WEEK.end + hour),
        (8, WEEK.end, WEEK.end + hour),
        (8, start - 2 * hour, start),
    ]
    for number, (gpus, since, until) in enumerate(held, 1):
        world.admit(world.trial("a", number), gpus=gpus, since=since, until=until, waited=number)
    world.admit(world.trial("a", 9), gpus=8, since=None, until=None)

    (found,) = facts.held(ALL, WEEK)

    assert (found.most_gpus, found.hours_at_most_gpus) == (6, pytest.approx(1.0))
    assert (found.most_trials, found.hours_at_most_trials) == (3, pytest.approx(1.0))
    assert found.gpu_hours == pytest.approx(2 * 2 + 4 * 2 + 2 * 2 + 1)
    assert (found.waiting, found.longest_wait_seconds) == (1, 6.0)


def test_the_quotas_are_those_that_hold_now(facts: PostgresReportFacts) -> None:
    assert facts.quotas() == parse_quotas(
        (importlib.resources.files("governance.policies") / "quotas.yaml").read_text(),
        source="quotas.yaml",
    )


def test_what_was_deleted_is_counted_by_rule(
    world: ReportWorld, facts: PostgresReportFacts
) -> None:
    for n, (tenant, at) in enumerate(
        [("default", WITHIN), ("default", WITHIN), ("default", BEFORE), ("vision", WITHIN)]
    ):
        world.rows(
            "INSERT INTO deletions (plan_id, kind, tenant_id, experiment, sweep_id, run_id, name, rule,"
            " size_bytes, deleted_at) VALUES (1, 'artifact', %s, 'digits', 'a', 'r', %s, 'old', 10, %s)",
            tenant, f"f{n}", at,
        )  # fmt: skip

    (found,) = facts.deleted(Scope(tenant="default", experiment="digits"), WEEK)

    assert (found.kind, found.rule, found.things, found.size_bytes) == ("artifact", "old", 2, 20)
    assert len(facts.deleted(ALL, WEEK)) == 2
    assert facts.deleted(Scope(sweep_id="b"), WEEK) == []


def test_models_that_moved_and_evaluations_that_ended_are_found(
    world: ReportWorld, facts: PostgresReportFacts
) -> None:
    world.sweep("a")
    run = world.trial("a", 1)
    world.rows(
        "INSERT INTO evaluations (evaluation_id, tenant_id, run_id, number, state, requested_by,"
        " ended_at) VALUES ('e1', 'default', %s, 1, 'rejected', 'ana', %s),"
        " ('e2', 'default', %s, 2, 'rejected', 'ana', %s)",
        run, WITHIN, run, BEFORE,
    )  # fmt: skip

    (found,) = facts.evaluations_ended(Scope(experiment="digits"), WEEK)

    assert (found.tenant, found.state, found.evaluations) == ("default", "rejected", 1)
    assert facts.evaluations_ended(Scope(sweep_id="b"), WEEK) == []
    assert facts.models_moved(ALL, WEEK) == []


def test_without_any_ledger_all_days_since_the_first_attempt_are_missing(
    world: ReportWorld, facts: PostgresReportFacts
) -> None:
    world.sweep("a")
    run = world.trial("a", 1)
    world.rows("DELETE FROM cost_entries")
    world.rows("DELETE FROM attempts")
    began = WEEK.start + dt.timedelta(days=4, hours=3)
    world.rows(
        "INSERT INTO attempts (attempt_id, run_id, number, created_at, started_at, ended_at)"
        " VALUES ('a-1-a9', %s, 9, %s, %s, %s)",
        run, began, began, began + dt.timedelta(hours=1),
    )  # fmt: skip

    missing = facts.days_not_in_ledger(WEEK)

    assert missing == [WEEK.first + dt.timedelta(days=n) for n in (4, 5, 6)]


def test_days_that_the_ledger_lacks_are_found_since_it_began(
    world: ReportWorld, facts: PostgresReportFacts
) -> None:
    assert facts.days_not_in_ledger(WEEK) == []
    day = dt.timedelta(days=1)
    for n, share in ((1, 1.0), (2, 0.5), (4, 1.0), (5, 1.0), (6, 1.0)):
        first = WEEK.first + n * day
        world.rows(
            "INSERT INTO cost_days (day, covered_until, price_version, entries) VALUES (%s, %s, 1, 0)",
            first, WEEK.start + (n + share) * day,
        )  # fmt: skip

    assert facts.days_not_in_ledger(WEEK) == [WEEK.first + 2 * day, WEEK.first + 3 * day]
    this_month = Period.MONTH.span(dt.datetime.now(dt.UTC).date())
    assert dt.datetime.now(dt.UTC).date() not in facts.days_not_in_ledger(this_month)


def test_the_newest_page_and_what_was_said_last_are_what_was_learnt(
    world: ReportWorld, facts: PostgresReportFacts
) -> None:
    for sweep_id in ("a", "b", "c"):
        world.sweep(sweep_id, at=BEFORE if sweep_id == "c" else WITHIN)
        for version in (1, 2):
            world.rows(
                "INSERT INTO graveyard_entries (sweep_id, version, tenant_id, title, markdown, digest,"
                " proposal, importance, advice) VALUES (%s, %s, 'default', %s, '', '', %s, '{}', '[]')",
                sweep_id, version, f"{sweep_id} {version}", f"perhaps {version}",
            )  # fmt: skip
    for text in ("first", "last"):
        world.rows(
            "INSERT INTO takeaways (tenant_id, sweep_id, text, confirmed_by)"
            " VALUES ('default', 'a', %s, 'ana')",
            text,
        )

    found = facts.learnt(Scope(tenant="default"), WEEK)

    assert [(one.sweep_id, one.title, one.takeaway, one.confirmed_by) for one in found] == [
        ("a", "a 2", "last", "ana"),
        ("b", "b 2", "perhaps 2", None),
    ]


def test_an_attempt_over_midnight_counts_once_where_it_ended(pool: Pool) -> None:
    costs = CostWorld(pool)
    sweep_id = costs.sweep()
    for number, start, end, reason, state in (
        (1, -20, 30, "script_failed", "failed"),  # three days
        (2, 1, 2, "completed", "completed"),
        (3, -1, 24 * 7, "preempted", "cancelled"),  # into the next week
    ):
        run_id = costs.run(sweep_id, number)
        costs.attempt(run_id, start, end, reason=reason)
        costs.end_run(run_id, state)
    for day in range(-1, 8):
        costs.replace(COST_DAY + dt.timedelta(days=day))
    facts, week = PostgresReportFacts(pool), Period.WEEK.span(COST_DAY)

    (found,) = facts.spent(ALL, week)
    (after,) = facts.spent(ALL, Period.WEEK.span(COST_DAY + dt.timedelta(days=7)))

    assert (found.attempts, found.failed_attempts) == (2, 1)
    assert (after.attempts, after.failed_attempts) == (1, 1)
    assert found.attempts == sum(row.attempts for row in facts.attempts_ended(ALL, week))


def test_who_has_nothing_in_the_ledger_has_attempts_all_the_same(pool: Pool) -> None:
    costs = CostWorld(pool)
    run_id = costs.run(costs.sweep(), 1)
    costs.attempt(run_id, 1, 2)
    costs.end_run(run_id, "completed")

    (found,) = PostgresReportFacts(pool).spent(ALL, Period.WEEK.span(COST_DAY))

    assert (found.owner, found.attempts, found.amount_usd) == (a_spec().owner, 1, 0)


@pytest.mark.parametrize("state", ["completed", "stopped", "failed", "cancelled"])
@pytest.mark.parametrize("reason", list(ExitReason))
def test_attempts_are_counted_as_the_ledger_would_call_them(
    world: ReportWorld, facts: PostgresReportFacts, state: str, reason: ExitReason
) -> None:
    world.sweep("a")
    world.trial("a", 1, state=state, exit_reason="script_failed")
    world.rows(
        "INSERT INTO attempts (attempt_id, run_id, number, state, created_at, started_at, ended_at,"
        " exit_reason) VALUES ('a-00001-a2', 'a-00001', 2, 'ended', %s, %s, %s, %s)",
        WITHIN, WITHIN, WITHIN + dt.timedelta(days=1), reason,
    )  # fmt: skip

    found = {row.day: (row.outcome, row.attempts) for row in facts.attempts_ended(ALL, WEEK)}

    assert found == {
        WITHIN.date(): (Outcome.FAILED, 1),
        WITHIN.date() + dt.timedelta(days=1): (outcome(reason, final=RunState(state)), 1),
    }
