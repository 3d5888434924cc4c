"""The promotion policy as a file."""

import pytest

from governance.promotion.file import PROMOTION, parse_promotion, parse_rule
from governance.promotion.policy import Statistic
from governance.promotion.sections.names import InvalidModelName, check_alias, check_model_name
from sweeps.errors import InvalidSweepFile
from sweeps.objectives import Direction
from tests.unit.governance.promotion.worlds import RULE, THRESHOLD, a_rule


def problems(text: str) -> list[str]:
    with pytest.raises(InvalidSweepFile) as caught:
        parse_promotion(text, source="promotion.yaml")
    return [f"{one.path}: {one.message}" for one in caught.value.problems]


def test_nothing_is_promoted_by_default_and_the_example_in_its_comments_is_good() -> None:
    import importlib.resources

    text = (importlib.resources.files(PROMOTION.package) / PROMOTION.file_name).read_text()
    example = "\n".join(
        line.removeprefix("# ").removeprefix("#")
        for line in text.splitlines()
        if line.startswith(("#   ", "# rules:"))
    )

    assert not parse_promotion(text, source="default").rules
    assert not parse_promotion("# only a comment\n", source="empty").rules
    (rule,) = parse_promotion(example, source="example").rules
    assert rule.gates.thresholds[1].on is Statistic.CONFIDENCE
    assert rule.gates.serving[0].direction is Direction.MINIMIZE
    assert rule.deployment.rollout["flag"] == "new-digits"


def test_the_first_rule_that_fits_counts() -> None:
    text = RULE % (THRESHOLD, "0" * 64)
    second = (
        text.replace("rules:\n", "")
        .replace('"digits*"', '"*"')
        .replace("model: digits", "model: any")
    )
    policy = parse_promotion(text + second, source="p")

    first = policy.rule_for(tenant="default", experiment="digits-mlp")
    other = policy.rule_for(tenant="default", experiment="words")
    assert first is not None
    assert other is not None
    assert (first.model, other.model) == ("digits", "any")
    assert parse_promotion(text, source="p").rule_for(tenant="t", experiment="words") is None


def test_a_rule_is_read_back_from_what_is_kept_of_it() -> None:
    rule = a_rule(
        "thresholds: [{metric: accuracy, at_least: 0.9}], training: {max_cost_usd: 0.1}, "
        "approvals: {count: 2, by: [ana, ben]}, reproducible: {rerun_within: 0.01}"
    )

    assert parse_rule(rule.document, source="kept") == rule


def test_all_that_is_wrong_is_told_at_once() -> None:
    text = """\
rules:
  - experiment: a
    model: "no good"
    artifact: model.pt
    evaluation: {command: [python, e.py], holdout: digits, seeds: [1, 1]}
    gates: {thresholds: [{metric: m, at_least: 1, at_most: 2}]}
    deployment: {image: "registry.example/serve:latest", inference: {}}
"""

    found = problems(text)

    assert [one.split(":")[0] for one in found] == [
        "rules[0].model",
        "rules[0].evaluation.holdout",
        "rules[0].evaluation.seeds",
        "rules[0].gates.thresholds[0]",
        "rules[0].deployment.image",
    ]


@pytest.mark.parametrize(
    ("gates", "path"),
    [
        ("thresholds: [{metric: m}]", "rules[0].gates.thresholds[0]"),
        ("thresholds: [{metric: m, at_least: 1, at_most: 2}]", "rules[0].gates.thresholds[0]"),
        ("lineage: true", "rules[0].gates"),
        (THRESHOLD + ", approvals: {count: 3, by: [ana, ben]}", "rules[0].gates.approvals.count"),
        (THRESHOLD + ", training: {max_cost_usd: -1}", "rules[0].gates.training.max_cost_usd"),
        (THRESHOLD + ", reproducible: {rerun_within: 2}", "rules[0].gates.reproducible.rerun_within"),
        (
            "thresholds: [{metric: m, at_least: 1, on: confidence, confidence: 1}]",
            "rules[0].gates.thresholds[0].confidence",
        ),
    ],
)  # fmt: skip
def test_gates_that_make_no_sense_are_named(gates: str, path: str) -> None:
    (found,) = problems(RULE % (gates, "0" * 64))

    assert found.startswith(path + ": ")


def test_one_seed_is_not_enough() -> None:
    text = (RULE % (THRESHOLD, "0" * 64)).replace("[1, 2, 3]", "[1]")

    (found,) = problems(text)

    assert found.startswith("rules[0].evaluation.seeds: ")
    assert "one seed" in found


def test_a_command_that_names_no_parameter_is_wrong_before_anything_is_evaluated() -> None:
    text = (RULE % (THRESHOLD, "0" * 64)).replace("evaluate.py]", "evaluate.py, '{modle}']")

    (found,) = problems(text)

    assert found.startswith("rules[0].evaluation.command")
    assert "modle" in found


def test_names_are_those_that_addresses_take() -> None:
    assert check_model_name("digits-2.1") == "digits-2.1"
    assert check_alias("staging-eu") == "staging-eu"
    for wrong in ("", "a b", "../x", "a@1", "ä"):
        with pytest.raises(InvalidModelName):
            check_model_name(wrong)
    with pytest.raises(InvalidModelName):
        check_alias("Production")


@pytest.mark.parametrize("other", ["holdout@2", "holdout", "holdout@latest"])
def test_runs_cannot_be_given_another_version_of_the_holdout_than_is_looked_for(other: str) -> None:
    text = (RULE % (THRESHOLD, "0" * 64)).replace(
        "holdout: holdout@1,", f"holdout: holdout@1, data: [words@1, {other}],"
    )

    with pytest.raises(InvalidSweepFile) as caught:
        parse_promotion(text, source="promotion.yaml")

    (problem,) = caught.value.problems
    assert problem.path == "rules[0].evaluation.data[1]"
    assert problem.line == 5
    assert "another version than holdout@1" in problem.message


def test_the_holdout_may_be_named_among_the_data() -> None:
    text = (RULE % (THRESHOLD, "0" * 64)).replace(
        "holdout: holdout@1,", "holdout: holdout@1, data: [holdout@1, words@1],"
    )

    (rule,) = parse_promotion(text, source="promotion.yaml").rules

    assert rule.evaluation.data == ("holdout@1", "words@1")


def test_a_folder_of_code_is_the_same_one_for_everybody() -> None:
    text = (RULE % (THRESHOLD, "0" * 64)).replace(
        "holdout: holdout@1,", "holdout: holdout@1, source: evaluation,"
    )

    (found,) = problems(text)

    assert found.startswith("rules[0].evaluation.source: ")


def test_an_evaluation_asks_for_the_gpus_that_its_rule_names() -> None:
    text = (RULE % (THRESHOLD, "0" * 64)).replace(
        "holdout: holdout@1,", "holdout: holdout@1, resources: {gpu: 1, gpu_type: a100},"
    )

    (rule,) = parse_promotion(text, source="promotion.yaml").rules

    assert rule.evaluation.resources.gpu_type == "a100"
