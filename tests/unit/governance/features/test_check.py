"""What a submission asks for that is switched off."""

import dataclasses

import pytest

from governance.features.catalogue import Feature
from governance.features.check import feature_problems
from governance.features.policy import FeaturePolicy, FeatureRule
from sweeps.policies import AppliedPolicy
from sweeps.specs import PodOptions, SchedulerSpec, SearcherSpec, StrategySpec, SweepSpec, TrialSpec
from tests.factories import a_spec

PODS = PodOptions(overrides={"pod_spec_config": {"hostNetwork": True}})


def a_strategy(name: str, searcher: str, scheduler: str = "none") -> SweepSpec:
    strategy = StrategySpec(
        name=name, searcher=SearcherSpec(name=searcher), scheduler=SchedulerSpec(name=scheduler)
    )
    return dataclasses.replace(a_spec(), strategy=strategy)


ASKING = {
    Feature.BOHB: ("strategy", a_strategy("bohb", "bayes", "asha")),
    Feature.OPTUNA: ("strategy", a_strategy("optuna", "optuna")),
    Feature.POD_OVERRIDES: (
        "trial.kubernetes.pod_spec_config",
        a_spec(trial=TrialSpec(command=("train",), pods=PODS)),
    ),
}


def applied(feature: Feature, *, is_on: bool) -> AppliedPolicy[FeaturePolicy]:
    rule = FeatureRule(is_on=is_on, tenants=("default",))
    return AppliedPolicy(
        value=FeaturePolicy(rules={feature: rule}), text="", version=1, applied_by="ana"
    )


@pytest.mark.parametrize("feature", ASKING)
def test_what_is_on_is_taken_and_what_is_off_is_refused(feature: Feature) -> None:
    path, spec = ASKING[feature]
    lines = {"strategy": 4, "trial": 9}

    taken = feature_problems(applied(feature, is_on=True), spec, lines=lines)
    (refused,) = feature_problems(applied(feature, is_on=False), spec, lines=lines)

    assert taken == []
    assert (refused.path, refused.line) == (path, lines[path.partition(".")[0]])
    assert f"{feature} is switched off" in refused.message
    assert "ask ana" in refused.hint


@pytest.mark.parametrize("feature", ASKING)
def test_a_sweep_that_asks_for_none_of_it_is_not_concerned(feature: Feature) -> None:
    assert feature_problems(applied(feature, is_on=False), a_spec()) == []


def test_bohb_is_off_also_where_its_halves_are_named() -> None:
    spec = a_strategy("hyperband", "bayes", "hyperband")

    assert feature_problems(applied(Feature.BOHB, is_on=False), spec)
    plain = a_strategy("hyperband", "random", "hyperband")
    assert feature_problems(applied(Feature.BOHB, is_on=False), plain) == []
