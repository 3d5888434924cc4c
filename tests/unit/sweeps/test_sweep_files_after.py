"""What a sweep file says of sweeps that have to end before."""

import pytest

from sweeps.errors import Problem
from sweeps.ids import SweepId
from sweeps.specs import as_document
from sweeps.states import SweepState
from sweeps.sweep_files import parse_document, parse_text
from sweeps.waits import Awaited, AwaitedEnd, AwaitedState, is_met, wait_problems
from tests.unit.sweeps.sweep_texts import GOOD, problems_of

A, B = SweepId("digits-4f2kq7ab"), SweepId("digits-9x7mw2cd")


def after(text: str) -> tuple[Awaited, ...]:
    return parse_text(f"{GOOD}after: {text}\n", source="x").after


def only(text: str) -> Problem:
    (problem,) = problems_of(f"{GOOD}after: {text}\n")
    return problem


def test_a_file_that_names_none_waits_for_none() -> None:
    assert parse_text(GOOD, source="x").after == ()


def test_names_alone_mean_success_and_mappings_say_how() -> None:
    assert after(f"[{A}, {{sweep: {B}, ended: any}}]") == (
        Awaited(sweep_id=A, ended=AwaitedEnd.SUCCEEDED),
        Awaited(sweep_id=B, ended=AwaitedEnd.ANY),
    )


def test_the_stored_form_is_read_back() -> None:
    spec = parse_text(f"{GOOD}after: [{A}, {{sweep: {B}, ended: any}}]\n", source="x")

    assert parse_document(as_document(spec)) == spec


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (str(A), "after"),
        ("[No/Sweep]", "after[0]"),
        (f"[{A}, {{sweep: {B}, ended: well}}]", "after[1].ended"),
        (f"[{{sweep: {A}, end: any}}]", "after[0].end"),
        ("[{ended: any}]", "after[0].sweep"),
        (f"[{A}, {{sweep: {A}, ended: any}}]", "after[1]"),
    ],
)
def test_what_cannot_be_is_told_where_it_is(text: str, path: str) -> None:
    problem = only(text)

    assert problem.path == path
    assert problem.line is not None


def test_all_that_is_wrong_is_told_at_once() -> None:
    text = GOOD.replace("owner: ana\n", "")

    problems = problems_of(f"{text}after: [No/Sweep, {{sweep: {A}, ended: well}}]\n")

    assert {problem.path for problem in problems} == {"owner", "after[0]", "after[1].ended"}


def ended(state: SweepState, *, has_succeeded: bool = False, reason: str = "") -> AwaitedState:
    return AwaitedState(state=state, reason=reason, has_succeeded=has_succeeded)


@pytest.mark.parametrize(
    ("state", "has_succeeded", "end", "met"),
    [
        (SweepState.RUNNING, False, AwaitedEnd.ANY, False),
        (SweepState.SUBMITTED, False, AwaitedEnd.SUCCEEDED, False),
        (SweepState.COMPLETED, True, AwaitedEnd.SUCCEEDED, True),
        (SweepState.COMPLETED, False, AwaitedEnd.SUCCEEDED, False),
        (SweepState.FAILED, False, AwaitedEnd.SUCCEEDED, False),
        (SweepState.FAILED, False, AwaitedEnd.ANY, True),
        (SweepState.CANCELLED, False, AwaitedEnd.ANY, True),
    ],
)
def test_what_has_ended_as_asked_is_waited_for_no_more(
    state: SweepState, has_succeeded: bool, end: AwaitedEnd, met: bool
) -> None:
    awaited = Awaited(sweep_id=A, ended=end)

    assert is_met(awaited, ended(state, has_succeeded=has_succeeded)) is met


def test_unknown_sweeps_and_those_that_ended_otherwise_are_told_with_their_states() -> None:
    asked = [Awaited(sweep_id=A), Awaited(sweep_id=B), Awaited(sweep_id=SweepId("digits-cc"))]
    found = {
        B: ended(SweepState.CANCELLED, reason="cancelled by a person"),
        SweepId("digits-cc"): ended(SweepState.COMPLETED),
    }

    first, second, third = wait_problems(asked, found, tenant="vision", line=4)

    assert (first.path, first.line) == ("after[0]", 4)
    assert first.message == f"there is no sweep {str(A)!r} of tenant vision"
    assert "cancelled, cancelled by a person" in second.message
    assert "without a result" in third.message


def test_what_runs_may_be_waited_for() -> None:
    found = {A: ended(SweepState.PAUSED)}

    assert wait_problems([Awaited(sweep_id=A)], found, tenant="vision") == []
