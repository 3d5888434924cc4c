"""Gates: whether a candidate has earned it, as functions of facts. Pure.

Each kind of gate gives one result with its criteria: what was asked, what was found, and from what.
What is not known is not passed.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from governance.lineage.facts import RunFacts
from governance.lineage.rules import ModelFacts, of_model, of_run
from governance.promotion.holdout import Leak
from governance.promotion.policy import (
    Comparison,
    Gate,
    PromotionRule,
    Statistic,
    Threshold,
)
from sweeps.ids import RunId
from sweeps.objectives import Direction
from sweeps.reproduction import Verdict as Reproduction


class Subject(StrEnum):
    """Whose file a run of an evaluation has measured."""

    CANDIDATE = "candidate"
    PRODUCTION = "production"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one run of the evaluation came to."""

    run_id: RunId
    subject: Subject
    seed: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredWith:
    """What one run of the evaluation measured with."""

    run_id: RunId
    data: Sequence[str]  #: versions of datasets that it has used
    commit: str | None  #: that its script was of; None: it has not said
    is_dirty: bool  #: the code differed from the commit


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgingCode:
    """Code of the evaluation's command, as it was when its sweep was submitted."""

    image: str | None  #: of its pods, if it has one of its own
    commit: str | None  #: None: in no repository
    differing: Sequence[str]  #: paths that are not as the commit has them


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingCost:
    """What the attempts of the candidate cost."""

    usd: Decimal | None  #: None: some of it has no price, or nobody knows of it
    gpu_hours: float | None  #: None: nobody knows
    attempts: int
    source: str  #: where the figure is from


