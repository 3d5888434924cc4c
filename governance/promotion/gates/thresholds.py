"""Whether a metric reaches its bound; of serving as well. Pure."""

import math
from collections.abc import Sequence

from governance.promotion.gates.results import Criterion
from governance.promotion.gates.statistic import name_of, statistic
from governance.promotion.gates.values import Values, evidence_of, unmeasured
from governance.promotion.policy import Threshold
from sweeps.objectives import Direction


def reaches(asked: Threshold, values: Values, seeds: Sequence[int]) -> Criterion:
    """One bound of one metric, over all seeds."""
    found = values.get(asked.metric, {})
    numbers = [value for value, _ in found.values()]
    is_complete = set(found) >= set(seeds)
    value = statistic(numbers, asked.on, asked.direction, asked.confidence) if is_complete else None
    is_least = asked.direction is Direction.MAXIMIZE
    # An infinite accuracy is as wrong as one that is no number, also where a mean would hide it.
    is_finite = value is not None and all(map(math.isfinite, (value, *numbers)))
    has_passed = (
        value is not None
        and is_finite
        and (value >= asked.bound if is_least else value <= asked.bound)
    )
    return Criterion(
        subject=asked.metric,
        asked=f"{name_of(asked.on, asked.confidence)} {'>=' if is_least else '<='} {asked.bound:g}",
        value=value if is_complete else unmeasured(found, seeds),
        bound=asked.bound,
        has_passed=has_passed,
        evidence=evidence_of(found),
    )
