"""When a sweep is over, and why."""

from typing import Any

import pytest

from sweeps.endings import Ending, Tally, ending
from sweeps.states import ExitReason, RunState, SweepRequest, SweepState
from sweeps.trials import Trial
from tests.factories import a_spec, a_trial, at, seconds


def end_of(
    trials: list[Trial],
    *,
    limits: dict[str, Any] | None = None,
    in_order_of_end: list[Trial] | None = None,
    **changes: Any,
) -> Ending | None:
    defaults: dict[str, Any] = {
        "requested": SweepRequest.RUN,
        "started_at": at(0),
        "exhausted": False,
        "now": at(10),
    }
    spec = a_spec(**{"max_trials": 4, **(limits or {})})
    tally = Tally(n_trials=0).with_new(len(trials))
    for trial in in_order_of_end or [trial for trial in trials if trial.state.is_terminal]:
        tally = tally.with_ended(trial, limit=spec.limits.max_failures)
    return ending(spec, tally=tally, **{**defaults, **changes})


def failed(number: int, reason: str = "it exploded at 0x1") -> Trial:
    return a_trial(number, state=RunState.FAILED, reason=reason)


def completed(number: int) -> Trial:
    return a_trial(number, state=RunState.COMPLETED, objective=0.5)


def test_a_sweep_goes_on_while_there_is_something_to_try() -> None:
    assert end_of([]) is None
    assert end_of([completed(1), failed(2), a_trial(3, state=RunState.RUNNING)]) is None


def test_a_person_s_wish_comes_before_everything_else() -> None:
    over = end_of([failed(n) for n in (1, 2, 3, 4)], requested=SweepRequest.CANCEL)

    assert over == Ending(
        state=SweepState.CANCELLED,
        reason="cancelled by a person",
        stop_live=ExitReason.CANCELLED,
    )


def test_the_first_failures_end_a_sweep_when_they_are_the_same() -> None:
    trials = [failed(1, "it exploded at 0x1"), failed(2, "it exploded at 0x2")]

    over = end_of([*trials, a_trial(3)], limits={"max_failures": 2})

    assert over == Ending(
        state=SweepState.FAILED,
        reason="the first 2 trials all failed: it exploded at 0x1",
        stop_live=ExitReason.CANCELLED,
    )


@pytest.mark.parametrize(
    "trials",
    [
        [failed(1, "out of memory"), failed(2, "no such file")],
        [failed(1)],
        [completed(1), failed(2), failed(3)],
        [failed(1), completed(2), failed(3)],
    ],
    ids=["different", "too few", "after a good one", "with a good one between"],
)
def test_other_failures_do_not_end_a_sweep(trials: list[Trial]) -> None:
    assert end_of(trials, limits={"max_failures": 2}) is None


def test_the_order_of_end_counts_not_the_order_of_start() -> None:
    trials = [completed(1), failed(2), failed(3)]

    over = end_of(
        trials, in_order_of_end=[trials[1], trials[2], trials[0]], limits={"max_failures": 2}
    )

    assert over is not None
    assert over.state is SweepState.FAILED


@pytest.mark.parametrize(("now", "is_over"), [(9.9, False), (10, True), (1000, True)])
def test_a_deadline_is_reached_to_the_second(now: float, is_over: bool) -> None:
    over = end_of([completed(1)], limits={"deadline": seconds(10)}, now=at(now))

    assert (over is not None) is is_over
    if over is not None:
        assert (over.state, over.stop_live) == (SweepState.COMPLETED, ExitReason.STOPPED)


def test_the_last_trial_is_waited_for() -> None:
    trials = [completed(1), completed(2), completed(3), a_trial(4, state=RunState.RUNNING)]

    over = end_of(trials)

    assert over == Ending(
        state=SweepState.COMPLETED, reason="all 4 trials have run", stop_live=None
    )


def test_a_sweep_without_one_result_has_failed_and_quotes_the_last_error() -> None:
    trials = [failed(n, f"error {'abcd'[n - 1]}") for n in (1, 2, 3, 4)]

    over = end_of(trials)

    assert over is not None
    assert over.state is SweepState.FAILED
    assert over.reason == "all 4 trials have run, and every one failed, the last: error d"


def test_an_exhausted_space_is_an_end() -> None:
    over = end_of([completed(1)], exhausted=True)

    assert over is not None
    assert over.reason == "the space has no other configuration after 1 trials"
    assert over.stop_live is None
