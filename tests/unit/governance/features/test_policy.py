"""Features: for whom each is on, what a file says of them, and that each has one gate."""

import re
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.features.catalogue import FLAGS, Feature, Stage
from governance.features.file import FEATURES, parse_features, reread_features
from governance.features.policy import FeaturePolicy, FeatureRule, refusal
from sweeps.errors import InvalidSweepFile
from sweeps.policies import AppliedPolicy

ROOT = Path(__file__).parents[4]
PACKAGES = ("orchestration", "gateway", "assets", "storage", "retention", "governance", "sweeps")


def is_on(text: str, tenant: str, experiment: str = "digits") -> bool:
    policy = parse_features(f"features: {{bohb: {text}}}", source="features.yaml")
    return policy.is_on(Feature.BOHB, tenant=tenant, experiment=experiment)


@pytest.mark.parametrize("feature", Feature)
def test_what_no_file_names_is_as_it_ships(feature: Feature) -> None:
    policy = parse_features("features: {}", source="features.yaml")

    assert policy.is_on(feature, tenant="vision", experiment="x") is FLAGS[feature].is_on


@pytest.mark.parametrize("on", [True, False])
def test_a_rule_that_names_nobody_is_about_everybody(on: bool) -> None:
    text = f"{{on: {str(on).lower()}}}"

    assert [is_on(text, tenant) for tenant in ("vision", "speech")] == [on, on]


def test_who_is_named_has_it_and_the_others_have_not() -> None:
    assert is_on("{on: true, tenants: [vision]}", "vision")
    assert not is_on("{on: true, tenants: [vision]}", "speech")
    assert not is_on("{on: false, tenants: [vision]}", "vision")
    assert is_on("{on: false, tenants: [vision]}", "speech")


def test_experiments_are_patterns_and_of_the_tenants_that_are_named() -> None:
    text = '{on: true, tenants: [vision], experiments: ["digits-*"]}'

    assert is_on(text, "vision", "digits-mlp")
    assert not is_on(text, "vision", "words")
    assert not is_on(text, "speech", "digits-mlp")


_NAMES = st.lists(st.sampled_from(["a", "b", "c"]), max_size=2).map(tuple)


@given(tenants=_NAMES, experiments=_NAMES, asked=st.tuples(*[st.sampled_from("abc")] * 2))
def test_off_is_the_opposite_of_on(
    tenants: tuple[str, ...], experiments: tuple[str, ...], asked: tuple[str, str]
) -> None:
    on, off = (
        FeatureRule(is_on=one, tenants=tenants, experiments=experiments) for one in (True, False)
    )
    tenant, experiment = asked

    answers = [rule.is_on_for(tenant=tenant, experiment=experiment) for rule in (on, off)]

    assert sorted(answers) == [False, True]


def test_a_feature_that_there_is_not_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(InvalidSweepFile) as caught:
        parse_features("features:\n  bhob: {on: true}\n  zzz: {}\n", source="features.yaml")

    near, far = caught.value.problems
    assert (near.path, near.line) == ("features.bhob", 2)
    assert near.hint == "did you mean 'bohb'?"
    assert all(str(feature) in far.hint for feature in Feature)


def test_a_version_that_names_what_is_gone_is_read_without_it_and_says_so() -> None:
    text = "features: {warp_drive: {on: true}, bohb: {on: false}}"

    policy, left_out = reread_features(text, source="features (version 3)")

    assert policy == FeaturePolicy(rules={Feature.BOHB: FeatureRule(is_on=False)})
    assert left_out == ("features.warp_drive: there is no feature 'warp_drive'",)
    with pytest.raises(InvalidSweepFile):  # nothing else of it is forgiven
        reread_features("features: {warp_drive: {}, bohb: {on: perhaps}}", source="x")


def test_a_refusal_says_who_can_switch_it_on_and_what_to_do_instead() -> None:
    off = FeaturePolicy(rules={Feature.OPTUNA: FeatureRule(is_on=False)})
    applied = AppliedPolicy(value=off, text="", version=3, applied_by="ana")

    refused = refusal(applied, Feature.OPTUNA, tenant="vision", experiment="digits")

    assert refused is not None
    assert refused[0] == (
        "optuna is switched off for experiment digits of tenant vision, by version 3 of the policy "
        "features"
    )
    assert refused[1].startswith("write `bayes`, or `random`; or ask ana, ")
    assert refusal(applied, Feature.BOHB, tenant="vision", experiment="digits") is None


def test_who_reads_the_default_or_the_docs_finds_every_feature() -> None:
    ships = (files("governance.policies") / FEATURES.file_name).read_text(encoding="utf-8")
    docs = (ROOT / "docs/policies.md").read_text(encoding="utf-8")

    for feature, flag in FLAGS.items():
        assert re.search(rf"^#   {feature} +{flag.stage} ", ships, re.MULTILINE)
        assert re.search(rf"^\| `{feature}` \| {flag.stage} \| ", docs, re.MULTILINE)
    assert set(FLAGS) == set(Feature)
    assert set(Stage) >= {flag.stage for flag in FLAGS.values()}


@pytest.mark.parametrize("feature", Feature)
def test_every_feature_has_its_gate_in_one_place(feature: Feature) -> None:
    name = f"Feature.{feature.name}"
    modules = [
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if re.search(rf"\b{re.escape(name)}\b", path.read_text(encoding="utf-8"))
    ]

    assert [module for module in modules if not module.endswith("features/catalogue.py")] != []
    assert len(modules) == 2
