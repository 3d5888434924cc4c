"""Whether nobody has learnt from the holdout. Pure."""

from governance.promotion.gates.facts import Facts
from governance.promotion.gates.results import Criterion
from governance.promotion.policy import PromotionRule


def unseen(rule: PromotionRule, facts: Facts) -> Criterion:
    """No run of the experiment knows it; a look that was cut short proves nothing."""
    found = facts.leaks.sentences()
    value = "so much came out of it that nobody can say" if facts.is_look_cut else "unseen"
    return Criterion(
        subject=str(rule.evaluation.holdout),
        asked="no run of the experiment has learnt from it",
        value=found[0] if found else value,
        bound="unseen",
        has_passed=not found and not facts.is_look_cut,
        evidence={"runs": facts.looked_at_runs, "paths": found},
    )
