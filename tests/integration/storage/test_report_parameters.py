"""How runs went by what they tried, read from PostgreSQL."""

import json
import random
import re
from collections.abc import Generator
from decimal import Decimal

import pytest

from governance.reports.model import Scope
from governance.reports.tried import ConfigurationOutcomes, ParameterOutcomes
from storage import queries
from storage.database import Pool, open_pool
from storage.reports import parameters
from storage.reports.facts import PostgresReportFacts
from storage.reports.parameters import shown_bin
from sweeps.objectives import Direction
from tests.integration.storage.report_world import BEFORE, WEEK, ReportWorld
from tests.plugins.postgres import Database

ALL = Scope()


@pytest.fixture
def pool(database: Database) -> Generator[Pool, None, None]:
    with open_pool(database.url, max_size=2) as pool:
        yield pool


@pytest.fixture
def world(pool: Pool) -> ReportWorld:
    return ReportWorld(pool)


@pytest.fixture
def facts(pool: Pool) -> PostgresReportFacts:
    return PostgresReportFacts(pool)


def by_text(found: ParameterOutcomes) -> dict[str, ConfigurationOutcomes]:
    return {str(row): row for row in found.configurations}


def test_failures_are_counted_by_value(world: ReportWorld, facts: PostgresReportFacts) -> None:
    world.sweep("a")
    for number in range(1, 21):
        failed = number > 14
        world.trial(
            "a", number, cost="2", state="failed" if failed else "completed",
            params={
                "act": "tanh" if failed else "relu",
                "lr": (0.0034 if number % 2 else 0.013) + number * 1e-6,
                "epochs": 12,
                "depth": 3 if number % 2 else 4,
                "width": 64 if number % 2 else 96.0,
                "bias": -0.3 if number > 10 else 0.0,
                "seed": f"word {number}",
            },
        )  # fmt: skip

    found = {(row.name, row.value): row for row in facts.parameter_outcomes(ALL, WEEK).values}

    assert {key: (row.runs, row.failed) for key, row in found.items()} == {
        ("act", "relu"): (14, 0),
        ("act", "tanh"): (6, 6),
        ("lr", "0.002 to 0.005"): (10, 3),
        ("lr", "0.01 to 0.02"): (10, 3),
        ("depth", "3"): (10, 3),
        ("depth", "4"): (10, 3),
        ("width", "64"): (10, 3),
        ("width", "96"): (10, 3),
        ("bias", "-0.3"): (10, 6),
        ("bias", "0"): (10, 0),
    }
    tanh = found["act", "tanh"]
    assert (tanh.all_runs, tanh.all_failed, tanh.amount_usd) == (20, 6, Decimal(12))


def test_the_same_parameters_are_one_configuration_whichever_sweep_tried_them(
    world: ReportWorld, facts: PostgresReportFacts
) -> None:
    world.sweep("a")
    world.sweep("b")
    world.sweep("c", tenant="vision")
    same = {"lr": 0.1, "act": "relu"}
    world.trial("a", 1, params=same, objective=0.5, cost="1")
    world.trial("a", 2, params=same, objective=0.7, cost="2")  # another seed
    world.trial("b", 1, params={"act": "relu", "lr": 0.1}, objective=0.9, cost="4")
    world.trial("b", 2, params={"act": "tanh", "lr": 0.1}, cost="8")
    world.trial("c", 1, params=same, cost="16")
    rerun = world.scratch("r", rerun_of="a-00001", params={"lr": 0.1, "act": "relu", "host": "x"})
    world.pay(rerun, "32")
    own = world.scratch("s", params=same)
    world.pay(own, "64")

    found = facts.parameter_outcomes(Scope(tenant="default"), WEEK)

    row = by_text(found)["act relu, lr 0.1"]
    assert (row.runs, row.attempts, row.finished, row.amount_usd) == (5, 5, 5, Decimal(103))
    assert (row.objective, row.metric, row.direction) == (0.7, "accuracy", Direction.MAXIMIZE)
    assert (row.others_attempts, row.usd_each) == (1, Decimal(103) / 5)


