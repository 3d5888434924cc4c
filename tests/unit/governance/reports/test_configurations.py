"""What was tried: which configurations and values fail, and what they cost."""

from decimal import Decimal
from typing import Any

import pytest

from governance.reports.composing import compose
from governance.reports.evidence import worse_configurations, worse_pairs, worse_values
from governance.reports.model import Report, Scope, Table
from governance.reports.tried import (
    ConfigurationOutcomes,
    PairOutcomes,
    ParameterOutcomes,
    ValueOutcomes,
)
from sweeps.objectives import Direction
from tests.unit.governance.reports.test_sections import section, sentences, table
from tests.unit.governance.reports.world import NOW, WEEK, Told

USD = Decimal
VISION = Scope(tenant="vision")


def made(*, scope: Scope = VISION, **outcomes: Any) -> Report:
    return compose(Told(parameters=ParameterOutcomes(**outcomes)), scope, WEEK, now=NOW)


def a_value(value: str, runs: int, failed: int, **changes: Any) -> ValueOutcomes:
    defaults: dict[str, Any] = {
        "tenant": "vision",
        "experiment": "digits",
        "name": "optimizer",
        "value": value,
        "runs": runs,
        "failed": failed,
        "amount_usd": USD(runs),
        "all_runs": 30,
        "all_failed": 11,
        "tested": 3,
    }
    return ValueOutcomes(**{**defaults, **changes})


def a_pair(runs: int, failed: int, **changes: Any) -> PairOutcomes:
    defaults: dict[str, Any] = {
        "tenant": "vision",
        "experiment": "digits",
        "name": "batch",
        "value": "512",
        "other_name": "model",
        "other_value": "large",
        "runs": runs,
        "failed": failed,
        "one_runs": 100,
        "one_failed": 10,
        "other_runs": 100,
        "other_failed": 12,
        "tested": 50,
    }
    return PairOutcomes(**{**defaults, **changes})


def a_configuration(act: str = "relu", **changes: Any) -> ConfigurationOutcomes:
    defaults: dict[str, Any] = {
        "tenant": "vision",
        "experiment": "digits",
        "parameters": (("act", act), ("lr", "0.002 to 0.005")),
        "runs": 10,
        "finished": 8,
        "attempts": 12,
        "failed": 4,
        "amount_usd": USD(40),
        "objective": 0.9,
        "metric": "accuracy",
        "direction": Direction.MAXIMIZE,
        "others_attempts": 1000,
        "others_failed": 300,
        "tested": 20,
        "is_unbeaten": False,
    }
    return ConfigurationOutcomes(**{**defaults, **changes})


def test_a_configuration_is_told_with_its_rate_and_its_cost() -> None:
    bad = a_configuration("tanh", runs=20, finished=2, attempts=30, failed=27, amount_usd=USD(60))

    report = made(configurations=[a_configuration(), bad])

    (row,) = table(
        report, "configurations", "Configurations that fail clearly more often than others"
    ).rows
    assert row == (
        "digits", "act tanh, lr 0.002 to 0.005", 20, 30, 27, 0.9, 0.3, USD(60), USD(30), 0.9
    )  # fmt: skip
    said = sentences(report, "configurations")
    assert "digits: 27 of 30 attempts with act tanh, lr 0.002 to 0.005 failed" in said
    assert "300 of 1,000 with other configurations" in said


def test_configurations_that_fail_as_often_as_others_are_not_talked_about() -> None:
    rows = [
        a_configuration(attempts=12, failed=4),
        a_configuration(attempts=4, failed=4),  # too few
        a_configuration(attempts=10_000, failed=4000),  # clear, and hardly more
        a_configuration(attempts=12, failed=12, others_attempts=0, others_failed=0),
    ]

    assert worse_configurations(rows) == []


def test_what_was_lost_most_comes_first() -> None:
    small = a_configuration("tanh", attempts=20, failed=20)
    great = a_configuration("gelu", attempts=200, failed=150)

    assert worse_configurations([small, great]) == [great, small]


