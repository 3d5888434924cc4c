"""Values of metrics, seed by seed, and the runs that they are from. Pure."""

from collections.abc import Mapping, Sequence

from governance.promotion.gates.facts import Facts, Subject
from sweeps.ids import RunId

Values = Mapping[str, Mapping[int, tuple[float, RunId]]]  #: by metric and seed, each with its run


def values_of(facts: Facts, subject: Subject) -> Values:
    """All that was measured of a subject."""
    values: dict[str, dict[int, tuple[float, RunId]]] = {}
    for one in facts.measurements:
        if one.subject is subject:
            for metric, value in one.metrics.items():
                values.setdefault(metric, {})[one.seed] = (value, one.run_id)
    return values


def evidence_of(found: Mapping[int, tuple[float, RunId]]) -> dict[str, object]:
    """The values by seed, and the runs that they are from."""
    return {
        "by_seed": {str(seed): found[seed][0] for seed in sorted(found)},
        "runs": [found[seed][1] for seed in sorted(found)],
    }


def unmeasured(found: Mapping[int, tuple[float, RunId]], seeds: Sequence[int]) -> str:
    """Which seeds are missing."""
    lacking = [str(seed) for seed in seeds if seed not in found]
    return f"not measured with seed {', '.join(lacking[:5])}"
