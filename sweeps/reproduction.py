"""Whether a rerun came to the same metrics: verdicts by metric and as a whole. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sweeps.errors import PermanentError

DEFAULT_TOLERANCE = 0.01


class Verdict(StrEnum):
    """What became of a comparison, the best first."""

    BITWISE = "bitwise"
    WITHIN = "within tolerance"
    DIFFERS = "differs"
    NOT_COMPARABLE = "not comparable"

    @property
    def is_good(self) -> bool:
        """Whether the run was reproduced."""
        return self in {Verdict.BITWISE, Verdict.WITHIN}


class InvalidTolerance(PermanentError):
    """A tolerance that says nothing."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far two values may be apart: at most `most`, absolute or as a share of the larger one."""

    most: float
    is_absolute: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDifference:
    """A metric of two runs, at the steps that both have.

    Several values at one step are compared by the least and the greatest of them. What is not
    finite in one run alone is infinitely far off.
    """

    key: str
    kind: str  #: ``curve``, or ``report``, whose steps are resource levels
    steps: int  #: of the first run
    steps_again: int  #: of the second
    common: int
    different: int  #: of the common ones
    first_different: int | None  #: step
    largest_absolute: float | None
    absolute_at: int | None  #: step
    largest_relative: float | None  #: share of the larger of both values
    relative_at: int | None  #: step
    last_step: int | None
    last_step_again: int | None
    final: float | None  #: at the last step
    final_again: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedMetric:
    """A metric and what to think of it."""

    difference: MetricDifference
    verdict: Verdict
    why: str = ""  #: where the numbers do not say it


def parse_tolerance(text: str) -> Tolerance | None:
    """``0.01`` or ``rel:0.01``, ``abs:0.001``; None for ``ignore``.

    Raises:
        InvalidTolerance: It is none of these.
    """
    if text == "ignore":
        return None
    kind, colon, number = text.rpartition(":")
    try:
        most = float(number)
    except ValueError:
        most = -1.0
    if kind not in ({"abs", "rel"} if colon else {""}) or not 0 <= most < math.inf:
        raise InvalidTolerance(f"{text!r} is no tolerance; write 0.01, rel:0.01, abs:0.001, ignore")
    return Tolerance(most, is_absolute=kind == "abs")


def judge(
    differences: Iterable[MetricDifference],
    *,
    tolerance: Tolerance,
    of: Mapping[str, Tolerance | None],
) -> list[JudgedMetric]:
    """A verdict for each metric that is not to be ignored.

    Args:
        of: Tolerances of single metrics; None: it is ignored.
    """
    return [
        _judged(difference, of.get(difference.key) or tolerance)
        for difference in differences
        if not (difference.key in of and of[difference.key] is None)
    ]


def overall(judged: Sequence[JudgedMetric]) -> Verdict:
    """The worst of the metrics that the first run has: what cannot be compared is not proven."""
    return worst([metric.verdict for metric in judged if metric.difference.steps > 0])


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Of several ones: all of them must be good. Of none it is that nothing was compared."""
    order = (Verdict.DIFFERS, Verdict.NOT_COMPARABLE, Verdict.WITHIN, Verdict.BITWISE)
    return next((v for v in order if v in verdicts), Verdict.NOT_COMPARABLE)


def spread(pairs: Iterable[Sequence[MetricDifference]]) -> dict[str, MetricDifference]:
    """Of each metric the pair of reruns that are farthest apart: what the run does by itself.

    Args:
        pairs: The metrics of each pair of reruns.
    """
    farthest: dict[str, MetricDifference] = {}
    for metrics in pairs:
        for metric in metrics:
            known = farthest.get(metric.key)
            if known is None or (metric.largest_absolute or 0) > (known.largest_absolute or 0):
                farthest[metric.key] = metric
    return farthest


def _judged(metric: MetricDifference, tolerance: Tolerance) -> JudgedMetric:
    def verdict(found: Verdict, why: str = "") -> JudgedMetric:
        return JudgedMetric(difference=metric, verdict=found, why=why)

    if metric.steps == 0:
        return verdict(Verdict.NOT_COMPARABLE, "only the rerun has it")
    if metric.steps_again == 0:
        return verdict(Verdict.DIFFERS, "the rerun lacks it")
    if metric.common == 0:
        return verdict(Verdict.NOT_COMPARABLE, "they have no step in common")
    if (metric.last_step_again or 0) < (metric.last_step or 0):
        why = f"the rerun ends at step {metric.last_step_again}, not {metric.last_step}"
        return verdict(Verdict.DIFFERS, why)
    missing = metric.steps - metric.common
    why = f"{missing} steps are not in the rerun" if missing else ""
    if metric.different == 0:
        # Of what is not there nobody knows whether it is the same.
        return verdict(Verdict.WITHIN if missing else Verdict.BITWISE, why)
    off = metric.largest_absolute if tolerance.is_absolute else metric.largest_relative
    is_within = off is not None and off <= tolerance.most
    return verdict(Verdict.WITHIN if is_within else Verdict.DIFFERS, why)