@dataclass(frozen=True, slots=True, kw_only=True)
class DataState:
    """What the last look at a version of a dataset found."""

    version: str
    has_passed: bool | None  #: None: nobody has looked
    must_be_checked: bool  #: something is expected of it that blocks
    failed: tuple[str, ...] = ()  #: expectations


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunState:
    """A rerun of the candidate, and how near it came."""

    run_id: RunId
    verdict: Reproduction


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is known of a candidate when it is judged."""

    owners: frozenset[str]  #: who made the run, and whose experiment it is
    leaks: Sequence[Leak]
    looked_at_runs: int  #: of the experiment, when its holdout was looked for
    is_look_cut: bool  #: more came out of the holdout than was read, so that nothing is proven
    measurements: Sequence[Measurement]
    measured_with: Sequence[MeasuredWith]
    code: JudgingCode
    is_in_pods: bool  #: trials run in a cluster, with the code of their image
    production: int | None  #: version that ran beside the candidate
    training: TrainingCost
    run: RunFacts
    model: ModelFacts  #: what the artifact came out of
    reruns: Sequence[RerunState]
    data: Sequence[DataState]
    approved_by: Sequence[str]
    production_now: int | None  #: version that the alias means now


def judge(rule: PromotionRule, facts: Facts) -> tuple[GateResult, ...]:
    """What every gate says, in their order."""
    gates = rule.gates
    candidate = _values(facts, Subject.CANDIDATE)
    seeds = rule.evaluation.seeds
    return (
        _gate(Gate.HOLDOUT, [_unseen(rule, facts)]),
        _gate(Gate.MEASUREMENT, [_on_holdout(rule, facts), _by_code(rule, facts)]),
        _gate(Gate.THRESHOLDS, [_reaches(one, candidate, seeds) for one in gates.thresholds]),
        _gate(Gate.PRODUCTION, _not_worse(rule, facts, candidate)),
        _gate(Gate.TRAINING, _training(rule, facts)),
        _gate(Gate.SERVING, [_reaches(one, candidate, seeds) for one in gates.serving]),
        _gate(Gate.LINEAGE, _lineage(facts) if gates.lineage else []),
        _gate(Gate.REPRODUCIBLE, _reproducible(rule, facts)),
        _gate(Gate.DATA, [_data(one) for one in facts.data] if gates.data_checks else []),
        _approvals(rule, facts),
    )


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


def _gate(gate: Gate, criteria: Sequence[Criterion]) -> GateResult:
    has_passed = all(one.has_passed for one in criteria)
    verdict = Verdict.PASSED if has_passed else Verdict.FAILED
    return GateResult(gate=gate, verdict=verdict, criteria=tuple(criteria))


_Values = Mapping[str, Mapping[int, tuple[float, RunId]]]  # metric, seed


def _values(facts: Facts, subject: Subject) -> _Values:
    values: dict[str, dict[int, tuple[float, RunId]]] = {}
    for one in facts.measurements:
        if one.subject is subject:
            for metric, value in one.metrics.items():
                values.setdefault(metric, {})[one.seed] = (value, one.run_id)
    return values


def _unseen(rule: PromotionRule, facts: Facts) -> Criterion:
    found = [str(leak) for leak in facts.leaks]
    value = "so much came out of it that nobody can say" if facts.is_look_cut else "unseen"
    return Criterion(
        subject=str(rule.evaluation.holdout),
        asked="no run of the experiment has learnt from it",
        value=found[0] if found else value,
        bound="unseen",
        has_passed=not found and not facts.is_look_cut,
        evidence={"runs": facts.looked_at_runs, "paths": found},
    )


def _on_holdout(rule: PromotionRule, facts: Facts) -> Criterion:
    """A run that has used another version of that data has measured something else."""
    holdout = rule.evaluation.holdout
    used_by = {one.run_id: one.data for one in facts.measured_with}
    wrong: list[str] = []
    for run_id in dict.fromkeys(one.run_id for one in facts.measurements):
        used = [v for v in used_by.get(run_id, ()) if v.partition("@")[0] == holdout.name]
        if used != [str(holdout)]:
            wrong.append(f"{run_id} used {', '.join(used) or 'none of it'}")
    return Criterion(
        subject=str(holdout),
        asked="every run has measured on exactly this version",
        value=wrong[0] if wrong else str(holdout) if facts.measurements else "nothing was measured",
        bound=str(holdout),
        has_passed=bool(facts.measurements) and not wrong,
        evidence={"wrong": wrong},
    )


def _by_code(rule: PromotionRule, facts: Facts) -> Criterion:
    """Whoever owns the candidate may change its folder; the policy names other code, or a commit does."""
    code, source = facts.code, rule.evaluation.source
    evidence: dict[str, object] = {
        "image": code.image,
        "source": source,
        "commit": code.commit,
        "differing": list(code.differing),
    }
    trouble = None
    if facts.is_in_pods:
        value = code.image or "the image of the installation"
        is_by_digest = code.image is None or "@sha256:" in code.image
        if not is_by_digest and rule.evaluation.image is None:
            trouble = value = f"{code.image} may be another image tomorrow"
    elif source is not None:
        value = f"{source}, as the policy says"
    else:
        trouble = _uncommitted(facts)
        value = trouble or f"commit {code.commit}"
    return Criterion(
        subject="code that measures",
        asked="of one commit as it is, of an image by its digest, or where the policy says",
        value=value,
        bound=None,
        has_passed=trouble is None,
        evidence=evidence,
    )


def _uncommitted(facts: Facts) -> str | None:
    """Why nobody can say which code has measured. What the runs found counts as well."""
    code = facts.code
    if code.commit is None:
        return "no commit has it"
    if code.differing:
        return f"{', '.join(code.differing[:3])} differed from commit {code.commit}"
    for one in facts.measured_with:
        if one.commit != code.commit or one.is_dirty:
            what = f"commit {one.commit}" if one.commit else "no commit"
            return f"{one.run_id} ran {what}{' with changes' if one.is_dirty else ''}"
    return None


def _reaches(asked: Threshold, values: _Values, seeds: Sequence[int]) -> Criterion:
    found = values.get(asked.metric, {})
    numbers = [value for value, _ in found.values()]
    is_complete = set(found) >= set(seeds)
    value = statistic(numbers, asked.on, asked.direction, asked.confidence) if is_complete else None
    is_least = asked.direction is Direction.MAXIMIZE
    has_passed = value is not None and (value >= asked.bound if is_least else value <= asked.bound)
    return Criterion(
        subject=asked.metric,
        asked=f"{_name(asked.on, asked.confidence)} {'>=' if is_least else '<='} {asked.bound:g}",
        value=value if is_complete else _unmeasured(found, seeds),
        bound=asked.bound,
        has_passed=has_passed,
        evidence=_evidence(found),
    )


def statistic(
    values: Sequence[float], on: Statistic, direction: Direction, confidence: float
) -> float:
    """What of the values is held to a bound. NaN if one of them is, which reaches none."""
    if any(math.isnan(value) for value in values):
        return math.nan
    pick = min if direction is Direction.MAXIMIZE else max
    match on:
        case Statistic.MEAN:
            return _mean(values)
        case Statistic.WORST:
            return float(pick(values))
        case Statistic.CONFIDENCE:
            half = _half_width(values, confidence)
            return _mean(values) + (-half if direction is Direction.MAXIMIZE else half)


def _mean(values: Sequence[float]) -> float:
    if not all(map(math.isfinite, values)):
        return sum(values)
    return math.fsum(value / len(values) for value in values)  # divided first: no sum overflows


def _half_width(values: Sequence[float], confidence: float) -> float:
    """From the mean to its one-sided bound, by Student's t. NaN of a single value."""
    if len(values) < 2:
        return math.nan
    if not all(map(math.isfinite, values)):
        return math.inf
    # Imported when it is needed: it takes a while.
    from scipy.special import stdtrit  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType] - it has none

    quantile = float(stdtrit(len(values) - 1, confidence))  # pyright: ignore[reportUnknownArgumentType]
    try:
        return quantile * statistics.stdev(values) / math.sqrt(len(values))
    except OverflowError:
        return math.inf


