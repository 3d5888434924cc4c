"""What gates say: criteria with what was asked, found, and from what; verdicts of all of them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from governance.promotion.policy import Gate


class Verdict(StrEnum):
    """What a gate says."""

    PASSED = "passed"
    FAILED = "failed"
    WAITING = "waiting"  #: for people


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One thing that a gate asks for."""

    subject: str  #: a metric, a dataset, a person
    asked: str
    value: float | str | None
    bound: float | str | None
    has_passed: bool
    evidence: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """What became of one kind of gate."""

    gate: Gate
    verdict: Verdict
    criteria: tuple[Criterion, ...] = ()  #: none: it was not asked for

    @property
    def failed(self) -> tuple[Criterion, ...]:
        """What is missing."""
        return tuple(one for one in self.criteria if not one.has_passed)


def result_of(gate: Gate, criteria: Sequence[Criterion]) -> GateResult:
    """Passed if every criterion has."""
    has_passed = all(one.has_passed for one in criteria)
    verdict = Verdict.PASSED if has_passed else Verdict.FAILED
    return GateResult(gate=gate, verdict=verdict, criteria=tuple(criteria))


def overall(results: Sequence[GateResult]) -> Verdict:
    """Passed only if every gate has; a failed one outweighs one that waits."""
    verdicts = {result.verdict for result in results}
    if not results or Verdict.FAILED in verdicts:
        return Verdict.FAILED
    return Verdict.WAITING if Verdict.WAITING in verdicts else Verdict.PASSED


def in_words(results: Sequence[GateResult]) -> str:
    """What is missing, a sentence."""
    missing = [
        f"{result.gate}: " + "; ".join(_says(one) for one in result.failed[:3])
        for result in results
        if result.verdict is not Verdict.PASSED
    ]
    return " | ".join(missing) or "every gate has passed"


def _says(criterion: Criterion) -> str:
    value = criterion.value
    shown = f"{value:.6g}" if isinstance(value, float) else str(value)
    return f"{criterion.subject}: {shown}, asked is {criterion.asked}"
