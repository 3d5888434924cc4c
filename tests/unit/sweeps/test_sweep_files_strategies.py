"""The strategy of a sweep file: short forms, long forms, and what cannot be."""

from dataclasses import fields

import pytest

from sweeps.specs import SchedulerSpec, SearcherSpec, StrategySpec, as_document
from sweeps.sweep_files import parse_document, parse_text, warnings
from sweeps.sweep_files.strategy_options import SCHEDULER_OPTIONS, SEARCHER_OPTIONS
from tests.unit.sweeps.sweep_texts import problems_of, with_line


def strategy(written: str) -> StrategySpec:
    return parse_text(with_line("seed: 7", f"strategy: {written}"), source="x").strategy


BAYES, RANDOM = SearcherSpec(name="bayes"), SearcherSpec(name="random")
ASHA = SchedulerSpec(name="asha", max_resource=27)
HYPERBAND = SchedulerSpec(name="hyperband", max_resource=81)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("bayes", StrategySpec(name="bayes", searcher=BAYES)),
        *(
            (name, StrategySpec(name=name, searcher=SearcherSpec(name=name)))
            for name in ("random", "grid", "sobol", "lhs", "optuna")
        ),
        (
            "{name: bayes, initial_points: 10}",
            StrategySpec(name="bayes", searcher=SearcherSpec(name="bayes", initial_points=10)),
        ),
        (
            "{name: bayes, max_resource: 9}",
            StrategySpec(
                name="bayes", searcher=BAYES, scheduler=SchedulerSpec(name="none", max_resource=9)
            ),
        ),
        (
            "{name: bayes, scheduler: asha, max_resource: 27}",
            StrategySpec(name="bayes", searcher=BAYES, scheduler=ASHA),
        ),
        (
            "{name: bayes, scheduler: {name: asha, max_resource: 27}}",
            StrategySpec(name="bayes", searcher=BAYES, scheduler=ASHA),
        ),
        (
            "{name: asha, max_resource: 27}",
            StrategySpec(name="asha", searcher=RANDOM, scheduler=ASHA),
        ),
        (
            "{name: asha, scheduler: {max_resource: 27}, searcher: bayes}",
            StrategySpec(name="asha", searcher=BAYES, scheduler=ASHA),
        ),
        (
            (
                "{name: asha, variant: promotion, reduction_factor: 4, min_resource: 2,"
                " max_resource: 64, grace: 3, brackets: 2, searcher: {name: bayes, initial_points: 3}}"
            ),
            StrategySpec(
                name="asha",
                searcher=SearcherSpec(name="bayes", initial_points=3),
                scheduler=SchedulerSpec(
                    name="asha",
                    variant="promotion",
                    reduction_factor=4,
                    min_resource=2,
                    max_resource=64,
                    grace=3,
                    brackets=2,
                ),
            ),
        ),
        (
            "{name: bohb, max_resource: 81}",
            StrategySpec(name="bohb", searcher=BAYES, scheduler=HYPERBAND),
        ),
        (
            "{name: bohb, max_resource: 27, scheduler: asha}",
            StrategySpec(name="bohb", searcher=BAYES, scheduler=ASHA),
        ),
        (
            "median_stopping",
            StrategySpec(
                name="median_stopping",
                searcher=RANDOM,
                scheduler=SchedulerSpec(name="median_stopping"),
            ),
        ),
    ],
)
def test_every_way_of_writing_a_strategy_gives_both_halves(
    written: str, expected: StrategySpec
) -> None:
    assert strategy(written) == expected


def test_the_stored_form_has_both_halves_in_full_and_reads_back() -> None:
    written = "{name: asha, max_resource: 27, searcher: bayes}"
    spec = parse_text(with_line("seed: 7", f"strategy: {written}"), source="x")

    stored = as_document(spec)["strategy"]

    assert set(stored) == {"name", "searcher", "scheduler"}
    assert parse_document(as_document(spec)) == spec