def test_every_attempt_of_a_run_counts_but_what_was_taken_away(
    world: ReportWorld, facts: PostgresReportFacts
) -> None:
    world.sweep("a")
    run = world.trial("a", 1, cost="1", exit_reason="completed", created_at=BEFORE)
    world.attempt(run, 2, exit_reason="out_of_memory", cost="2", at=BEFORE)
    world.attempt(run, 3, exit_reason="script_failed", cost="4")
    world.attempt(run, 4, exit_reason="evicted", cost="8")
    world.attempt(run, 5, exit_reason="cancelled", cost="16")
    # Its script ended well and brought no result.
    world.trial("a", 2, params={"lr": 1}, state="failed", exit_reason="completed")
    world.trial("a", 3, params={"lr": 1}, state="failed", exit_reason="timed_out")
    world.trial("a", 4, params={"lr": 1}, state="cancelled", exit_reason="cancelled")
    world.trial("a", 5, params={"lr": 1}, at=WEEK.end)

    (found,) = facts.parameter_outcomes(ALL, WEEK).configurations

    assert (found.runs, found.finished) == (3, 1)
    assert (found.attempts, found.failed) == (5, 4)
    assert found.amount_usd == Decimal(1 + 2 + 4 + 8 + 16 + 1 + 1)


def test_a_cost_that_is_not_whole_is_not_told(
    world: ReportWorld, facts: PostgresReportFacts
) -> None:
    world.sweep("a")
    for number, params in enumerate(["known", "lacking", "never"] * 5, 1):
        run = world.trial(
            "a", number, params={"p": params}, cost=None if params == "never" else "1"
        )
        if params == "lacking":
            world.pay(run, None, key="cpu")

    found = by_text(facts.parameter_outcomes(ALL, WEEK))

    assert {text: row.amount_usd for text, row in found.items()} == {
        "p known": Decimal(5),
        "p lacking": None,
        "p never": None,
    }


def test_medians_are_of_the_metric_that_most_runs_have(
    world: ReportWorld, facts: PostgresReportFacts
) -> None:
    world.sweep("a")
    world.sweep("b", metric="loss", direction="minimize")
    for number, objective in enumerate([0.1, 0.2, 0.9, None, float("nan")], 1):
        state = "failed" if objective is None else "completed"
        world.trial("a", number, params={"p": 1}, objective=objective, state=state)
    for number in (1, 2, 3):
        world.trial("b", number, params={"p": 1}, objective=100.0)

    (found,) = facts.parameter_outcomes(ALL, WEEK).configurations

    assert (found.objective, found.metric) == (0.2, "accuracy")
    assert (found.runs, found.finished) == (8, 7)


@pytest.mark.parametrize("direction", list(Direction))
def test_what_no_other_configuration_beats_is_found(
    world: ReportWorld, facts: PostgresReportFacts, direction: Direction
) -> None:
    world.sweep("a", direction=direction)
    sign = 1 if direction is Direction.MAXIMIZE else -1
    tried = {"cheap": (0.5, "1"), "good": (0.9, "10"), "worse": (0.8, "10"), "best": (0.95, "20")}
    number = 0
    for name, (objective, cost) in tried.items():
        for _ in range(5):
            number += 1
            world.trial("a", number, params={"p": name}, objective=sign * objective, cost=cost)

    found = facts.parameter_outcomes(ALL, WEEK).configurations

    unbeaten = {str(row): row.usd_each for row in found if row.is_unbeaten}
    assert unbeaten == {"p cheap": 1, "p good": 10, "p best": 20}


