"""An evaluation's steps, with the platform's stores: a `governance.promotion.evaluations.CandidateEvaluations`."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sweepworks.provenance.work_tree import NotClean, require_clean

from governance.promotion.evaluations import (
    Beginning,
    Evaluation,
    EvaluationRecord,
    EvaluationRefused,
    EvaluationState,
    ProductionMoved,
    Subjects,
    TagTakenAway,
    evaluation_sweep,
    evaluation_sweep_id,
)
from governance.promotion.file import PROMOTION, parse_rule
from governance.promotion.gates.facts import Subject
from governance.promotion.gates.judgement import judge
from governance.promotion.gates.results import Verdict, in_words, overall
from governance.promotion.gates.statistic import statistic as statistic_of
from governance.promotion.policy import PromotionRule, Statistic
from governance.promotion.registry import ModelVersion
from orchestration.promotion.facts import collect
from orchestration.submission import submission_of, submit
from sweeps.blobs import BlobKey
from sweeps.errors import (
    ArtifactNotFound,
    LauncherUnavailable,
    PermanentError,
    RunsElsewhere,
    StateConflict,
    StorageUnavailable,
    SweepNotFound,
)
from sweeps.ids import SweepId, TenantId
from sweeps.objectives import Direction
from sweeps.states import RunState, SweepRequest, SweepState

if TYPE_CHECKING:
    from orchestration.platform import Platform
    from storage.promotion.candidate_facts import Candidate


class PlatformEvaluations:
    """Takes evaluations through their steps."""

    def __init__(self, platform: "Platform") -> None:
        self._platform = platform
        self._store = platform.evaluations

    def attach(self, evaluation_id: str, *, dagster_run_id: str) -> Evaluation:
        """Note which Dagster run works on it."""
        self._store.attach(evaluation_id, dagster_run_id=dagster_run_id)
        return self._store.get(evaluation_id)

    def request_again(self, found: Evaluation, *, by: str) -> Evaluation:
        """Ask for another evaluation of a run, after its newest one: that one, while it is open.

        What that one has led to, and is in production by the policy as it is now, has nothing more to
        show: it stays the newest one, and what explains the promotion.
        """
        rule = self._platform.policies.current(PROMOTION).value.rule_for(
            tenant=found.tenant_id, experiment=found.experiment
        )
        return self._store.request_again(found.run_id, tenant_id=found.tenant_id, by=by, rule=rule)

    def _in_production(self, found: Evaluation, rule: PromotionRule) -> ModelVersion | None:
        """What the alias of a rule means, for the tenant of a candidate."""
        registry = self._platform.registry
        number = registry.alias(rule.model, rule.alias, tenant_id=found.tenant_id)
        if number is None:
            return None
        return registry.version(rule.model, number, tenant_id=found.tenant_id)

    def begin(self, evaluation_id: str) -> Evaluation:
        """Check candidate and holdout, fix what is asked, submit the sweep that measures."""
        found = self._store.get(evaluation_id)
        try:
            if found.state is EvaluationState.REQUESTED:
                self._store.begin(evaluation_id, self._beginning(found))
                found = self._store.get(evaluation_id)
            if found.state is EvaluationState.RUNNING and found.sweep_id is None:
                self._submit(found)
        except PermanentError as exc:  # not an outage: the same again would fail the same way
            self._store.end(evaluation_id, EvaluationState.REFUSED, reason=str(exc))
        return self._store.get(evaluation_id)

    def _beginning(self, found: Evaluation) -> Beginning:
        platform = self._platform
        candidate = self._candidate(found)
        policy = platform.policies.current(PROMOTION)
        rule = policy.value.rule_for(tenant=found.tenant_id, experiment=found.experiment)
        if rule is None:
            raise EvaluationRefused(
                f"no rule of the policy `promotion` is for experiment {found.experiment!r} of "
                f"tenant {found.tenant_id}: `sweepworks policy show promotion` tells which there are"
            )
        self._check_candidate(candidate)
        sha256 = self._file(found, rule.artifact)
        production = self._in_production(found, rule)
        if production is not None and production.is_of(found.run_id, rule.artifact):
            raise EvaluationRefused(f"{found.run_id} is {rule.alias} already, as {production}")
        plan = rule.evaluation
        holdout = platform.datasets.pin(plan.holdout, tenant_id=found.tenant_id)
        look = platform.candidates.look_for_holdout(candidate, holdout=str(holdout))
        if look.leaks.told:
            others = len(look.leaks.told) - 1 + look.leaks.more
            more = f"; and {others} more runs" if others else ""
            raise EvaluationRefused(
                f"holdout {holdout} is known to the experiment: {look.leaks.told[0]}{more}"
            )
        if look.is_cut:
            raise EvaluationRefused(
                f"so much came out of what shares data with {holdout} that nobody can say whether "
                "the experiment knows it: take another holdout"
            )
        if plan.source is None and candidate.source_dir is None:
            raise EvaluationRefused(
                "a run outside sweeps has no folder of code: write evaluation.source into the rule"
            )
        if plan.source is None and candidate.source_dir and platform.settings.cluster is None:
            _check_code(Path(candidate.source_dir))
        return Beginning(
            rule=rule,
            policy_version=policy.version,
            sha256=sha256,
            dataset_id=holdout.dataset_id,
            dataset_number=holdout.number,
            compared_with=production.number if production and rule.gates.comparisons else None,
        )

    def _candidate(self, found: Evaluation) -> "Candidate":
        return self._platform.candidates.candidate(found.run_id, tenant_id=found.tenant_id)

    def _check_candidate(self, candidate: "Candidate") -> None:
        if candidate.sweep_kind == "evaluation":
            raise EvaluationRefused(
                f"{candidate.run_id} is itself a run of an evaluation: tag the run that it measures"
            )
        if candidate.state == RunState.STOPPED:
            raise EvaluationRefused(
                f"{candidate.run_id} was pruned: {candidate.reason or 'stopped by the search'}"
            )
        if candidate.state != RunState.COMPLETED:
            raise EvaluationRefused(f"{candidate.run_id} is {candidate.state}, not completed")

    def _file(self, found: Evaluation, artifact: str) -> str:
        """sha256 of the candidate's file, which is there."""
        try:
            file = self._platform.artifacts.get(found.run_id, artifact, tenant_id=found.tenant_id)
        except ArtifactNotFound as exc:
            raise EvaluationRefused(
                f"{found.run_id} has no artifact {artifact!r}, or it was pruned"
            ) from exc
        key = BlobKey(tenant_id=found.tenant_id, sha256=file.sha256)
        if self._platform.artifact_store.size_of(key) is None:
            raise EvaluationRefused(f"the bytes of {found.run_id}/{artifact} were pruned")
        return file.sha256

    def _submit(self, found: Evaluation) -> None:
        """The sweep that measures: the same name whoever does it again."""
        rule, candidate = self._rule(found), self._candidate(found)
        sweep_id = evaluation_sweep_id(found.experiment, found.evaluation_id)
        spec = evaluation_sweep(
            rule,
            tenant=found.tenant_id,
            experiment=found.experiment,
            owner=found.requested_by,
            subjects=self._subjects(found),
            image=candidate.image,
        )
        submitted = submission_of(
            spec,
            sweep_id=sweep_id,
            source_dir=rule.evaluation.source or candidate.source_dir or "",
            created_by=found.requested_by,
        )
        submit(self._platform, submitted, by_platform=True)
        self._store.note_sweep(found.evaluation_id, sweep_id)

    def _rule(self, found: Evaluation) -> PromotionRule:
        assert found.rule is not None  # it has begun
        return parse_rule(found.rule, source=f"rule of {found.evaluation_id}")

    def _subjects(self, found: Evaluation) -> Subjects:
        production = None
        if found.compared_with is not None and found.model is not None:
            version = self._platform.registry.version(
                found.model, found.compared_with, tenant_id=found.tenant_id
            )
            production = f"{version.run_id}/{version.artifact}"
        return Subjects(candidate=f"{found.run_id}/{found.artifact}", production=production)

    def look(self, evaluation_id: str) -> Evaluation:
        """How far it is; keeps its sweep going, and ends both when one has lost its sense."""
        found = self._tagged(evaluation_id)
        if found.state.has_ended:  # withdrawn meanwhile
            self._end_sweep(found)
            return found
        if found.sweep_id is None or found.state is not EvaluationState.RUNNING:
            return found
        sweep = self._platform.catalog.get(found.sweep_id)
        try:
            assert found.artifact is not None  # it has begun
            self._file(found, found.artifact)
        except EvaluationRefused as exc:
            self._end_sweep(found)
            reason = f"the candidate was pruned during its evaluation: {exc}"
            self._store.end(evaluation_id, EvaluationState.REFUSED, reason=reason)
            return self._store.get(evaluation_id)
        if not sweep.state.is_terminal:
            self._look_after(found, found.sweep_id)
        return self._store.get(evaluation_id)

    def _tagged(self, evaluation_id: str) -> Evaluation:
        """As it is; withdrawn, if whoever took the tag away has not done that."""
        found = self._store.get(evaluation_id)
        if not found.state.has_ended and self._store.withdraw_untagged(found.run_id):
            return self._store.get(evaluation_id)
        return found

    def is_measured(self, evaluation: Evaluation) -> bool:
        """Whether all its runs are over, or none will ever be."""
        if evaluation.sweep_id is None:
            return evaluation.state.has_ended
        return self._platform.catalog.get(evaluation.sweep_id).state.is_terminal

    def _look_after(self, found: Evaluation, sweep_id: SweepId) -> None:
        from orchestration.controllers import Controllers

        try:
            with contextlib.suppress(StorageUnavailable, RunsElsewhere):
                Controllers(self._platform, sweep_id).look_after()
        except LauncherUnavailable as exc:
            self._end_sweep(found)
            self._store.end(found.evaluation_id, EvaluationState.FAILED, reason=str(exc))

    def _end_sweep(self, found: Evaluation) -> None:
        """Also one that was submitted, and nobody has come to note."""
        sweep_id = found.sweep_id or evaluation_sweep_id(found.experiment, found.evaluation_id)
        with contextlib.suppress(StateConflict, SweepNotFound):  # it has ended, or never was
            self._platform.catalog.request(sweep_id, SweepRequest.CANCEL)

    def cancel(self, evaluation_id: str, *, reason: str, dagster_run_id: str) -> None:
        """End its runs, and it, unless another Dagster run has it."""
        found = self._store.get(evaluation_id)
        if found.dagster_run_id not in {None, dagster_run_id} or found.is_at_rest:
            return
        self._end_sweep(found)
        self._store.end(evaluation_id, EvaluationState.FAILED, reason=reason)

    def measured(self, evaluation_id: str) -> EvaluationRecord:
        """Write down what its runs came to, once they have ended."""
        found = self._store.get(evaluation_id)
        if found.state is EvaluationState.RUNNING and found.sweep_id is not None:
            sweep = self._platform.catalog.get(found.sweep_id)
            crashed = self._store.crashed(found.sweep_id)
            if sweep.state is SweepState.CANCELLED:
                self._fail(found, f"its runs were cancelled: {sweep.reason}")
            elif crashed:
                more = f" (and {len(crashed) - 1} more)" if len(crashed) > 1 else ""
                self._fail(found, f"{crashed[0]}{more}")
            else:
                self._store.record_runs(evaluation_id, found.sweep_id, self._subjects(found))
        return self._store.record(evaluation_id)

    def _fail(self, found: Evaluation, reason: str) -> None:
        self._store.end(found.evaluation_id, EvaluationState.FAILED, reason=reason)

    def judge(self, evaluation_id: str) -> EvaluationRecord:
        """Collect the facts and judge them; written down."""
        self._tagged(evaluation_id)
        record = self._store.record(evaluation_id)
        found = record.evaluation
        if found.state not in {EvaluationState.RUNNING, EvaluationState.WAITING}:
            return record
        try:
            assert found.artifact is not None  # it has begun
            self._file(found, found.artifact)
        except EvaluationRefused as exc:
            reason = f"the candidate was pruned during its evaluation: {exc}"
            self._store.end(evaluation_id, EvaluationState.REFUSED, reason=reason)
            return self._store.record(evaluation_id)
        rule, judged_at = self._rule(found), self._store.now()
        facts = collect(self._platform, record, rule, self._candidate(found))
        results = judge(rule, facts)
        state = {
            Verdict.PASSED: EvaluationState.RUNNING,
            Verdict.WAITING: EvaluationState.WAITING,
            Verdict.FAILED: EvaluationState.REJECTED,
        }[overall(results)]
        self._store.record_judgement(
            evaluation_id, results, state=state, reason=in_words(results), judged_at=judged_at
        )
        return self._store.record(evaluation_id)

    def promote(self, evaluation_id: str) -> int | None:
        """Register a version and move the alias, if every gate has passed: its number."""
        record = self._store.record(evaluation_id)
        found = record.evaluation
        if found.state is EvaluationState.PROMOTED or (
            record.gates and overall(record.gates) is Verdict.PASSED and not found.state.has_ended
        ):
            return self._promote(record)
        return None

    def _promote(self, record: EvaluationRecord) -> int | None:
        found, rule = record.evaluation, self._rule(record.evaluation)
        try:
            return self._platform.registry.promote(
                found.evaluation_id,
                rule,
                tenant_id=TenantId(found.tenant_id),
                compared_with=found.compared_with,
                metrics=summary(record, rule),
                by=found.requested_by,
            )
        except TagTakenAway:
            self._store.withdraw_untagged(found.run_id)
        except ProductionMoved:  # after it was judged: judged again, it fails, and says why
            self.judge(found.evaluation_id)
        except ArtifactNotFound:
            self._store.end(
                found.evaluation_id,
                EvaluationState.REFUSED,
                reason=f"the candidate was pruned: {found.run_id} has no {found.artifact} any more",
            )
        return None


def _check_code(folder: Path) -> None:
    """Whether the code that measures is a commit's, before anything runs."""
    try:
        require_clean(folder)
    except NotClean as exc:
        raise EvaluationRefused(
            f"the code that measures is in the folder of the candidate's sweep: {exc}; or write "
            "evaluation.source into the rule"
        ) from exc


def summary(record: EvaluationRecord, rule: PromotionRule) -> Mapping[str, Mapping[str, float]]:
    """What the candidate's runs came to, metric by metric: mean, least and greatest."""
    values: dict[str, list[float]] = {}
    for one in record.measurements:
        if one.subject is Subject.CANDIDATE:
            for name in rule.metrics:
                if name in one.metrics:
                    values.setdefault(name, []).append(one.metrics[name])
    return {
        name: {
            "mean": statistic_of(found, Statistic.MEAN, Direction.MINIMIZE, 0.5),
            "min": min(found),
            "max": max(found),
            "seeds": float(len(found)),
        }
        for name, found in values.items()
    }
