"""What a trial's process is given."""

import json
from collections.abc import Sequence

import pytest

from sweeps import ids
from sweeps.datasets import PinnedDataset
from sweeps.spaces import Categorical, Float, SearchSpace
from sweeps.specs import MetricsSpec, Resources, TrialSpec
from sweeps.trial_environment import filled_in, launch_request, parameter_variables, substitute
from sweeps.trials import LaunchRequest
from tests.factories import SWEEP, a_run_id, a_spec, a_trial, seconds

_CONFIGURATION = {"lr": 1e-05, "layers": 3, "bias": True, "net.kind": "relu"}


def a_dataset(name: str, number: int, location: str) -> PinnedDataset:
    return PinnedDataset(dataset_id=1, name=name, number=number, location=location)


def a_request(
    max_resource: int | None = None, datasets: Sequence[PinnedDataset] = ()
) -> LaunchRequest:
    spec = a_spec(
        trial=TrialSpec(
            command=("python", "{script}", "--lr={lr}", "--seed={seed}", "{{x}}"),
            resources=Resources(cpu=2, gpu=1),
            environment={"OMP_NUM_THREADS": "1", "SWEEPWORKS_RUN_ID": "mine"},
        ),
        trial_timeout=seconds(9),
    )
    return launch_request(
        sweep_id=SWEEP,
        spec=spec,
        source_dir="/there",
        trial=a_trial(configuration=_CONFIGURATION),
        attempt_id=ids.attempt_id(a_run_id(), 2),
        rungs=(1, 3, 9),
        credentials={"SWEEPWORKS_RUN_TOKEN": "secret"},
        max_resource=max_resource,
        datasets=datasets,
    )


def test_the_command_gets_its_values_and_keeps_its_braces() -> None:
    assert a_request().command == ("python", "{script}", "--lr=1e-05", "--seed=1001", "{x}")


def test_the_environment_tells_a_script_who_and_what_it_is() -> None:
    environment = a_request().environment

    assert environment["SWEEPWORKS_ATTEMPT_ID"] == f"{SWEEP}-00001-a2"
    assert environment["SWEEPWORKS_SWEEP_ID"] == SWEEP
    assert environment["SWEEPWORKS_EXPERIMENT"] == "digits"
    assert environment["SWEEPWORKS_TRIAL_NUMBER"] == "1"
    assert environment["SWEEPWORKS_SEED"] == "1001"
    assert environment["SWEEPWORKS_OBJECTIVE"] == "loss"
    assert environment["SWEEPWORKS_RUNGS"] == "1,3,9"
    assert environment["SWEEPWORKS_RUN_TOKEN"] == "secret"
    assert environment["OMP_NUM_THREADS"] == "1"


def test_a_script_learns_the_last_level_where_there_is_one() -> None:
    assert a_request(27).environment["SWEEPWORKS_MAX_RESOURCE"] == "27"
    assert "SWEEPWORKS_MAX_RESOURCE" not in a_request().environment


def test_a_sweep_file_cannot_make_a_trial_pass_for_another() -> None:
    assert a_request().environment["SWEEPWORKS_RUN_ID"] == a_run_id()


def test_parameters_come_one_by_one_and_all_together() -> None:
    environment = a_request().environment

    assert environment["SWEEPWORKS_PARAM_LR"] == "1e-05"
    assert environment["SWEEPWORKS_PARAM_NET_KIND"] == "relu"
    assert json.loads(environment["SWEEPWORKS_PARAMS"]) == _CONFIGURATION


def test_a_script_learns_where_its_data_is() -> None:
    pinned = [a_dataset("digits", 3, "/data/d"), a_dataset("iris-eu", 1, "/data/i.csv")]

    request = a_request(datasets=pinned)

    environment = request.environment
    assert request.datasets == ("digits", "iris-eu")
    assert environment["SWEEPWORKS_DATA_DIGITS"] == "/data/d"
    assert environment["SWEEPWORKS_DATA_IRIS_EU"] == "/data/i.csv"
    assert environment["SWEEPWORKS_DATASETS"] == "digits@3 iris-eu@1"


