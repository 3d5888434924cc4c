"""Figures about the search itself."""

import pytest

from sweeps.search_report import duplicate_rate, search_report
from sweeps.spaces import Configuration
from sweeps.states import Decision
from tests.factories import SCORE, a_spec, a_trial
from tests.fakes import Behaviour, ScriptedScheduler
from tests.simulation import Simulation


def test_duplicates_are_counted_beyond_the_first() -> None:
    trials = [a_trial(n, configuration={"x": x}) for n, x in enumerate([1, 1, 1.0, 2], start=1)]

    assert duplicate_rate(trials) == 0.25
    assert duplicate_rate([]) == 0.0


def test_time_on_stopped_trials_is_a_share_of_all_time() -> None:
    def script(configuration: Configuration, attempt: int) -> Behaviour:
        return Behaviour(duration=2.0, reports=((1.0, 1, 0.5),))

    scheduler = ScriptedScheduler({1: Decision.STOP})
    stopped = Simulation(a_spec(max_trials=3), script=script, strategy=scheduler.strategy)
    kept = Simulation(a_spec(max_trials=3), script=script)

    assert search_report(stopped.run_to_end()).stopped_share == 1.0
    report = search_report(kept.run_to_end())
    assert (report.stopped_share, report.busy_seconds) == (0.0, 6.0)


def test_improvements_come_in_the_order_of_time_and_end_without_regret() -> None:
    values = {1: 0.2, 2: 0.1, 3: 0.7, 4: 0.6}
    taken: list[float] = []

    def script(configuration: Configuration, attempt: int) -> Behaviour:
        taken.append(values[len(taken) + 1])
        return Behaviour(duration=2.0, reports=((1.0, 1, taken[-1]),))

    spec = a_spec(max_trials=4, max_parallel=1, objective=SCORE)
    report = search_report(Simulation(spec, script=script).run_to_end())

    assert [(step.trial, step.value, step.regret) for step in report.improvements] == [
        (1, 0.2, pytest.approx(0.5)),
        (3, 0.7, 0.0),
    ]
    assert report.improvements[0].seconds < report.improvements[1].seconds


def test_a_sweep_that_has_not_begun_has_a_report() -> None:
    report = search_report(Simulation(a_spec()).snapshot)

    assert (report.duplicate_rate, report.stopped_share, report.improvements) == (0.0, 0.0, ())
