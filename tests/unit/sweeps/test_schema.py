"""The JSON Schema of sweep files: in step with the parser, and of use in an editor."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from sweeps.sweep_files import json_schema, parse_text
from tests.unit.sweeps.sweep_texts import GOOD, problems_of, with_line

SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
EXAMPLES = Path(__file__).parents[3] / "examples"


def document(text: str) -> Any:
    return yaml.safe_load(text.replace("1e-4", "1.0e-4").replace("1e-1", "1.0e-1"))


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema of a mapping within `schema`; a condition on one has no type."""
    if isinstance(schema, dict):
        if "properties" in schema and "type" in schema:
            yield schema
        for item in schema.values():
            yield from objects(item)
    elif isinstance(schema, list):
        for item in schema:
            yield from objects(item)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_no_mapping_takes_keys_that_it_does_not_know() -> None:
    assert all(schema["additionalProperties"] is False for schema in objects(SCHEMA))


def test_every_key_explains_itself() -> None:
    for name, key in SCHEMA["properties"].items():
        assert key["title"], name
        assert key["description"], name


def test_defaults_and_examples_are_valid_themselves() -> None:
    for schema in objects(SCHEMA):
        for key in schema["properties"].values():
            validator = jsonschema.Draft202012Validator(key)
            for value in [
                *key.get("examples", []),
                *([key["default"]] if "default" in key else []),
            ]:
                validator.validate(value)


def test_what_is_required_has_no_default() -> None:
    assert SCHEMA["required"] == [
        "experiment", "owner", "purpose", "objective", "space", "trial",
    ]  # fmt: skip
    for schema in objects(SCHEMA):
        for key in schema.get("required", []):
            assert "default" not in schema["properties"][key]


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        with_line("high: 256", "high: 256, step: 2, prior: {type: normal, mean: 99, std: 9}"),
        with_line("high: 256", "high: 256, when: {activation: [relu, 3]}"),
        with_line("high: 256", "high: 256, when: {activation: relu}, step:"),
        with_line("epochs: 10", "epochs: {type: ordinal, choices: [1, 10]}"),
        with_line("seed: 7", "constraints: [lr * hidden < 20]\nwarm_start: [digits-4f2kq7ab]"),
        with_line("seed: 7", "initial_configurations: [{lr: 0.01}, {hidden: 16, epochs: 10}]"),
        with_line("seed: 7", "strategy: grid"),
        with_line("seed: 7", "strategy: {name: asha, max_resource: 27, searcher: bayes}"),
        with_line("seed: 7", "strategy: {name: bohb, max_resource: 27, scheduler: {grace: 3}}"),
        with_line("seed: 7", "strategy: {name: random}\nversion: 1\ntenant: vision"),
        with_line("[python, train.py,", "[python, 3, true,"),
        with_line("epochs: 10", "epochs: {type: constant, value: 10}"),
        with_line("deadline: 1h30m", "deadline: "),
        with_line("seed: 7", "expected_outcome:\nseed:\nstrategy:"),
        with_line("owner: ana", "owner: 7"),
        with_line("seed: 7", "  data: [digits, iris@2, wine@latest]"),
        with_line("seed: 7", "  metrics: {source: stdout, format: jsonl}"),
        with_line("seed: 7", "  metrics: {source: {tensorboard: logs}}"),
        with_line(
            "seed: 7", "  metrics: {source: {file: out/m.jsonl}, format: jsonl, step: epoch}"
        ),
        with_line("seed: 7", "  metrics: {source: stdout, pattern: {val_accuracy: 'acc=(.*)'}}"),
        with_line("seed: 7", "  environment: {SWEEPWORKS_CHECKPOINTS: all}"),
    ],
)
def test_the_schema_takes_what_the_parser_takes(text: str) -> None:
    parse_text(text, source="x")

    VALIDATOR.validate(document(text))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("owner: ana", "ovner: ana"),
        ("owner: ana", "owner: ''"),
        ("direction: maximize", "direction: up"),
        ("type: int", "type: integer"),
        ("high: 256", "high: 256, step: 0"),
        ("high: 256", "high: 256, quantise: 2"),
        ("high: 256", "high: 256, prior: {type: beta, mean: 1, std: 1}"),
        ("high: 256", "high: 256, prior: {type: normal, mean: 1}"),
        ("high: 256", "high: 256, when: sgd"),
        ("high: 256", "high: 256, when: {activation: []}"),
        ("seed: 7", "constraints: lr < 1"),
        ("seed: 7", "constraints: [1]"),
        ("seed: 7", "initial_configurations: [[1]]"),
        ("seed: 7", "initial_configurations: [{lr: [1]}]"),
        ("seed: 7", "warm_start: [Not Good]"),
        ("low: 16", "low: 16.5"),
        ("[relu, on, 3, 3.0, true]", "[]"),
        ("epochs: 10", "2x: 10"),
        ("max_trials: 24", "max_trials: 0"),
        ("deadline: 1h30m", "deadline: soon"),
        ("deadline: 1h30m", "max_cost_usd: 0"),
        ("deadline: 1h30m", "max_gpu_hours: many"),
        ("cpu: 500m", "cpu: 0"),
        ("memory: 1Gi", "memory: 1GB"),
        ("gpu: 1", "gpu: -1"),
        ("seed: 7", "seed: -1"),
        ("seed: 7", "priority: Very High"),
        ("seed: 7", "strategy: genetic"),
        ("seed: 7", "strategy: {name: asha, max_resource: 0}"),
        ("seed: 7", "strategy: {name: asha, max_resource: 27, reduction_factor: 1}"),
        ("seed: 7", "strategy: {name: asha, max_resource: 27, searcher: {name: x}}"),
        ("seed: 7", "tenant: Not Good"),
        ("seed: 7", "  environment: {SWEEPWORKS_X: 1}"),
        ("seed: 7", "  environment: {1X: 1}"),
        ("seed: 7", "  image: -x"),
        ("seed: 7", "  data: digits"),
        ("seed: 7", "  data: [Digits]"),
        ("seed: 7", "  data: [digits@0]"),
        ("seed: 7", "  metrics: {source: stdout}"),
        ("seed: 7", "  metrics: {source: {file: x}}"),
        ("seed: 7", "  metrics: {source: {tensorboard: /x}}"),
        ("seed: 7", "  metrics: {format: jsonl}"),
        ("seed: 7", "  metrics: {source: stderr, format: jsonl}"),
        ("seed: 7", "  metrics: {source: {file: ../x}, format: jsonl}"),
        ("seed: 7", "  metrics: {source: stdout, pattern: {}}"),
    ],
)
def test_the_schema_refuses_what_the_parser_refuses(old: str, new: str) -> None:
    text = with_line(old, new)
    assert problems_of(text)

    assert not VALIDATOR.is_valid(document(text))


def test_the_examples_are_valid_sweep_files() -> None:
    files = sorted(EXAMPLES.rglob("*sweep*.yaml"))
    assert files

    for file in files:
        text = file.read_text(encoding="utf-8")
        parse_text(text, source=str(file))
        VALIDATOR.validate(document(text))
