"""Sweep files: what is accepted, what is refused, and what the refusal says."""

import json
import string

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.errors import InvalidSweepFile, Problem
from sweeps.specs import as_document
from sweeps.sweep_files import json_schema, parse_document, parse_text, warnings
from sweeps.sweep_files.sweep_file import MAX_GRID

GOOD = """\
experiment: digits
owner: ana
purpose: Which network is best?
objective: {metric: val_accuracy, direction: maximize}
space:
  lr: {type: float, low: 1e-4, high: 1e-1, log: true}
  hidden: {type: int, low: 16, high: 256}
  activation: [relu, on, 3, 3.0, true]
  epochs: 10
limits: {max_trials: 24, deadline: 1h30m, trial_timeout: 90, stalled_after: 60s}
trial:
  command: [python, train.py, "--lr={lr}", "{{}}"]
  resources: {cpu: 500m, memory: 1Gi, gpu: 1}
seed: 7
"""


def problems_of(text: str) -> list[Problem]:
    with pytest.raises(InvalidSweepFile) as caught:
        parse_text(text, source="sweep.yaml")
    return list(caught.value.problems)


def with_line(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def test_a_good_file_becomes_a_typed_spec() -> None:
    spec = parse_text(GOOD, source="sweep.yaml")

    assert spec.space.parameters["lr"].low == pytest.approx(1e-4)
    assert spec.limits.deadline is not None
    assert spec.limits.deadline.total_seconds() == 5400
    assert spec.limits.trial_timeout is not None
    assert spec.limits.trial_timeout.total_seconds() == 90
    assert spec.trial.resources.cpu == 0.5
    assert spec.trial.resources.memory_bytes == 2**30
    assert spec.strategy.name == "bayes"
    assert spec.tenant == "default"


def test_words_that_older_yaml_took_for_booleans_stay_words() -> None:
    spec = parse_text(GOOD, source="sweep.yaml")

    assert spec.space.parameters["activation"].values() == ("relu", "on", 3, 3.0, True)


@pytest.mark.parametrize(
    ("old", "new", "path", "line", "words"),
    [
        ("owner: ana", "owner:", "owner", 2, "no text"),
        ("purpose: Which network is best?\n", "", "purpose", 1, "missing"),
        ("direction: maximize", "direction: up", "objective.direction", 4, "'up'"),
        ("low: 1e-4", "low: 1", "space.lr.low", 6, "above high"),
        ("low: 1e-4", "low: 0", "space.lr.low", 6, "no logarithm"),
        ("low: 16", "low: 16.5", "space.hidden.low", 7, "16.5"),
        ("low: 16", "low: .inf", "space.hidden.low", 7, "inf"),
        ("type: int", "type: integer", "space.hidden.type", 7, "'integer'"),
        ("[relu, on,", "[relu, relu,", "space.activation[1]", 8, "twice"),
        ("[relu, on, 3, 3.0, true]", "[]", "space.activation", 8, "[]"),
        ("epochs: 10", "epochs: null", "space.epochs", 9, "None"),
        ("epochs: 10", "LR: 10", "space.LR", 9, "SWEEPWORKS_PARAM_LR"),
        ("epochs: 10", "2x: 10", "space.2x", 9, "'2x'"),
        ("max_trials: 24", "max_trials: 0", "limits.max_trials", 10, "0"),
        ("max_trials: 24, ", "", "limits.max_trials", 10, "missing"),
        ("deadline: 1h30m", "deadline: soon", "limits.deadline", 10, "'soon'"),
        ("deadline: 1h30m", "deadline: -5", "limits.deadline", 10, "-5"),
        ("deadline: 1h30m", "max_cost_usd: 5", "limits.max_cost_usd", 10, "not supported"),
        ("--lr={lr}", "--lr={learning_rate}", "trial.command[2]", 12, "learning_rate"),
        ("cpu: 500m", "cpu: 0", "trial.resources.cpu", 13, "0"),
        ("memory: 1Gi", "memory: lots", "trial.resources.memory", 13, "'lots'"),
        ("gpu: 1", "gpus: 1", "trial.resources.gpus", 13, "unknown key"),
        ("seed: 7", "seed: -1", "seed", 14, "-1"),
        ("seed: 7", "seed: 7\nseed: 8", "seed", 15, "twice"),
        ("seed: 7", "strategy: asha", "strategy.name", 14, "not supported"),
        (
            "seed: 7",
            "strategy: {name: random, searcher: {}}",
            "strategy.searcher",
            14,
            "not supported",
        ),
        ("seed: 7", "priority: high", "priority", 14, "not supported"),
        ("seed: 7", "tenant: Not Good", "tenant", 14, "'Not Good'"),
    ],
)
def test_a_mistake_is_named_with_its_line(
    old: str, new: str, path: str, line: int, words: str
) -> None:
    problems = problems_of(with_line(old, new))

    assert [(p.path, p.line) for p in problems] == [(path, line)]
    assert words in problems[0].message
    assert problems[0].hint


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    text = with_line("owner: ana", "ovner: ana").replace("seed: 7", "seed: x")

    problems = problems_of(text)

    assert [p.path for p in problems] == ["owner", "ovner", "seed"]
    assert problems[1].hint == "did you mean 'owner'?"


def test_a_grid_that_explodes_is_refused_with_its_count() -> None:
    text = with_line("seed: 7", "strategy: {name: grid, points_per_parameter: 100}")

    (problem,) = problems_of(text)

    assert str(100 * 100 * 5) in problem.message
    assert str(MAX_GRID) in problem.message


def test_a_grid_needs_no_number_of_trials() -> None:
    text = with_line("max_trials: 24, ", "").replace("seed: 7", "strategy: grid")

    assert parse_text(text, source="x").limits.max_trials == 5 * 5 * 5


def test_a_grid_that_is_cut_is_warned_about() -> None:
    spec = parse_text(with_line("seed: 7", "strategy: grid"), source="x")

    assert "125" in warnings(spec)[0]


@pytest.mark.parametrize(
    "text",
    ["", "[1, 2]", "a: [", "\tx: 1", "a: &x [*x]", "? [a]\n: 1", "a: !!python/name:os.system x"],
)
def test_what_is_no_sweep_at_all_is_refused_in_a_sentence(text: str) -> None:
    assert problems_of(text)


def test_aliases_cannot_blow_up_a_small_file() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
    )

    assert "aliases" in problems_of(bomb)[0].message