def test_values_that_fail_only_together_are_counted_beside_each_alone(
    world: ReportWorld, facts: PostgresReportFacts
) -> None:
    world.sweep("a")
    for number in range(1, 41):
        batch, model = number % 2, (number // 2) % 2
        failed = bool(batch and model) or number in {1, 4}  # one of (1, 0), one of (0, 0)
        world.trial("a", number, params={"batch": batch, "model": model},
                    state="failed" if failed else "completed")  # fmt: skip

    (found,) = facts.parameter_outcomes(ALL, WEEK).pairs

    assert (found.name, found.value, found.other_name, found.other_value) == (
        "batch", "1", "model", "1",
    )  # fmt: skip
    assert (found.runs, found.failed) == (10, 10)
    assert (found.one_runs, found.one_failed) == (10, 1)
    assert (found.other_runs, found.other_failed, found.tested) == (10, 0, 4)


def test_where_there_would_be_too_many_pairs_a_sample_is_looked_at(
    world: ReportWorld, facts: PostgresReportFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.sweep("a")
    for number in range(1, 61):
        is_bad, is_alone = number % 2 == 0, number > 40
        world.trial(
            "a", number, params={"a": is_bad, "b": is_bad is not is_alone, "n": number},
            state="failed" if is_bad and not is_alone and number % 4 else "completed",
        )  # fmt: skip
    every = facts.parameter_outcomes(ALL, WEEK)
    # 60 configurations of three pairs each
    limits = {**parameters._LIMITS, "few": 100, "most_pairs": 90}  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(parameters, "_LIMITS", limits)

    sample = facts.parameter_outcomes(ALL, WEEK)

    (whole,), (part,) = (
        [row for row in found.pairs if "n" not in {row.name, row.other_name}]
        for found in (every, sample)
    )
    assert (whole.runs, whole.failed, whole.one_runs, whole.other_runs) == (20, 10, 10, 10)
    assert whole.sampled == 1
    assert 0.2 < part.sampled < 0.8
    assert 5 <= part.runs < 20
    assert part.failed < part.runs
    assert 0 < part.one_runs + part.other_runs < 20


def test_an_evaluation_tries_no_configuration(
    world: ReportWorld, facts: PostgresReportFacts
) -> None:
    world.sweep("e", kind="evaluation")
    for number in range(1, 11):
        world.trial("e", number, params={"p": number % 2})

    assert facts.parameter_outcomes(ALL, WEEK) == ParameterOutcomes(values=[], pairs=[], configurations=[])  # fmt: skip


def test_numbers_are_put_where_they_are_shown(world: ReportWorld) -> None:
    dice = random.Random(7)
    numbers: list[float] = [dice.choice([-1, 1]) * 10 ** dice.uniform(-12, 12) for _ in range(500)]
    numbers += [m * 10.0**e for m in (1, 2, 5, 9.999999) for e in range(-9, 9)]

    (found,) = world.rows(
        "SELECT array_agg(param_bin(to_jsonb(number), false) ORDER BY place)"
        " FROM unnest(%s::float8[]) WITH ORDINALITY AS t (number, place)",
        numbers,
    )

    for number, text in zip(numbers, found[0], strict=True):
        shown = shown_bin(text)
        if " to " in shown:
            low, high = map(float, shown.split(" to "))
            assert low * (1 - 1e-9 * (low > 0)) <= number * (1 + 1e-9) or low < 0, (number, shown)
            assert min(low, high) - abs(low) * 1e-6 <= number <= high + abs(high) * 1e-6
        else:
            assert abs(number) < 10
            assert float(shown) == number


@pytest.mark.parametrize(
    ("value", "is_exact", "shown"),
    [
        ("relu", False, "relu"),
        ("2e-3", False, "2e-3"),  # a word
        (16.0, True, "16"),
        (16.0, False, "10 to 20"),
        (-0.3, False, "-0.5 to -0.2"),
        (0, False, "0"),
        (7, False, "7"),
        (True, False, "true"),
        (None, False, "null"),
        ([1, 2], False, "[1, 2]"),
        ('a"b\n', False, 'a"b\n'),
        ("x" * 200, False, '"' + "x" * 79),
    ],
)
def test_a_value_is_shown_as_people_write_it(
    world: ReportWorld, value: object, is_exact: bool, shown: str
) -> None:
    ((text,),) = world.rows("SELECT param_bin(%s::jsonb, %s)", json.dumps(value), is_exact)

    assert shown_bin(text) == shown


@pytest.mark.parametrize("number", ["1" + "0" * 400, "1e-400", "-1e308", "5e-324"])
def test_a_number_of_any_size_is_no_error(world: ReportWorld, number: str) -> None:
    ((text,),) = world.rows("SELECT param_bin(%s::jsonb, false)", number)

    assert len(shown_bin(text)) <= 80


@pytest.mark.parametrize("noun", ["report_facts", "report_parameters", "report_shelf"])
def test_the_planner_looks_into_the_functions_of_reports(world: ReportWorld, noun: str) -> None:
    """A function that it cannot put in its place takes a report of a million runs minutes."""
    for name, statement in queries.load(noun).items():
        known = dict.fromkeys(re.findall(r"%\((\w+)\)s", statement))
        values: dict[str, object] = {
            **known, "start": WEEK.start, "end": WEEK.end, "first": WEEK.first, "until": WEEK.until,
            "scope": [None, None, None], "sample": 500, "few": 12, "fewest": 5, "fewest_finished": 3,
            "most": 500, "most_pairs": 5, "failed": ["lost"], "taken": ["lost"], "sweep_ids": [],
            "numbers": [], "named": [], "tenant": "a", "sees": "all", "limit": 1, "report_id": 1,
        }  # fmt: skip
        if not re.search(r"in_scope|param_bin|may_read", statement):
            continue
        plan = world.plan(statement, {key: values[key] for key in known})

        assert not re.search(r"(in_scope|param_bin|may_read)\(", plan), name
