"""Every gate of a rule, held to the facts of a candidate. Pure."""

from governance.promotion.gates.approvals import approvals
from governance.promotion.gates.data import data_of
from governance.promotion.gates.facts import Facts, Subject
from governance.promotion.gates.holdout import unseen
from governance.promotion.gates.lineage import lineage
from governance.promotion.gates.measurement import by_code, of_model, on_holdout
from governance.promotion.gates.production import not_worse
from governance.promotion.gates.reproducibility import reproducible
from governance.promotion.gates.results import GateResult, result_of
from governance.promotion.gates.thresholds import reaches
from governance.promotion.gates.training import training
from governance.promotion.gates.values import values_of
from governance.promotion.policy import Gate, PromotionRule


def judge(rule: PromotionRule, facts: Facts) -> tuple[GateResult, ...]:
    """What every gate says, in their order."""
    gates = rule.gates
    candidate = values_of(facts, Subject.CANDIDATE)
    seeds = rule.evaluation.seeds
    return (
        result_of(Gate.HOLDOUT, [unseen(rule, facts)]),
        result_of(
            Gate.MEASUREMENT, [on_holdout(rule, facts), by_code(rule, facts), of_model(facts)]
        ),
        result_of(Gate.THRESHOLDS, [reaches(one, candidate, seeds) for one in gates.thresholds]),
        result_of(Gate.PRODUCTION, not_worse(rule, facts, candidate)),
        result_of(Gate.TRAINING, training(rule, facts)),
        result_of(Gate.SERVING, [reaches(one, candidate, seeds) for one in gates.serving]),
        result_of(Gate.LINEAGE, lineage(facts) if gates.lineage else []),
        result_of(Gate.REPRODUCIBLE, reproducible(rule, facts)),
        result_of(Gate.DATA, [data_of(one) for one in facts.data] if gates.data_checks else []),
        approvals(rule, facts),
    )
