"""Whose word is taken when a candidate waits for one. Pure.

Gates count words anew when they judge; here the ones that would never count are refused at once.
"""

from governance.access import SHARED_NAMES
from governance.promotion.evaluations import Evaluation
from governance.promotion.file import parse_rule
from governance.promotion.gates.approvals import may_approve
from sweeps.errors import PermanentError, StateConflict


class NoApprover(PermanentError):
    """Somebody whose word would not count, with the reason."""


def check_word(found: Evaluation, *, owners: frozenset[str], by: str) -> None:
    """Whether the word of `by` can count for an evaluation.

    Args:
        owners: Of the candidate.

    Raises:
        StateConflict: It has ended, or nobody's word is asked for.
        NoApprover: Others have to say it.
    """
    what = f"evaluation {found.evaluation_id}"
    if found.state.has_ended:
        raise StateConflict(what, current=str(found.state), asked="approved")
    if by in SHARED_NAMES:
        raise NoApprover(f"{by!r} is nobody in particular: use a token of your own name")
    if by in owners:
        raise NoApprover(f"{by} owns {found.run_id}; somebody else has to approve it")
    if found.rule is None:
        return
    rule = parse_rule(found.rule, source=f"rule of {found.evaluation_id}")
    asked = rule.gates.approvals
    if asked is None:
        raise StateConflict(what, current="in need of no approval", asked="approved")
    if not may_approve(rule, owners, by):
        raise NoApprover(f"{by} is none of those who may: {', '.join(asked.by)}")
