"""A rule out of what its sections have read. Pure."""

from collections.abc import Mapping
from typing import Any

from governance.promotion.policy import (
    Approvals,
    Comparison,
    Deployment,
    EvaluationPlan,
    Gates,
    PromotionRule,
    Reproducible,
    Statistic,
    Threshold,
    TrainingCeiling,
)
from sweeps.objectives import Direction
from sweeps.sweep_files.resources_section import resources_of


def rule_of(read: Mapping[str, Any], written: Mapping[str, object]) -> PromotionRule:
    """The rule, from values that are good.

    Args:
        written: As its author wrote it; that is kept with every evaluation.
    """
    gates, deployment = read["gates"], read["deployment"]
    return PromotionRule(
        tenant=read["tenant"],
        experiment=read["experiment"],
        model=read["model"],
        artifact=read["artifact"],
        alias=read["alias"],
        evaluation=plan_of(read["evaluation"]),
        gates=Gates(
            thresholds=tuple(map(_threshold, gates["thresholds"])),
            comparisons=tuple(map(_comparison, gates["not_worse_than_production"])),
            training=_training(gates["training"]),
            serving=tuple(map(_threshold, gates["serving"])),
            lineage=gates["lineage"],
            reproducible=None
            if gates["reproducible"] is None
            else Reproducible(rerun_within=gates["reproducible"]["rerun_within"]),
            data_checks=gates["data_checks"],
            approvals=None
            if gates["approvals"] is None
            else Approvals(count=gates["approvals"]["count"], by=gates["approvals"]["by"]),
        ),
        deployment=Deployment(
            image=deployment["image"],
            inference=deployment["inference"],
            rollout=deployment["rollout"],
        ),
        document=dict(written),
    )


def plan_of(read: Mapping[str, Any]) -> EvaluationPlan:
    """How a candidate is measured, from values that are good."""
    return EvaluationPlan(
        command=read["command"],
        holdout=read["holdout"],
        seeds=read["seeds"],
        data=read["data"],
        source=read["source"],
        image=read["image"],
        resources=resources_of(read["resources"]),
        environment=read["environment"],
        timeout=read["timeout"],
        max_parallel=read["max_parallel"],
    )


def _threshold(read: Mapping[str, Any]) -> Threshold:
    is_least = read["at_least"] is not None
    return Threshold(
        metric=read["metric"],
        bound=read["at_least"] if is_least else read["at_most"],
        direction=Direction.MAXIMIZE if is_least else Direction.MINIMIZE,
        on=Statistic(read["on"]),
        confidence=read["confidence"],
    )


def _comparison(read: Mapping[str, Any]) -> Comparison:
    return Comparison(
        metric=read["metric"],
        direction=Direction(read["direction"]),
        margin=read["margin"],
        is_relative=read["relative"],
        on=Statistic(read["on"]),
        confidence=read["confidence"],
    )


def _training(read: Mapping[str, Any] | None) -> TrainingCeiling | None:
    if read is None:
        return None
    return TrainingCeiling(usd=read["max_cost_usd"], gpu_hours=read["max_gpu_hours"])