@pytest.mark.parametrize(
    ("written", "path", "message", "hint"),
    [
        ("genetic", "strategy.name", "'genetic'", "bayes, random"),
        ("asha", "strategy.max_resource", "missing", "{name: asha, max_resource: 27}"),
        ("hyperband", "strategy.max_resource", "missing", "{name: hyperband, max_resource"),
        ("bohb", "strategy.max_resource", "missing", "{name: bohb, max_resource: 27}"),
        ("{name: bayes, scheduler: asha}", "strategy.max_resource", "missing", "max_resource: 27"),
        (
            "{name: asha, min_resource: 9, max_resource: 3}",
            "strategy.min_resource", "min_resource 9 is above max_resource 3", "swap",
        ),
        (
            "{name: asha, scheduler: {min_resource: 9, max_resource: 3}}",
            "strategy.scheduler.min_resource", "above", "swap",
        ),
        (
            "{name: asha, max_resource: 27, reduction_factor: 1}",
            "strategy.reduction_factor", "out of range", "from 2",
        ),
        (
            "{name: asha, max_resource: 27, variant: pausing}",
            "strategy.variant", "'pausing'", "stopping, promotion",
        ),
        ("{name: asha, max_resource: 27, grace: 27}", "strategy.grace", "27", "less than 27"),
        (
            "{name: asha, max_resource: 27, brackets: 5}",
            "strategy.brackets", "5 brackets are more than the 4 rungs", "brackets: 4",
        ),
        (
            "{name: asha, min_resource: 2, max_resource: 27, grace: 4, brackets: 3}",
            "strategy.brackets", "more than the 2 rungs 9, 27", "brackets: 2",
        ),
        (
            "{name: asha, max_resource: 9, scheduler: {max_resource: 9}}",
            "strategy.max_resource", "given twice", "keep one",
        ),
        (
            "{name: bayes, searcher: random}",
            "strategy.searcher", "searcher bayes, not random", "name: random",
        ),
        (
            "{name: asha, max_resource: 9, scheduler: none}",
            "strategy.scheduler", "scheduler asha, not none", "a searcher's name",
        ),
        (
            "{name: bohb, max_resource: 9, scheduler: median_stopping}",
            "strategy.scheduler", "hyperband or asha", "name: median_stopping",
        ),
        (
            "{name: bohb, max_resource: 9, searcher: random}",
            "strategy.searcher", "bayes, not random", "name: hyperband with searcher: random",
        ),
        (
            "{name: bayes, scheduler: {max_resource: 9}}",
            "strategy.scheduler", "no name", "name: asha",
        ),
        (
            "{name: asha, max_resource: 9, searcher: {initial_points: 9}}",
            "strategy.searcher", "no name", "name: bayes",
        ),
        ("{name: bayes, scheduler: 5}", "strategy.scheduler", "5 is no mapping", "name, variant"),
        ("{name: bayes, eta: 5}", "strategy.eta", "unknown key", "known here"),
    ],
)  # fmt: skip
def test_a_strategy_that_cannot_be_is_refused_with_a_way_out(
    written: str, path: str, message: str, hint: str
) -> None:
    (problem,) = problems_of(with_line("seed: 7", f"strategy: {written}"))

    assert (problem.path, problem.line) == (path, 14)
    assert message in problem.message
    assert hint in problem.hint


def test_everything_wrong_with_a_strategy_is_told_at_once() -> None:
    written = "{name: asha, variant: x, reduction_factor: 0, searcher: {name: y, sampler: z}}"

    problems = problems_of(with_line("seed: 7", f"strategy: {written}"))

    assert {problem.path for problem in problems} == {
        "strategy.variant", "strategy.reduction_factor", "strategy.searcher.name",
        "strategy.searcher.sampler",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("{name: random, initial_points: 3}", "initial_points 3 means nothing to strategy random"),
        ("{name: bayes, grace: 3}", "grace 3 means nothing to strategy bayes"),
        ("{name: hyperband, max_resource: 9, brackets: 2}", "it is for asha"),
        ("{name: median_stopping, variant: promotion}", "it is for asha"),
        ("{name: bohb, max_resource: 9, sampler: gp}", "it is for optuna"),
    ],
)
def test_options_of_another_strategy_are_warned_about(written: str, words: str) -> None:
    text = with_line("3, 3.0, true", "3, 4, true").replace("seed: 7", f"strategy: {written}")

    (note,) = warnings(parse_text(text, source="x"))

    assert words in note


@pytest.mark.parametrize(
    "written",
    [
        "{name: random, max_resource: 9}",
        "{name: median_stopping, max_resource: 9, min_trials: 3, grace: 2}",
        "{name: bohb, max_resource: 9, initial_points: 3, reduction_factor: 2}",
    ],
)
def test_options_that_mean_something_are_not(written: str) -> None:
    text = with_line("3, 3.0, true", "3, 4, true").replace("seed: 7", f"strategy: {written}")

    assert warnings(parse_text(text, source="x")) == ()


def test_every_option_of_a_searcher_and_a_scheduler_can_be_written() -> None:
    assert {field.name for field in fields(SearcherSpec)} == {"name", *SEARCHER_OPTIONS}
    assert {field.name for field in fields(SchedulerSpec)} == {"name", *SCHEDULER_OPTIONS}
