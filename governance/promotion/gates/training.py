"""Whether training has cost no more than it may. Pure."""

from governance.promotion.gates.facts import Facts
from governance.promotion.gates.results import Criterion
from governance.promotion.policy import PromotionRule


def training(rule: PromotionRule, facts: Facts) -> list[Criterion]:
    """A criterion for each ceiling; what is unknown reaches none."""
    asked, cost = rule.gates.training, facts.training
    if asked is None:
        return []
    evidence: dict[str, object] = {"attempts": cost.attempts, "source": cost.source}
    criteria: list[Criterion] = []
    if asked.usd is not None:
        criteria.append(
            Criterion(
                subject="training cost in USD",
                asked=f"<= {asked.usd}",
                value="unknown" if cost.usd is None else float(cost.usd),
                bound=float(asked.usd),
                has_passed=cost.usd is not None and cost.usd <= asked.usd,
                evidence=evidence,
            )
        )
    if asked.gpu_hours is not None:
        criteria.append(
            Criterion(
                subject="training in GPU hours",
                asked=f"<= {asked.gpu_hours:g}",
                value="unknown" if cost.gpu_hours is None else cost.gpu_hours,
                bound=asked.gpu_hours,
                has_passed=cost.gpu_hours is not None and cost.gpu_hours <= asked.gpu_hours,
                evidence=evidence,
            )
        )
    return criteria