def _not_worse(rule: PromotionRule, facts: Facts, candidate: _Values) -> list[Criterion]:
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
    production = _values(facts, Subject.PRODUCTION)
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
    asked: Comparison, number: int, candidate: _Values, production: _Values, seeds: Sequence[int]
) -> Criterion:
    ours, theirs = candidate.get(asked.metric, {}), production.get(asked.metric, {})
    evidence = {
        "candidate": _evidence(ours),
        "production": {"version": number, **_evidence(theirs)},
    }
    sign = "+" if asked.direction is Direction.MINIMIZE else "-"
    margin = f"{asked.margin:.4g}" + (" of it" if asked.is_relative else "")
    words = f"{_name(asked.on, asked.confidence)} within production {sign} {margin}"
    if not (set(ours) >= set(seeds) and set(theirs) >= set(seeds)):
        missing = ours if not set(ours) >= set(seeds) else theirs
        return Criterion(subject=asked.metric, asked=words, value=_unmeasured(missing, seeds),
                         bound=None, has_passed=False, evidence=evidence)  # fmt: skip
    # As losses, so that lower is better; the seeds are the same, so that they go in pairs.
    turn = -1.0 if asked.direction is Direction.MAXIMIZE else 1.0
    our = [turn * ours[seed][0] for seed in seeds]
    their = [turn * theirs[seed][0] for seed in seeds]
    if asked.on is Statistic.CONFIDENCE:
        pairs = [one - other for one, other in zip(our, their, strict=True)]
        value = statistic(pairs, asked.on, Direction.MINIMIZE, asked.confidence)
        base, scale = 0.0, _mean(their)
    else:
        value = statistic(our, asked.on, Direction.MINIMIZE, asked.confidence)
        base = scale = statistic(their, asked.on, Direction.MINIMIZE, asked.confidence)
    bound = base + (abs(scale) * asked.margin if asked.is_relative else asked.margin)
    return Criterion(
        subject=asked.metric,
        asked=words,
        value=turn * value,
        bound=turn * bound,
        # Never for NaN. Just at the margin, what adding rounds away is not held against it.
        has_passed=value <= bound or math.isclose(value, bound, rel_tol=1e-12),
        evidence=evidence,
    )


def _name(on: Statistic, confidence: float) -> str:
    return f"bound of the mean at {confidence:.4g}" if on is Statistic.CONFIDENCE else str(on)


def _evidence(found: Mapping[int, tuple[float, RunId]]) -> dict[str, object]:
    return {
        "by_seed": {str(seed): found[seed][0] for seed in sorted(found)},
        "runs": [found[seed][1] for seed in sorted(found)],
    }


def _unmeasured(found: Mapping[int, tuple[float, RunId]], seeds: Sequence[int]) -> str:
    lacking = [str(seed) for seed in seeds if seed not in found]
    return f"not measured with seed {', '.join(lacking[:5])}"


def _training(rule: PromotionRule, facts: Facts) -> list[Criterion]:
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


def _lineage(facts: Facts) -> list[Criterion]:
    findings = of_model(facts.model)
    return [
        Criterion(
            subject=facts.model.model,
            asked="its code and its data are recorded",
            value="; ".join(one.problem for one in findings) or "complete",
            bound="complete",
            has_passed=not findings,
            evidence={
                "runs": facts.model.runs,
                "datasets": facts.model.datasets,
                "mend": [one.mend for one in findings],
            },
        )
    ]


def _reproducible(rule: PromotionRule, facts: Facts) -> list[Criterion]:
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


def _data(data: DataState) -> Criterion:
    is_unchecked = data.has_passed is None and data.must_be_checked
    value = "passed" if data.has_passed else "nothing is expected of it"
    if data.has_passed is False:
        value = f"failed: {', '.join(data.failed[:5])}"
    elif is_unchecked:
        value = f"nobody has looked: `sweepworks data check {data.version}`"
    return Criterion(
        subject=f"dataset:{data.version}",
        asked="it meets what is expected of it",
        value=value,
        bound="passed",
        has_passed=data.has_passed is not False and not is_unchecked,
        evidence={"failed": list(data.failed)},
    )


def _approvals(rule: PromotionRule, facts: Facts) -> GateResult:
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
