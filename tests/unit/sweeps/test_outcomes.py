"""What the end of an attempt means for its trial."""

from typing import Any

import pytest

from sweeps.outcomes import Retry, conclude, describe, last_line, signature
from sweeps.specs import MetricsSpec
from sweeps.states import Decision, ExitReason, RunState
from sweeps.trials import Exit, Trial
from tests.factories import LOSS, a_trial, an_attempt, an_exit, at, seconds, some_limits

_REPORTED = a_trial(state=RunState.RUNNING, objective=0.5, resource_level=3)
_SILENT = a_trial(state=RunState.RUNNING)


def outcome(ended: Exit, *, trial: Trial = _REPORTED, **changes: Any) -> Trial | Retry:
    defaults: dict[str, Any] = {
        "n_attempts": 1,
        "limits": some_limits(max_attempts=3),
        "objective": LOSS,
        "decision": Decision.CONTINUE,
        "now": at(9),
    }
    return conclude(trial, ended=ended, **{**defaults, **changes})


def ended_trial(ended: Exit, **changes: Any) -> Trial:
    result = outcome(ended, **changes)
    assert isinstance(result, Trial)
    return result


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        (ExitReason.COMPLETED, RunState.COMPLETED),
        (ExitReason.SCRIPT_FAILED, RunState.FAILED),
        (ExitReason.OUT_OF_MEMORY, RunState.FAILED),
        (ExitReason.TIMED_OUT, RunState.FAILED),
        (ExitReason.STALLED, RunState.FAILED),
        (ExitReason.STOPPED, RunState.STOPPED),
        (ExitReason.PAUSED, RunState.PAUSED),
        (ExitReason.CANCELLED, RunState.CANCELLED),
        (ExitReason.LAUNCH_FAILED, RunState.FAILED),
    ],
)
def test_every_end_but_the_machine_s_has_one_state(reason: ExitReason, state: RunState) -> None:
    trial = ended_trial(an_exit(reason))

    assert trial.state is state
    assert trial.ended_at == (at(9) if state.is_terminal else None)


def test_a_place_that_was_taken_back_has_a_bound_of_its_own() -> None:
    preempted = an_exit(ExitReason.PREEMPTED, message="by trial 9")
    limits = some_limits(max_attempts=1, max_preemptions=2)

    outcomes = [outcome(preempted, n_attempts=n, taken_back=True, limits=limits) for n in (1, 2, 3)]

    assert outcomes[:2] == [
        Retry(
            reason=f"preempted by something more important: by trial 9; preemption {n} of at most 2"
        )
        for n in (1, 2)
    ]
    assert isinstance(outcomes[2], Trial)
    assert outcomes[2].state is RunState.FAILED
    assert outcomes[2].reason.endswith("by trial 9; gave up after 3 preemptions")


@pytest.mark.parametrize(
    ("reason", "capacity", "taken_back"),
    [
        (ExitReason.PREEMPTED, "", True),
        (ExitReason.PREEMPTED, "on_demand", True),
        (ExitReason.EVICTED, "spot", True),
        (ExitReason.NODE_LOST, "spot", True),
        # Drained, or too much written to its disk: a fault, until it turns out otherwise.
        (ExitReason.EVICTED, "on_demand", False),
        (ExitReason.EVICTED, "", False),
        (ExitReason.NODE_LOST, "", False),
        (ExitReason.DELETED, "spot", False),
        (ExitReason.LOST, "spot", False),
        (ExitReason.SCRIPT_FAILED, "spot", False),
    ],
)
def test_places_are_taken_back_by_queues_schedulers_and_spot_nodes(
    reason: ExitReason, capacity: str, taken_back: bool
) -> None:
    attempt = an_attempt(exit=an_exit(reason), capacity=capacity)

    assert attempt.was_taken_back is taken_back


@pytest.mark.parametrize("reason", [ExitReason.KILLED, ExitReason.LOST])
def test_what_the_machine_ended_is_tried_again_as_often_as_allowed(reason: ExitReason) -> None:
    outcomes = [outcome(an_exit(reason, signal=9), n_attempts=n) for n in (1, 2, 3)]

    assert [isinstance(result, Retry) for result in outcomes] == [True, True, False]
    assert isinstance(outcomes[-1], Trial)
    assert outcomes[-1].state is RunState.FAILED


@pytest.mark.parametrize(
    ("decision", "state"),
    [(Decision.STOP, RunState.STOPPED), (Decision.PAUSE, RunState.PAUSED)],
)
@pytest.mark.parametrize("reason", [ExitReason.COMPLETED, ExitReason.KILLED, ExitReason.LOST])
def test_what_the_search_wanted_holds_however_the_process_went(
    decision: Decision, state: RunState, reason: ExitReason
) -> None:
    assert ended_trial(an_exit(reason), decision=decision).state is state


