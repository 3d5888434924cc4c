"""Whether a candidate is not worse than what is in production. Pure."""

import math
from collections.abc import Sequence

from governance.promotion.gates.facts import Facts, Subject
from governance.promotion.gates.results import Criterion
from governance.promotion.gates.statistic import mean, name_of, statistic
from governance.promotion.gates.values import Values, evidence_of, unmeasured, values_of
from governance.promotion.policy import Comparison, PromotionRule, Statistic
from sweeps.objectives import Direction


def not_worse(rule: PromotionRule, facts: Facts, candidate: Values) -> list[Criterion]:
    """A criterion for each metric, on the same seeds; with nothing in production it passes."""
    if not rule.gates.comparisons:
        return []
    if facts.production != facts.production_now:
        return [_moved(rule, facts)]
    if facts.production is None:
        return [
            Criterion(
                subject=f"{rule.model} {rule.alias}",
                asked="not worse than it",
                value="nothing is there yet",
                bound=None,
                has_passed=True,
            )
        ]
    production = values_of(facts, Subject.PRODUCTION)
    return [
        _is_near(one, facts.production, candidate, production, rule.evaluation.seeds)
        for one in rule.gates.comparisons
    ]


def _moved(rule: PromotionRule, facts: Facts) -> Criterion:
    was = "nothing" if facts.production is None else f"version {facts.production}"
    now = "nothing" if facts.production_now is None else f"version {facts.production_now}"
    return Criterion(
        subject=f"{rule.model} {rule.alias}",
        asked="what the candidate was compared with",
        value=f"{now} now; it was compared with {was}: `sweepworks promotion retry` compares again",
        bound=was,
        has_passed=False,
    )


def _is_near(
    asked: Comparison, number: int, candidate: Values, production: Values, seeds: Sequence[int]
) -> Criterion:
    ours, theirs = candidate.get(asked.metric, {}), production.get(asked.metric, {})
    evidence = {
        "candidate": evidence_of(ours),
        "production": {"version": number, **evidence_of(theirs)},
    }
    sign = "+" if asked.direction is Direction.MINIMIZE else "-"
    margin = f"{asked.margin:.4g}" + (" of it" if asked.is_relative else "")
    words = f"{name_of(asked.on, asked.confidence)} within production {sign} {margin}"
    if not (set(ours) >= set(seeds) and set(theirs) >= set(seeds)):
        missing = ours if not set(ours) >= set(seeds) else theirs
        return Criterion(subject=asked.metric, asked=words, value=unmeasured(missing, seeds),
                         bound=None, has_passed=False, evidence=evidence)  # fmt: skip
    # As losses, so that lower is better; the seeds are the same, so that they go in pairs.
    turn = -1.0 if asked.direction is Direction.MAXIMIZE else 1.0
    our = [turn * ours[seed][0] for seed in seeds]
    their = [turn * theirs[seed][0] for seed in seeds]
    if asked.on is Statistic.CONFIDENCE:
        pairs = [one - other for one, other in zip(our, their, strict=True)]
        value = statistic(pairs, asked.on, Direction.MINIMIZE, asked.confidence)
        base, scale = 0.0, mean(their)
    else:
        value = statistic(our, asked.on, Direction.MINIMIZE, asked.confidence)
        base = scale = statistic(their, asked.on, Direction.MINIMIZE, asked.confidence)
    bound = base + (abs(scale) * asked.margin if asked.is_relative else asked.margin)
    return Criterion(
        subject=asked.metric,
        asked=f"{words}: {'<=' if turn > 0 else '>='} {turn * bound:.6g}",
        value=turn * value,
        bound=turn * bound,
        # Only what is finite can be compared. Just at the margin, what adding rounds away is not held
        # against it.
        has_passed=all(map(math.isfinite, (value, bound, *our, *their)))
        and (value <= bound or math.isclose(value, bound, rel_tol=1e-12)),
        evidence=evidence,
    )
