"""All that is known of a candidate when it is judged, collected from the stores."""

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING

from governance.cost.prices import Resource
from governance.cost.report import GroupBy
from governance.lineage.facts import RunFacts
from governance.promotion.evaluations import EvaluationRecord
from governance.promotion.gates.facts import DataState, Facts, RerunState, TrainingCost
from governance.promotion.policy import PromotionRule
from storage.cost.holdings import CostFilter
from sweeps import reproduction
from sweeps.datasets import DatasetReference
from sweeps.errors import RunNotFound
from sweeps.lineage import Kind, Node
from sweeps.reproduction import Tolerance, Verdict

if TYPE_CHECKING:
    from orchestration.platform import Platform
    from storage.promotion.candidate_facts import Candidate

_MOST_RERUNS = 10


def collect(
    platform: "Platform", record: EvaluationRecord, rule: PromotionRule, candidate: "Candidate"
) -> Facts:
    """What gates ask for, each from where it is known.

    Raises:
        RunNotFound: The candidate is gone.
        StorageUnavailable: The database does not answer.
    """
    found, tenant_id = record.evaluation, record.evaluation.tenant_id
    look = platform.candidates.look_for_holdout(candidate, holdout=str(rule.evaluation.holdout))
    node = Node(f"{Kind.RUN}:{found.run_id}")
    run = platform.lineage.facts([node], tenant_id=tenant_id).get(node)
    if not isinstance(run, RunFacts):
        raise RunNotFound(found.run_id)
    return Facts(
        owners=candidate.owners,
        leaks=look.leaks,
        looked_at_runs=look.runs,
        is_look_cut=look.is_cut,
        measurements=record.measurements,
        measured_with=platform.evaluations.measured_with(found.evaluation_id),
        code=platform.evaluations.judging_code(found.evaluation_id),
        is_in_pods=platform.settings.cluster is not None,
        production=found.compared_with,
        training=_training(platform, candidate),
        run=run,
        model=platform.candidates.came_out_of(found.run_id, rule.artifact, tenant_id=tenant_id),
        reruns=_reruns(platform, rule, candidate),
        data=_data(platform, rule, candidate),
        approved_by=[approval.approved_by for approval in record.approvals],
        production_now=platform.registry.alias(rule.model, rule.alias, tenant_id=tenant_id)
        if rule.gates.comparisons
        else None,
    )


def _training(platform: "Platform", candidate: "Candidate") -> TrainingCost:
    """From the ledger, and at today's prices where it does not reach yet."""
    attempts = platform.candidates.attempts(candidate.run_id)
    if not attempts:
        return TrainingCost(
            usd=None, gpu_hours=None, attempts=0, source="no launcher has executed it"
        )
    sheet = platform.cost_reader.all_of(
        GroupBy.RUN, of=CostFilter(run_id=candidate.run_id), now=dt.datetime.now(dt.UTC)
    )
    is_whole = not any(line.unpriced for line in sheet.lines)
    gpus = [line.quantity for line in sheet.lines if line.resource == Resource.GPU]
    return TrainingCost(
        usd=sum((line.amount_usd for line in sheet.lines), Decimal(0)) if is_whole else None,
        gpu_hours=sum(gpus),
        attempts=attempts,
        source="the ledger, at the prices that ship" if sheet.has_example_prices else "the ledger",
    )


def _reruns(platform: "Platform", rule: PromotionRule, candidate: "Candidate") -> list[RerunState]:
    """The newest reruns that have ended, if a gate asks for them."""
    asked = rule.gates.reproducible
    if asked is None or asked.rerun_within is None:
        return []
    tolerance = Tolerance(most=asked.rerun_within)
    states: list[RerunState] = []
    names = platform.reruns.reruns_of(candidate.run_id, tenant_id=candidate.tenant_id)
    for name in reversed(names[-_MOST_RERUNS:]):
        is_over = platform.runs.get(name, tenant_id=candidate.tenant_id).run.state.is_terminal
        judged = reproduction.judge(
            platform.reproductions.differences(candidate.run_id, name), tolerance=tolerance, of={}
        )
        verdict = reproduction.overall(judged) if is_over else Verdict.NOT_COMPARABLE
        states.append(RerunState(run_id=name, verdict=verdict))
    return states


def _data(platform: "Platform", rule: PromotionRule, candidate: "Candidate") -> list[DataState]:
    """Of what the candidate learnt from, also by what it was tuned from, and of the holdout."""
    tenant_id = candidate.tenant_id
    used = platform.candidates.learnt_from(candidate.run_id, tenant_id=tenant_id)
    states: list[DataState] = []
    for name in dict.fromkeys([*used, str(rule.evaluation.holdout)]):
        version = platform.datasets.get(DatasetReference.parse(name), tenant_id=tenant_id)
        suite = platform.suites.find(version.row.name, tenant_id=tenant_id)
        look = platform.datasets.newest_look(version.pinned())
        must_look = suite is not None and suite.is_blocking
        is_stale = (
            must_look and look is not None and suite is not None
            and look.suite_digest != suite.digest
        )  # fmt: skip
        known = None if look is None or is_stale else look
        states.append(
            DataState(
                version=name,
                used_by=used.get(name),
                has_passed=None if known is None else not known.blocking,
                must_be_checked=must_look,
                failed=() if known is None else tuple(r.expectation for r in known.blocking),
            )
        )
    return states
