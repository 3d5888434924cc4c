"""When a live attempt must be ended."""

from typing import Any

import pytest

from sweeps.ports import AttemptStatus
from sweeps.states import Decision, ExitReason
from sweeps.watchdog import verdict
from tests.factories import a_status, at, seconds, some_limits


def verdict_at(
    now: float,
    status: AttemptStatus | None = None,
    *,
    limits: dict[str, Any] | None = None,
    **changes: Any,
) -> ExitReason | None:
    defaults: dict[str, Any] = {
        "last_seen_at": None,
        "decision": Decision.CONTINUE,
        "decided_at": None,
        "heard_from": at(0),
    }
    return verdict(
        status or a_status(),
        limits=some_limits(**(limits or {})),
        now=at(now),
        **{**defaults, **changes},
    )


def test_without_limits_nothing_is_ever_too_long() -> None:
    assert verdict_at(1e9) is None


@pytest.mark.parametrize(("now", "why"), [(29.9, None), (30, ExitReason.TIMED_OUT)])
def test_a_time_out_is_counted_from_the_start(now: float, why: ExitReason | None) -> None:
    assert verdict_at(now, limits={"trial_timeout": seconds(30)}) is why


@pytest.mark.parametrize(("now", "why"), [(59.9, None), (60, ExitReason.STALLED)])
def test_silence_from_the_start_is_a_stall(now: float, why: ExitReason | None) -> None:
    assert verdict_at(now, limits={"stalled_after": seconds(60)}) is why


def test_silence_that_nobody_could_have_heard_does_not_count() -> None:
    limits = {"stalled_after": seconds(60)}

    assert verdict_at(159.9, limits=limits, heard_from=at(100)) is None
    assert verdict_at(160, limits=limits, heard_from=at(100)) is ExitReason.STALLED


def test_output_and_beats_are_signs_of_life() -> None:
    limits = {"stalled_after": seconds(60)}

    assert verdict_at(100, a_status(last_output_at=at(41)), limits=limits) is None
    assert verdict_at(100, last_seen_at=at(41), limits=limits) is None
    assert (
        verdict_at(100, a_status(last_output_at=at(40)), last_seen_at=at(30), limits=limits)
        is ExitReason.STALLED
    )


def test_a_sign_of_life_from_before_a_late_start_does_not_count_against_it() -> None:
    status = a_status(started_at=at(100))

    assert (
        verdict_at(150, status, last_seen_at=at(0), limits={"stalled_after": seconds(60)}) is None
    )


def test_what_has_not_started_cannot_be_late() -> None:
    limits = {"trial_timeout": seconds(1), "stalled_after": seconds(1)}

    assert verdict_at(1000, a_status(started_at=None), limits=limits) is None


@pytest.mark.parametrize(
    ("decision", "why"),
    [(Decision.STOP, ExitReason.STOPPED), (Decision.PAUSE, ExitReason.PAUSED)],
)
def test_a_decision_is_enforced_after_a_grace(decision: Decision, why: ExitReason) -> None:
    verdicts = [verdict_at(now, decision=decision, decided_at=at(100)) for now in (100, 109.9, 110)]

    assert verdicts == [None, None, why]


def test_a_script_that_cannot_hear_of_a_decision_is_ended_at_once() -> None:
    why = verdict_at(100, decision=Decision.STOP, decided_at=at(100), hears=False)

    assert why is ExitReason.STOPPED
    assert verdict_at(100, hears=False) is None


def test_who_saves_its_checkpoint_is_not_interrupted_by_a_time_out() -> None:
    limits = {"trial_timeout": seconds(30)}

    assert verdict_at(31, decision=Decision.STOP, decided_at=at(29), limits=limits) is None
