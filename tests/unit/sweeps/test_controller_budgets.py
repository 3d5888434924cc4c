"""What a sweep does when there is nothing left to spend."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from sweeps.endings import WITHIN_BUDGETS, BudgetVerdict
from sweeps.ids import SweepId
from sweeps.states import RunState, SweepState
from tests.factories import a_spec, seconds
from tests.fakes import Behaviour
from tests.simulation import Killed, RaiseOn, Simulation, runs_for, states

SPENT = BudgetVerdict(ends="budget is spent: b: $5.00 of $5.00")


@dataclass
class FakeBudgets:
    """Says what a test wants."""

    now: BudgetVerdict = WITHIN_BUDGETS

    def verdict(self, sweep_id: SweepId) -> BudgetVerdict:
        return self.now

    def told(self, sweep_id: SweepId) -> Sequence[str]:
        return ()


def a_simulation(budgets: FakeBudgets, **limits: object) -> Simulation:
    return Simulation(
        a_spec(**{"max_trials": 6, "max_parallel": 2, **limits}),  # pyright: ignore[reportArgumentType]  by name
        script=runs_for(10),
        budgets=budgets,
    )


def test_live_trials_come_to_their_end_and_the_sweep_completes_with_them() -> None:
    budgets = FakeBudgets()
    simulation = Simulation(a_spec(max_trials=6, max_parallel=2), budgets=budgets)
    simulation.settle()
    budgets.now = SPENT

    snapshot = simulation.run_to_end()

    assert states(snapshot) == [RunState.COMPLETED, RunState.COMPLETED]
    assert snapshot.sweep.state is SweepState.COMPLETED
    assert snapshot.sweep.reason == SPENT.ends


def test_where_the_budget_says_so_live_trials_are_ended() -> None:
    budgets = FakeBudgets()
    simulation = a_simulation(budgets)
    simulation.settle()
    budgets.now = BudgetVerdict(ends=SPENT.ends, stops=SPENT.ends)

    snapshot = simulation.run(for_seconds=5)

    assert states(snapshot) == [RunState.STOPPED, RunState.STOPPED]
    assert snapshot.trials[0].reason == f"stopped: {SPENT.ends}"
    assert snapshot.sweep.state is SweepState.COMPLETED


def test_a_budget_that_renews_ends_trials_but_not_the_sweep() -> None:
    budgets = FakeBudgets()
    simulation = Simulation(a_spec(max_trials=3, max_parallel=1), budgets=budgets)
    simulation.tick()
    budgets.now = BudgetVerdict(stops="budget is spent: m: $5.00 of $5.00")
    simulation.tick()
    budgets.now = WITHIN_BUDGETS

    snapshot = simulation.run_to_end()

    assert states(snapshot) == [RunState.STOPPED, RunState.COMPLETED, RunState.COMPLETED]


def test_what_was_written_down_and_not_launched_is_never_started() -> None:
    budgets = FakeBudgets()
    simulation = Simulation(
        a_spec(max_trials=6, max_parallel=3), capacity=1, script=runs_for(10), budgets=budgets
    )
    simulation.settle()
    budgets.now = SPENT

    snapshot = simulation.run_to_end()

    assert len(simulation.launcher.launched) == 1
    assert states(snapshot)[1:] == [RunState.STOPPED, RunState.STOPPED]
    assert snapshot.sweep.reason.startswith(SPENT.ends)


def test_what_a_live_trial_comes_to_may_let_others_go_on() -> None:
    budgets = FakeBudgets()
    simulation = Simulation(a_spec(max_trials=3, max_parallel=3), capacity=1, budgets=budgets)
    simulation.settle()
    budgets.now = SPENT
    simulation.settle()
    budgets.now = WITHIN_BUDGETS

    snapshot = simulation.run_to_end()

    assert states(snapshot) == [RunState.COMPLETED] * 3


def test_a_sweep_whose_trials_have_all_begun_says_that_all_have_run() -> None:
    budgets = FakeBudgets()
    simulation = Simulation(a_spec(max_trials=2, max_parallel=2), budgets=budgets)
    simulation.settle()
    budgets.now = SPENT

    assert simulation.run_to_end().sweep.reason == "all 2 trials have run"


def test_trials_that_wait_at_a_rung_say_what_kept_them_from_going_on() -> None:
    def script(configuration: object, attempt: int) -> Behaviour:
        return Behaviour(duration=3.0, reports=((2.0, 1, 0.5),))

    budgets = FakeBudgets()
    spec = a_spec(strategy="hyperband", max_trials=9, max_parallel=9)
    simulation = Simulation(spec, script=script, budgets=budgets)
    simulation.run(for_seconds=2)
    budgets.now = SPENT

    snapshot = simulation.run_to_end()

    paused = [trial for trial in snapshot.trials if trial.reason.startswith("not promoted")]
    assert paused
    assert {trial.reason for trial in paused} == {f"not promoted: {SPENT.ends}"}


@pytest.mark.parametrize("call", ["before apply", "after apply", "after stop", "after poll"])
def test_a_controller_that_dies_meanwhile_leaves_the_same_end(call: str) -> None:
    budgets = FakeBudgets()
    simulation = a_simulation(budgets)
    simulation.settle()
    budgets.now = BudgetVerdict(ends=SPENT.ends, stops=SPENT.ends)
    simulation.hook = RaiseOn(call, Killed())

    snapshot = simulation.run_to_end()

    assert states(snapshot) == [RunState.STOPPED, RunState.STOPPED]
    assert snapshot.sweep.reason == SPENT.ends
    assert simulation.launcher.n_alive == 0


def test_a_deadline_goes_before_a_budget() -> None:
    budgets = FakeBudgets()
    simulation = a_simulation(budgets, deadline=seconds(5))
    simulation.settle()
    budgets.now = SPENT

    assert simulation.run_to_end().sweep.reason == "the deadline of 0:00:05 has passed"
