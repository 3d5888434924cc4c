"""Whose word is taken when a candidate waits for one, and what a no makes of its gates. Pure.

Gates count words anew when they judge; here the ones that would never count are refused at once.
"""

from collections.abc import Sequence

from governance.access import no_person
from governance.promotion.evaluations import Evaluation, EvaluationState
from governance.promotion.file import parse_rule
from governance.promotion.gates.approvals import may_approve
from governance.promotion.gates.results import Criterion, GateResult, Verdict
from governance.promotion.policy import Gate
from sweeps.errors import PermanentError, StateConflict

MOST_COMMENT = 10_000  #: characters that are kept with a word


class NoApprover(PermanentError):
    """Somebody whose word would not count, with the reason."""


class NoReason(PermanentError):
    """A no that does not say why."""

    def __init__(self) -> None:
        super().__init__("say why it is rejected: whoever owns it has to know what to mend")


def check_word(
    found: Evaluation, *, owners: frozenset[str], by: str, asked: str = "approved"
) -> None:
    """Whether the word of `by` can count for an evaluation, as a yes or as a no.

    Args:
        owners: Of the candidate.
        asked: What is to become of it.

    Raises:
        StateConflict: It has ended, or nobody's word is asked for.
        NoApprover: Others have to say it.
    """
    what = f"evaluation {found.evaluation_id}"
    if found.state.has_ended:
        raise StateConflict(what, current=str(found.state), asked=asked)
    if (objection := no_person(by)) is not None:
        raise NoApprover(objection)
    if by in owners:
        raise NoApprover(f"{by} owns {found.run_id}; somebody else has to approve it")
    if found.rule is None:
        return
    rule = parse_rule(found.rule, source=f"rule of {found.evaluation_id}")
    approvals = rule.gates.approvals
    if approvals is None:
        raise StateConflict(what, current="in need of no approval", asked=asked)
    if not may_approve(rule, owners, by):
        raise NoApprover(f"{by} is none of those who may: {', '.join(approvals.by)}")


def check_rejection(found: Evaluation, *, owners: frozenset[str], by: str, comment: str) -> None:
    """Whether `by` can reject a candidate: whoever could approve it can, once it waits for that.

    Raises:
        StateConflict: It does not wait for anybody's word.
        NoApprover: Others have to say it.
        NoReason: The comment is empty.
    """
    check_word(found, owners=owners, by=by, asked="rejected")
    if found.state is not EvaluationState.WAITING:
        what = f"evaluation {found.evaluation_id}"
        raise StateConflict(what, current=str(found.state), asked="rejected")
    if not comment.strip():
        raise NoReason


def rejected(results: Sequence[GateResult], *, by: str, comment: str) -> tuple[GateResult, ...]:
    """A judgement after a no: the gate of approvals has failed, the others are as they were."""
    no = Criterion(
        subject="approvals",
        asked="nobody who may approve it rejects it",
        value=f"{by}: {comment}",
        bound=None,
        has_passed=False,
        evidence={"rejected_by": by, "comment": comment},
    )
    return tuple(
        GateResult(gate=one.gate, verdict=Verdict.FAILED, criteria=(*one.criteria, no))
        if one.gate is Gate.APPROVALS
        else one
        for one in results
    )
