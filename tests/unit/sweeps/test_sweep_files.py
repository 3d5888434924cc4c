"""Sweep files: what is accepted, and what becomes of it."""

import datetime as dt
import json

import pytest

from sweeps.objectives import Direction, Objective
from sweeps.spaces import Categorical, Constant, Float, Int
from sweeps.specs import Limits, Resources, SearcherSpec, StrategySpec, SweepSpec, as_document
from sweeps.sweep_files import parse_document, parse_text, warnings
from tests.unit.sweeps.sweep_texts import GOOD, problems_of, with_line


def parse(text: str) -> SweepSpec:
    return parse_text(text, source="sweep.yaml")


def test_a_good_file_becomes_a_typed_spec() -> None:
    spec = parse(GOOD)

    assert (spec.experiment, spec.tenant, spec.owner) == ("digits", "default", "ana")
    assert spec.objective == Objective(metric="val_accuracy", direction=Direction.MAXIMIZE)
    assert spec.space.parameters == {
        "lr": Float(low=1e-4, high=0.1, log=True),
        "hidden": Int(low=16, high=256),
        "activation": Categorical(choices=("relu", "on", 3, 3.0, True)),
        "epochs": Constant(value=10),
    }
    assert spec.strategy == StrategySpec(name="bayes", searcher=SearcherSpec(name="bayes"))
    assert spec.limits == Limits(
        max_trials=24,
        deadline=dt.timedelta(hours=1, minutes=30),
        trial_timeout=dt.timedelta(seconds=90),
        stalled_after=dt.timedelta(minutes=1),
    )
    assert spec.trial.command == ("python", "train.py", "--lr={lr}", "{{}}")
    assert spec.trial.resources == Resources(cpu=0.5, memory_bytes=2**30, gpu=1)
    assert spec.seed == 7


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("[on, off, yes, no, y, n]", ("on", "off", "yes", "no", "y", "n")),
        ("[1e-4, 1E3, .5, 5.]", (1e-4, 1000.0, 0.5, 5.0)),
        ("[010, 0x10, 0o10, 1_000]", (10, 16, "0o10", "1_000")),
        ("[1, 1.0, true, '1', 'true']", (1, 1.0, True, "1", "true")),
        ("[2024-01-01, 12:30:00]", ("2024-01-01", "12:30:00")),
        ("[True, FALSE, tRUE]", (True, False, "tRUE")),
    ],
)
def test_choices_are_what_a_reader_takes_them_for(
    written: str, expected: tuple[object, ...]
) -> None:
    text = with_line("[relu, on, 3, 3.0, true]", written)

    values = parse(text).space.parameters["activation"].values()
    assert values is not None
    assert [(type(v), v) for v in values] == [(type(v), v) for v in expected]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("python train.py --name 'a b'", ("python", "train.py", "--name", "a b")),
        ("[python, 1.10, 010, 1e-4, true, on]", ("python", "1.10", "010", "1e-4", "true", "on")),
        ("[x, '']", ("x", "")),
        ('[x, \'{"lr": {lr}}\', "{}", "{0}"]', ("x", '{"lr": {lr}}', "{}", "{0}")),
        ("[x, '{seed}/{trial}/{run}', '{{lr_}}']", ("x", "{seed}/{trial}/{run}", "{{lr_}}")),
    ],
)
def test_a_command_is_taken_as_it_is_written(written: str, expected: tuple[str, ...]) -> None:
    spec = parse(with_line('[python, train.py, "--lr={lr}", "{{}}"]', written))

    assert spec.trial.command == expected


def test_variables_of_the_environment_are_taken_as_they_are_written() -> None:
    spec = parse(with_line("seed: 7", "").rstrip() + "\n  environment: {VERSION: 1.10, FAST: on}\n")

    assert spec.trial.environment == {"VERSION": "1.10", "FAST": "on"}


def test_titles_that_look_like_numbers_are_text() -> None:
    spec = parse(with_line("owner: ana", "owner: 007").replace(": digits", ": 1.10"))

    assert (spec.experiment, spec.owner) == ("1.10", "007")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("30m", 1800), ("1h30m", 5400), ("90s", 90), ("2d", 172_800), ("0.5s", 0.5), ("90", 90)],
)
def test_lengths_of_time(written: str, seconds: float) -> None:
    limits = parse(with_line("deadline: 1h30m", f"deadline: {written}")).limits

    assert limits.deadline == dt.timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("written", "expected"),
    [("5", "5"), ("12.50", "12.5"), ("0.1", "0.1"), ("1e2", "100"), ("0.0015", "0.002")],
)
def test_a_sweep_may_cost_that_much(written: str, expected: str) -> None:
    limits = parse(with_line("deadline: 1h30m", f"max_cost_usd: {written}")).limits

    assert str(limits.max_cost_usd) == expected


def test_a_sweep_may_use_that_many_gpu_hours() -> None:
    limits = parse(with_line("deadline: 1h30m", "max_gpu_hours: 1.5")).limits

    assert (limits.max_gpu_hours, limits.max_cost_usd) == (1.5, None)


@pytest.mark.parametrize(
    ("written", "expected"),
    [("1Gi", 2**30), ("512Mi", 2**29), ("2G", 2 * 10**9), ("1.5k", 1500), ("4096", 4096), ("0", 0)],
)
def test_sizes_of_memory(written: str, expected: int) -> None:
    spec = parse(with_line("memory: 1Gi", f"memory: {written}"))

    assert spec.trial.resources.memory_bytes == expected


