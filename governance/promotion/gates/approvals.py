"""Whether enough people have said yes, of those whose word counts. Pure."""

from governance.promotion.gates.facts import Facts
from governance.promotion.gates.results import Criterion, GateResult, Verdict
from governance.promotion.policy import Gate, PromotionRule


def approvals(rule: PromotionRule, facts: Facts) -> GateResult:
    """Words that count, and those that do not; too few of them wait for more."""
    asked = rule.gates.approvals
    if asked is None:
        return GateResult(gate=Gate.APPROVALS, verdict=Verdict.PASSED)
    counted = [person for person in facts.approved_by if may_approve(rule, facts.owners, person)]
    others = sorted(set(facts.approved_by) - set(counted))
    has_passed = len(counted) >= asked.count
    by = f" of {', '.join(asked.by)}" if asked.by else ""
    criterion = Criterion(
        subject="approvals",
        asked=f"{asked.count}{by}, none of the candidate's owner",
        value=f"{len(counted)}: {', '.join(counted)}" if counted else "none yet",
        bound=float(asked.count),
        has_passed=has_passed,
        evidence={"counted": counted, "not_counted": others, "owners": sorted(facts.owners)},
    )
    verdict = Verdict.PASSED if has_passed else Verdict.WAITING
    return GateResult(gate=Gate.APPROVALS, verdict=verdict, criteria=(criterion,))


def may_approve(rule: PromotionRule, owners: frozenset[str], person: str) -> bool:
    """Whether that person's word counts."""
    asked = rule.gates.approvals
    return asked is not None and person not in owners and (not asked.by or person in asked.by)
