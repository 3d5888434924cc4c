"""Whose word is taken for a candidate."""

import dataclasses
from typing import Any

import pytest

from governance.promotion.approvals import (
    NoApprover,
    NoReason,
    check_rejection,
    check_word,
    rejected,
)
from governance.promotion.evaluations import Evaluation, EvaluationState
from governance.promotion.gates.judgement import judge
from governance.promotion.gates.results import Verdict, in_words, overall
from governance.promotion.policy import Gate
from sweeps.errors import StateConflict
from sweeps.ids import RunId
from tests.factories import START
from tests.unit.governance.promotion.worlds import TENANT, THRESHOLD, a_rule, some_facts

OWNERS = frozenset({"owner"})
NAMED = f"{THRESHOLD}, approvals: {{count: 1, by: [ben, owner, home]}}"


def waiting(gates: str = NAMED, **changes: Any) -> Evaluation:
    found = Evaluation(
        evaluation_id="digits-aaaaaaaa-00001-e1", tenant_id=TENANT,
        run_id=RunId("digits-aaaaaaaa-00001"), experiment="digits", number=1,
        state=EvaluationState.WAITING, reason="", rule=a_rule(gates).document, policy_version=1,
        model="digits", artifact="model.pkl", sha256="0" * 64, holdout="holdout@1", sweep_id=None,
        compared_with=None, requested_by="owner", requested_at=START, began_at=START,
        judged_at=START, ended_at=None, claims=1, claimed_at=None, dagster_run_id=None,
    )  # fmt: skip
    return dataclasses.replace(found, **changes)


def test_somebody_whom_the_rule_names_may_say_it() -> None:
    check_word(waiting(), owners=OWNERS, by="ben")


@pytest.mark.parametrize(
    ("by", "told"),
    [
        ("owner", "somebody else has to"),
        ("eve", "none of those who may: ben"),
        ("home", "nobody in particular"),
        ("by a link", "nobody in particular"),
    ],
)
def test_a_word_that_cannot_count_is_refused(by: str, told: str) -> None:
    with pytest.raises(NoApprover, match=told):
        check_word(waiting(), owners=OWNERS, by=by)


def test_an_owner_is_refused_before_there_is_a_rule_too() -> None:
    early = waiting(state=EvaluationState.REQUESTED, rule=None)

    check_word(early, owners=OWNERS, by="eve")
    with pytest.raises(NoApprover):
        check_word(early, owners=OWNERS, by="owner")


def test_what_has_ended_or_asks_for_nobody_takes_no_word() -> None:
    with pytest.raises(StateConflict):
        check_word(waiting(state=EvaluationState.REJECTED), owners=OWNERS, by="ben")
    with pytest.raises(StateConflict, match="no approval"):
        check_word(waiting(THRESHOLD), owners=OWNERS, by="ben")


def test_whoever_may_approve_may_reject_and_says_why() -> None:
    check_rejection(waiting(), owners=OWNERS, by="ben", comment="it mistakes sevens")

    with pytest.raises(NoReason):
        check_rejection(waiting(), owners=OWNERS, by="ben", comment=" \n")
    for by in ("owner", "eve", "home"):
        with pytest.raises(NoApprover):
            check_rejection(waiting(), owners=OWNERS, by=by, comment="it mistakes sevens")


@pytest.mark.parametrize(
    "state",
    [EvaluationState.REQUESTED, EvaluationState.RUNNING, EvaluationState.PROMOTED],
)
def test_what_does_not_wait_for_people_cannot_be_rejected(state: EvaluationState) -> None:
    with pytest.raises(StateConflict, match=f"is {state}, cannot be rejected"):
        check_rejection(waiting(state=state), owners=OWNERS, by="ben", comment="no")
    with pytest.raises(StateConflict, match="no approval"):
        check_rejection(waiting(THRESHOLD), owners=OWNERS, by="ben", comment="no")


def test_a_rejection_fails_the_gate_of_approvals_and_no_other() -> None:
    before = judge(a_rule(NAMED), some_facts(approved_by=["ben"]))
    assert overall(before) is Verdict.PASSED

    after = rejected(before, by="eve", comment="it mistakes sevens")

    assert overall(after) is Verdict.FAILED
    assert [one for one in after if one.verdict is Verdict.FAILED] == [after[-1]]
    assert after[:-1] == before[:-1]
    assert after[-1].gate is Gate.APPROVALS
    assert after[-1].criteria[:-1] == before[-1].criteria
    assert "eve: it mistakes sevens" in in_words(after)