@given(st.text(max_size=300))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with pytest.raises(InvalidSweepFile):
        parse_text(text, source="x")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "low", "high", "log", "name", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from([*as_document(parse_text(GOOD, source="x")), "other"]), JSON, max_size=12
    )
)
def test_any_document_is_parsed_or_refused(document: dict[str, object]) -> None:
    merged = {**as_document(parse_text(GOOD, source="x")), **document}

    try:
        spec = parse_document(merged)
    except InvalidSweepFile as refused:
        assert refused.problems
    else:
        assert parse_document(as_document(spec)) == spec


NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=6)
FINITE = st.floats(min_value=1e-6, max_value=1e6)
PARAMETERS = st.one_of(
    st.tuples(FINITE, FINITE, st.booleans()).map(
        lambda t: {"type": "float", "low": min(t[:2]), "high": max(t[:2]), "log": t[2]}
    ),
    st.tuples(st.integers(1, 99), st.integers(1, 99), st.booleans()).map(
        lambda t: {"type": "int", "low": min(t[:2]), "high": max(t[:2]), "log": t[2]}
    ),
    st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=4, unique=True),
    st.integers() | st.booleans() | st.text(min_size=1, max_size=5),
)


@given(st.dictionaries(NAMES, PARAMETERS, min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_a_stored_spec_reads_back_equal(space: dict[str, object], seed: int) -> None:
    document = {
        **{k: v for k, v in as_document(parse_text(GOOD, source="x")).items() if v is not None},
        "space": space,
        "seed": seed,
        "trial": {"command": ["true"]},
    }
    spec = parse_document(document)

    stored = json.loads(json.dumps(as_document(spec)))

    assert parse_document(stored) == spec
    assert parse_document(stored).digest() == spec.digest()
    jsonschema.validate(document, json_schema())


def test_the_schema_is_one_and_knows_every_key() -> None:
    schema = json_schema()

    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(as_document(parse_text(GOOD, source="x"))) == set(schema["properties"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"experiment": "x", "ovner": "y"}, schema)


def test_a_tenants_defaults_fill_only_what_the_file_leaves_out() -> None:
    defaults = {"limits": {"max_parallel": 4, "trial_timeout": "1m"}}

    spec = parse_text(GOOD, source="x", defaults=defaults)

    assert spec.limits.max_parallel == 4
    assert spec.limits.trial_timeout is not None
    assert spec.limits.trial_timeout.total_seconds() == 90
