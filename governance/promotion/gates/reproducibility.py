"""Whether a candidate can be made again, or has been. Pure."""

from governance.lineage.rules import of_run
from governance.promotion.gates.facts import Facts
from governance.promotion.gates.results import Criterion
from governance.promotion.policy import PromotionRule


def reproducible(rule: PromotionRule, facts: Facts) -> list[Criterion]:
    """What is recorded of its run, and how near a rerun came, if one is asked for."""
    asked = rule.gates.reproducible
    if asked is None:
        return []
    findings = of_run(facts.run)
    criteria = [
        Criterion(
            subject=f"run:{facts.run.run_id}",
            asked="code, data, environment and seeds are recorded",
            value="; ".join(one.problem for one in findings) or "captured",
            bound="captured",
            has_passed=not findings,
            evidence={"commit": facts.run.commit, "mend": [one.mend for one in findings]},
        )
    ]
    if asked.rerun_within is not None:
        good = [rerun for rerun in facts.reruns if rerun.verdict.is_good]
        told = [f"{rerun.run_id}: {rerun.verdict}" for rerun in facts.reruns]
        none = f"no rerun: `sweepworks rerun {facts.run.run_id}` makes one"
        criteria.append(
            Criterion(
                subject="reruns",
                asked=f"one of them within {asked.rerun_within:g}",
                value=f"{good[0].run_id}: {good[0].verdict}" if good else "; ".join(told) or none,
                bound=asked.rerun_within,
                has_passed=bool(good),
                evidence={"reruns": told},
            )
        )
    return criteria