def test_without_data_there_is_no_word_of_it() -> None:
    assert not [name for name in a_request().environment if name.startswith("SWEEPWORKS_DATA")]


def test_what_the_attempt_asks_for_is_passed_on() -> None:
    request = a_request()

    assert (request.resources.cpu, request.resources.gpu) == (2, 1)
    assert request.timeout == seconds(9)
    assert request.source_dir == "/there"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{a}", "1"),
        ("{{a}}", "{a}"),
        ("{{{a}}}", "{1}"),
        ("{b}", "{b}"),
        ("{}", "{}"),
        ('{"json": {a}}', '{"json": 1}'),
    ],
)
def test_braces_are_replaced_by_known_names_only(text: str, result: str) -> None:
    assert substitute(text, {"a": "1"}) == result


def test_no_digit_of_a_float_is_lost_and_booleans_are_words() -> None:
    variables = parameter_variables({"x": 0.1 + 0.2, "on": False})

    assert float(variables["SWEEPWORKS_PARAM_X"]) == 0.1 + 0.2
    assert variables["SWEEPWORKS_PARAM_ON"] == "false"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("x --momentum {momentum} --lr {lr}", "x --lr 0.1"),
        ("x --momentum={momentum} --lr={lr}", "x --lr=0.1"),
        ("x --fast --momentum={momentum}", "x --fast"),
        ("x {momentum} y", "x y"),
        ("x a={momentum}", "x"),
        ("x --lr={lr} {momentum}", "x --lr=0.1"),
        ("x --lr {lr} {momentum} y", "x --lr 0.1 y"),
        ("x -- -m {momentum} -d {decay}", "x --"),
        ("x --both {lr}:{momentum}", "x --both"),
        ("x {{momentum}} {other}", "x {momentum} {other}"),
        ("-x {momentum}", "-x"),
    ],
)
def test_words_about_parameters_that_are_not_there_are_left_out(words: str, expected: str) -> None:
    filled = filled_in(words.split(), {"lr": "0.1"}, absent={"momentum", "decay"})

    assert filled == tuple(expected.split())


def test_a_trial_without_a_conditional_parameter_gets_no_word_of_it() -> None:
    space = SearchSpace(
        parameters={
            "optimizer": Categorical(choices=("adam", "sgd")),
            "momentum": Float(low=0.0, high=1.0),
        },
        conditions={"momentum": {"optimizer": ("sgd",)}},
    )
    command = ("train", "--optimizer={optimizer}", "--momentum", "{momentum}")

    request = launch_request(
        sweep_id=SWEEP,
        spec=a_spec(space=space, trial=TrialSpec(command=command)),
        source_dir="",
        trial=a_trial(configuration={"optimizer": "adam"}),
        attempt_id=ids.attempt_id(a_run_id(), 1),
        rungs=(),
        credentials={},
    )

    assert request.command == ("train", "--optimizer=adam")
    assert "SWEEPWORKS_PARAM_MOMENTUM" not in request.environment


def test_a_script_whose_metrics_are_read_brings_along_how() -> None:
    metrics = MetricsSpec(file="out.jsonl", format="jsonl", step="epoch")
    spec = a_spec(trial=TrialSpec(command=("x",), metrics=metrics))

    request = launch_request(
        sweep_id=SWEEP,
        spec=spec,
        source_dir="",
        trial=a_trial(),
        attempt_id=ids.attempt_id(a_run_id(), 1),
        rungs=(),
        credentials={},
    )

    assert json.loads(request.environment["SWEEPWORKS_METRICS"]) == {
        "source": {"file": "out.jsonl"},
        "pattern": None,
        "format": "jsonl",
        "step": "epoch",
    }
    assert "SWEEPWORKS_METRICS" not in a_request().environment