@pytest.mark.parametrize(("written", "expected"), [("2", 2.0), ("0.5", 0.5), ("'250m'", 0.25)])
def test_cores(written: str, expected: float) -> None:
    spec = parse(with_line("cpu: 500m", f"cpu: {written}"))

    assert spec.trial.resources.cpu == expected


def test_long_and_short_forms_mean_the_same() -> None:
    short = parse(GOOD)
    long = parse(
        with_line("epochs: 10", "epochs: {type: constant, value: 10}")
        .replace("activation: [", "activation: {type: categorical, choices: [")
        .replace("true]", "true]}")
        .replace("seed: 7", "seed: 7\nstrategy: {name: bayes}")
    )

    assert long == short
    assert long.digest() == short.digest()


def test_a_key_with_nothing_behind_it_is_as_good_as_absent() -> None:
    spec = parse(with_line("deadline: 1h30m", "deadline: ").replace("seed: 7", "seed:\nstrategy:"))

    assert spec.limits.deadline is None
    assert spec.seed == 0
    assert spec.strategy.name == "bayes"


def test_anchors_are_followed() -> None:
    spec = parse(
        with_line("lr: {", "lr: &range {").replace("epochs: 10", "decay: *range\n  epochs: 10")
    )

    assert spec.space.parameters["decay"] == spec.space.parameters["lr"]


def test_json_is_yaml() -> None:
    spec = parse(GOOD)

    assert parse(json.dumps(as_document(spec))) == spec


def test_jsons_escapes_beyond_the_basic_plane_are_one_character() -> None:
    spec = parse(with_line("Which network is best?", '"\\ud83d\\ude00"'))

    assert spec.purpose == "\N{GRINNING FACE}"


def test_the_stored_form_keeps_the_order_of_parameters_whatever_happens_to_keys() -> None:
    spec = parse(GOOD)
    shuffled = json.loads(json.dumps(as_document(spec), sort_keys=True))  # as `jsonb` does

    assert list(parse_document(shuffled).space.parameters) == list(spec.space.parameters)
    assert parse_document(shuffled).digest() == spec.digest()


def test_a_grid_needs_no_number_of_trials() -> None:
    spec = parse(with_line("max_trials: 24, ", "").replace("seed: 7", "strategy: grid"))

    assert spec.limits.max_trials == 5 * 5 * 5


def test_a_tenants_defaults_fill_only_what_the_file_leaves_out() -> None:
    defaults = {"limits": {"max_parallel": 4, "trial_timeout": "1m"}}

    spec = parse_text(GOOD, source="x", defaults=defaults)

    assert spec.limits.max_parallel == 4
    assert spec.limits.trial_timeout == dt.timedelta(seconds=90)


def test_a_tenants_defaults_fill_a_section_that_is_not_there() -> None:
    document = {k: v for k, v in as_document(parse(GOOD)).items() if k != "limits"}

    spec = parse_document(
        {**document, "strategy": "grid"}, defaults={"limits": {"max_parallel": 4}}
    )

    assert spec.limits.max_parallel == 4


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed: 7": "strategy: grid"}, "the grid has 125 configurations"),
        ({"epochs: 10": "epochs: 10\n  size: [1, '1']"}, "look alike"),
        ({"seed: 7": "strategy: {name: random, initial_points: 3}"}, "initial_points 3"),
        ({"max_trials: 24": "max_trials: 24, max_parallel: 25"}, "max_parallel 25"),
    ],
)
def test_what_is_probably_not_meant_is_warned_about(changes: dict[str, str], words: str) -> None:
    text = GOOD.replace("[relu, on, 3, 3.0, true]", "[relu, on, 3, 4, true]")
    for old, new in changes.items():
        text = text.replace(old, new)

    (note,) = warnings(parse(text))

    assert words in note


def test_a_space_smaller_than_the_number_of_trials_is_warned_about() -> None:
    document = as_document(parse(GOOD))
    command = {"command": ["true"]}

    few = parse_document({**document, "space": {"x": [1, 2]}, "trial": command})
    one = parse_document({**document, "space": {"x": 1}, "trial": command})

    assert warnings(few) == ("the space has only 2 configurations; max_trials is 24",)
    assert warnings(one) == (
        "the space has only 1 configuration; max_trials is 24",
        "nothing varies: every parameter is a constant",
    )


def test_a_sensible_sweep_has_no_warnings() -> None:
    assert warnings(parse(with_line("3, 3.0, true", "3, 4, true"))) == ()


def test_clean_code_may_be_asked_for() -> None:
    plain = parse_text(GOOD, source="sweep.yaml")
    strict = parse_text(f"{GOOD}provenance: {{require_clean: true}}\n", source="sweep.yaml")

    assert not plain.provenance.require_clean
    assert strict.provenance.require_clean
    assert parse_document(as_document(strict)) == strict


def test_a_sweep_may_name_its_priority_and_the_type_of_its_gpus() -> None:
    spec = parse(with_line("seed: 7", "priority: high").replace("gpu: 1", "gpu: 1, gpu_type: A100"))

    assert spec.priority == "high"
    assert spec.trial.resources.gpu_type == "A100"
    assert parse_document(json.loads(json.dumps(as_document(spec)))) == spec


def test_a_type_of_no_gpu_is_refused() -> None:
    (problem,) = problems_of(GOOD.replace("gpu: 1", "gpu: 0, gpu_type: a100"))

    assert problem.path == "trial.resources.gpu_type"
    assert "gpu is 0" in problem.message