def test_what_the_best_configuration_costs_is_told_in_words() -> None:
    """Ten times the cost for one percent."""
    best = a_configuration("gelu", objective=1.0, amount_usd=USD(160), is_unbeaten=True)
    cheap = a_configuration("relu", objective=0.99, amount_usd=USD(16), is_unbeaten=True)
    beaten = a_configuration("tanh", objective=0.98, amount_usd=USD(1))

    report = made(configurations=[best, cheap, beaten])

    assert (
        "digits: a run with act gelu costs 10.0 times as much as one with act relu for 1.0% more of "
        "accuracy ($20.00 and $2.00); medians of 8 and 8 runs."
    ) in sentences(report, "configurations")
    (row,) = table(
        report, "configurations", "By experiment: medians, and what a run that finished costs"
    ).rows
    assert row == ("digits", "accuracy", 1.0, USD(20), USD(2), 10.0, USD(2), 10.0, USD(2), 10.0)


def test_the_dearest_configurations_are_told() -> None:
    rows = [a_configuration(act, amount_usd=USD(n)) for n, act in enumerate("abcdefghijklm")]
    rows.append(a_configuration("few", attempts=2, failed=0, amount_usd=USD(1000)))
    rows.append(a_configuration("unpriced", amount_usd=None))

    found = table(made(configurations=rows), "configurations", "Configurations that cost most").rows

    assert [str(row[1])[4] for row in found] == list("mlkjihgfed")


def test_values_that_fail_more_often_come_first() -> None:
    values = [a_value("sgd", 10, 9), a_value("adam", 10, 1), a_value("lion", 10, 1)]

    (worst,) = worse_values(values)

    assert (worst.value, worst.failed_share, worst.others_failed_share) == ("sgd", 0.9, 0.1)
    said = sentences(made(values=values), "configurations")
    assert "digits with optimizer = sgd fail most often" in said
    assert "9 of 10" in said


def test_a_few_runs_say_nothing_of_a_value() -> None:
    assert worse_values([a_value("sgd", 4, 4, all_failed=4)]) == []


def test_values_that_are_bad_only_together_are_found() -> None:
    together = a_pair(20, 18)

    (found,) = worse_pairs([together, a_pair(20, 3)])

    assert found is together
    (row,) = table(
        made(pairs=[together]),
        "configurations",
        "Values that fail clearly more often together than either alone",
    ).rows
    assert row == ("digits", "batch 512", "model large", 20, 0.9, 0.1, 0.12)


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.105, "10.5 % of the configurations"), (0.0004, "less than 0.1 % of the configurations")],
)
def test_a_sample_of_pairs_is_said_to_be_one(share: float, words: str) -> None:
    whole, sample = (made(pairs=[a_pair(20, 18, sampled=one)]) for one in (1.0, share))

    assert "picked by chance" not in sentences(whole, "configurations")
    assert f"{words}, picked by chance" in sentences(sample, "configurations")


@pytest.mark.parametrize("changes", [{"one_failed": 90}, {"other_failed": 90}, {"tested": 10**7}])
def test_a_pair_is_not_blamed_for_one_of_its_values(changes: dict[str, int]) -> None:
    assert worse_pairs([a_pair(10, 9, **changes)]) == []


def test_experiments_of_several_tenants_are_told_apart() -> None:
    rows = [a_configuration(tenant=tenant) for tenant in ("vision", "speech")]

    found = table(
        made(scope=Scope(), configurations=rows), "configurations", "Configurations that cost most"
    ).rows

    assert [row[0] for row in found] == ["speech / digits", "vision / digits"]


def test_without_anything_to_say_it_says_so() -> None:
    report = made()

    assert sentences(report, "configurations").startswith("No configuration was tried often enough")
    assert not [b for b in section(report, "configurations").blocks if isinstance(b, Table)]