def test_a_script_that_breaks_while_it_is_stopped_has_failed() -> None:
    trial = ended_trial(an_exit(ExitReason.SCRIPT_FAILED, code=1), decision=Decision.STOP)

    assert trial.state is RunState.FAILED


def test_the_reason_of_a_stop_tells_the_search_from_the_sweep() -> None:
    by_search = ended_trial(an_exit(ExitReason.STOPPED, message="x"), decision=Decision.STOP)
    by_sweep = ended_trial(an_exit(ExitReason.STOPPED, message="x"))

    assert by_search.reason == "stopped early by the search"
    assert by_sweep.reason == "stopped: its sweep had come to its end"


def test_an_end_without_an_objective_says_what_to_call() -> None:
    trial = ended_trial(an_exit(), trial=_SILENT)

    assert trial.state is RunState.FAILED
    assert "run.report(level, loss=…)" in trial.reason


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_an_objective_that_is_no_number_names_value_and_level(value: float) -> None:
    trial = ended_trial(
        an_exit(), trial=a_trial(state=RunState.RUNNING, objective=value, resource_level=3)
    )

    assert trial.reason == f"loss is {value} at resource level 3"


@pytest.mark.parametrize(
    ("ended", "sentence"),
    [
        (
            an_exit(ExitReason.SCRIPT_FAILED, code=2, message="a\nb: c\n\n"),
            "the script exited with code 2: b: c",
        ),
        (
            an_exit(ExitReason.SCRIPT_FAILED, signal=11),
            "the script crashed with signal 11",
        ),
        (
            an_exit(ExitReason.OUT_OF_MEMORY),
            "the kernel killed it for lack of memory; ask for less, or set resources.memory",
        ),
        (an_exit(ExitReason.TIMED_OUT), "ran longer than trial_timeout (0:00:05)"),
        (
            an_exit(ExitReason.STALLED),
            "no output, report or heartbeat for stalled_after (0:00:06)",
        ),
        (an_exit(ExitReason.KILLED, signal=9), "killed by signal 9 from outside"),
        (
            an_exit(ExitReason.KILLED, message="the machine is shutting down"),
            "killed from outside: the machine is shutting down",
        ),
        (an_exit(ExitReason.LOST), "its process vanished without a trace"),
        (
            an_exit(ExitReason.LAUNCH_FAILED, message="no such file: train.py"),
            "could not be started: no such file: train.py",
        ),
        (an_exit(ExitReason.STOPPED), "stopped"),
    ],
)
def test_every_end_is_one_sentence(ended: Exit, sentence: str) -> None:
    limits = some_limits(trial_timeout=seconds(5), stalled_after=seconds(6))

    assert describe(ended, limits) == sentence


def test_every_exit_reason_has_a_sentence() -> None:
    assert all(describe(an_exit(reason), some_limits()) for reason in ExitReason)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("\n \n", ""),
        ("one\ntwo\n", "two"),
        ("x" * 400, "x" * 300),
        ("\x1b[31mred\x00", "\ufffd[31mred\ufffd"),
        ("half \udcff", "half \ufffd"),
    ],
)
def test_the_last_line_is_short_and_printable(text: str, line: str) -> None:
    assert last_line(text) == line


def test_failures_are_the_same_whatever_their_numbers_and_addresses() -> None:
    one = "exited with code 1: <Model at 0x7f3a>: shape 3 != 4"
    two = "exited with code 2: <Model at 0x11bc>: shape 30 != 41"

    assert signature(one) == signature(two)
    assert signature(one) != signature("exited with code 1: no such file")


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        (None, "without reporting 'loss'; call run.report(level, loss=…)"),
        (
            MetricsSpec(pattern="(?P<name>a)(?P<value>b)"),
            "the pattern of trial.metrics found no 'loss' in what the script printed",
        ),
        (
            MetricsSpec(file="out.jsonl", format="jsonl"),
            "no line of out.jsonl is a JSON object with a number 'loss'",
        ),
        (MetricsSpec(tensorboard="logs"), "no event file in logs has a scalar 'loss'"),
    ],
)
def test_a_trial_without_an_objective_says_where_it_was_looked_for(
    metrics: MetricsSpec | None, words: str
) -> None:
    trial = ended_trial(an_exit(ExitReason.COMPLETED), trial=_SILENT, metrics=metrics)

    assert trial.state is RunState.FAILED
    assert words in trial.reason
