"""Sweep files: what holds for every spec, and for every text and document whatsoever."""

import datetime as dt
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from keyword import iskeyword
from typing import Any

import jsonschema
import numpy as np
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.errors import InvalidSweepFile
from sweeps.ids import SweepId
from sweeps.objectives import Direction, Objective
from sweeps.spaces import (
    Categorical,
    Condition,
    Configuration,
    Constant,
    Constraint,
    Float,
    Int,
    LogNormal,
    Normal,
    Ordinal,
    Parameter,
    SearchSpace,
)
from sweeps.specs import (
    Limits,
    MetricsSpec,
    PodOptions,
    Resources,
    SchedulerSpec,
    SearcherSpec,
    StrategySpec,
    SweepSpec,
    TrialSpec,
    VolumeMount,
    as_document,
)
from sweeps.sweep_files import json_schema, parse_document, parse_text
from sweeps.sweep_files.kinds import IMAGE
from sweeps.sweep_files.pod_section import OVERRIDES
from sweeps.waits import Awaited, AwaitedEnd
from tests.unit.sweeps.sweep_texts import GOOD

# A busy machine must not fail a test, and a slow one not take a minute.
quick = settings(deadline=None, max_examples=60)
VALIDATOR = jsonschema.Draft202012Validator(json_schema())

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
TITLES = st.from_regex(r"[A-Za-z0-9][ -~é中]{0,20}[!-~]", fullmatch=True)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,8}", fullmatch=True)
VARIABLES = st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True)
SINGLE_VALUES = (
    TEXTS
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(-1e15, 1e15).map(lambda value: value + 0)
)
SWEEPS = st.from_regex(r"[a-z][a-z0-9]{0,9}-[a-z2-7]{8}", fullmatch=True).map(SweepId)
AWAITED = st.builds(Awaited, sweep_id=SWEEPS, ended=st.sampled_from(AwaitedEnd))
DURATIONS = st.none() | st.timedeltas(dt.timedelta(milliseconds=1), dt.timedelta(days=3650))


def ranges(kind: type[Float] | type[Int], ends: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def make(pair: tuple[Any, Any], log: bool) -> Parameter:
        low, high = sorted(pair)
        return kind(low=low, high=high, log=log and low > 0)

    return st.builds(make, st.tuples(ends, ends), st.booleans())


STEPPED = st.builds(
    lambda low, steps, step: Float(low=low, high=low + steps, step=step),
    st.integers(-99, 99).map(float),
    st.integers(1, 50),
    st.sampled_from([0.05, 0.1, 0.25, 1.0]),
) | st.builds(
    lambda low, steps, step: Int(low=low, high=low + steps * step, step=step),
    st.integers(-99, 99),
    st.integers(1, 50),
    st.integers(1, 99),
)
LIKELY = st.builds(
    lambda kind, low, mean, std: kind(low=low, high=low + 2, prior=Normal(mean=mean, std=std)),
    st.sampled_from([Float, Int]),
    st.integers(-2, 2),
    st.floats(-1, 1),
    st.floats(1, 9),
) | st.builds(
    lambda kind, low, mean, std: kind(low=low, high=low + 2, prior=LogNormal(mean=mean, std=std)),
    st.sampled_from([Float, Int]),
    st.integers(0, 2),
    st.floats(-1, 1),
    st.floats(1, 9),
)
CHOICES = st.lists(SINGLE_VALUES, min_size=1, max_size=5, unique_by=lambda v: (type(v), v)).map(
    tuple
)
PARAMETERS: st.SearchStrategy[Parameter] = st.one_of(
    ranges(Float, st.floats(-8e307, 8e307) | st.floats(1e-9, 1.0)),
    ranges(Int, st.integers(-(2**53), 2**53)),
    STEPPED,
    LIKELY.map(
        lambda p: replace(p, low=float(p.low), high=float(p.high)) if isinstance(p, Float) else p
    ),
    CHOICES.map(lambda choices: Categorical(choices=choices)),
    CHOICES.map(lambda choices: Ordinal(choices=choices)),
    SINGLE_VALUES.map(lambda value: Constant(value=value)),
)


@st.composite
def spaces(draw: st.DrawFn) -> SearchSpace:
    names = draw(
        st.lists(
            NAMES,
            min_size=1,
            max_size=5,
            unique_by=lambda name: name.upper().replace(".", "_").replace("-", "_"),
        )
    )
    parameters = {name: draw(PARAMETERS) for name in names}
    conditions: dict[str, Condition] = {}
    order = draw(st.permutations(names))
    for child, parent in itertools.pairwise(order):
        if draw(st.booleans()) and not isinstance(parameters[parent], Float):
            units = draw(st.lists(st.floats(0, 1), min_size=1, max_size=3))
            taken = {repr(v): v for v in map(parameters[parent].from_unit, units)}
            conditions[child] = {parent: tuple(taken.values())}
    numbers = [
        name
        for name, parameter in parameters.items()
        if isinstance(parameter, (Float, Int)) and name.isidentifier() and not iskeyword(name)
    ]
    texts = [f"{name} >= {parameters[name].from_unit(0.0)!r}" for name in numbers]
    return SearchSpace(
        parameters=parameters,
        conditions=conditions,
        constraints=tuple(map(Constraint, texts[: draw(st.integers(0, 2))])),
    )


@st.composite
def first_ones(draw: st.DrawFn, space: SearchSpace) -> tuple[Configuration, ...]:
    found: list[Configuration] = []
    for seed in range(draw(st.integers(0, 2))):
        whole = space.sample(np.random.default_rng(seed))
        kept = draw(st.sets(st.sampled_from(sorted(whole)), max_size=2))
        found.append(
            {
                name: v + 0 if isinstance(v, float) else v
                for name, v in whole.items()
                if name in kept
            }
        )
    return tuple(one for i, one in enumerate(found) if one not in found[:i])


@st.composite
def strategies(draw: st.DrawFn) -> StrategySpec:
    searcher = SearcherSpec(
        name=draw(st.sampled_from(["bayes", "random", "sobol", "lhs", "optuna"])),
        initial_points=draw(st.integers(1, 100)),
        points_per_parameter=draw(st.integers(1, 100)),
        sampler=draw(st.sampled_from(["tpe", "gp"])),
    )
    least = draw(st.integers(1, 1000))
    most = least + draw(st.integers(1, 1000))
    scheduler = SchedulerSpec(
        name=draw(st.sampled_from(["none", "asha", "hyperband", "median_stopping"])),
        variant=draw(st.sampled_from(["stopping", "promotion"])),
        reduction_factor=draw(st.integers(2, 10)),
        min_resource=least,
        max_resource=most,
        grace=draw(st.integers(0, most - 1)),
        min_trials=draw(st.integers(1, 100)),
    )
    names = [searcher.name]
    names += [scheduler.name] if scheduler.name != "none" else []
    if searcher.name == "bayes" and scheduler.name in {"asha", "hyperband"}:
        names.append("bohb")
    return StrategySpec(name=draw(st.sampled_from(names)), searcher=searcher, scheduler=scheduler)


@st.composite
def metrics(draw: st.DrawFn, objective: str) -> MetricsSpec:
    patterns = st.sampled_from([r"(?P<value>\S+)", r"loss=(\d+)", r"(?P<step>\d+): (?P<value>.*)"])
    found = st.dictionaries(TITLES, patterns, max_size=2).map(
        lambda more: {objective: "(x)"} | more
    )
    pattern = st.just(r"(?P<name>\w+)=(?P<value>\S+)") | found
    step = draw(TITLES.filter(lambda name: name != objective))
    if draw(st.booleans()):
        return MetricsSpec(tensorboard=draw(st.sampled_from(["logs", "a/b"])), step=step)
    is_json = draw(st.booleans())
    return MetricsSpec(
        file=draw(st.none() | st.sampled_from(["metrics.jsonl", "out/é.log", ".hidden/..x"])),
        pattern=None if is_json else draw(pattern),
        format="jsonl" if is_json else None,
        step=step,
    )


@st.composite
def specs(draw: st.DrawFn) -> SweepSpec:
    space = draw(spaces())
    objective = Objective(metric=draw(TITLES), direction=draw(st.sampled_from(Direction)))
    return SweepSpec(
        experiment=draw(TITLES),
        owner=draw(TITLES),
        purpose=draw(TITLES),
        expected_outcome=draw(st.none() | TITLES),
        tenant=draw(st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)),
        objective=objective,
        space=space,
        initial_configurations=draw(first_ones(space)),
        warm_start=tuple(draw(st.lists(SWEEPS, max_size=2))),
        after=tuple(draw(st.lists(AWAITED, max_size=3, unique_by=lambda one: one.sweep_id))),
        retention=draw(st.sampled_from([None, "short", "keep-all"])),
        strategy=draw(strategies()),
        limits=Limits(
            max_trials=draw(st.integers(1, 1_000_000)),
            max_parallel=draw(st.integers(1, 100)),
            deadline=draw(DURATIONS),
            trial_timeout=draw(DURATIONS),
            stalled_after=draw(DURATIONS),
            max_cost_usd=draw(st.none() | st.decimals("0.001", 1_000_000, places=3)),
            max_gpu_hours=draw(st.none() | st.floats(0.001, 1_000_000)),
        ),
        trial=TrialSpec(
            command=("python", *draw(st.lists(TEXTS.filter(lambda t: "{" not in t), max_size=3))),
            resources=Resources(
                cpu=draw(st.floats(0.001, 10_000)),
                memory_bytes=draw(st.integers(0, 2**60)),
                gpu=draw(st.integers(0, 1024)),
            ),
            environment=draw(st.dictionaries(VARIABLES, TEXTS, max_size=3)),
            metrics=draw(st.none() | metrics(objective.metric)),
            image=draw(st.none() | st.from_regex(IMAGE, fullmatch=True)),
            pods=draw(pods()),
        ),
        seed=draw(st.integers(0, 2**32 - 1)),
    )


@st.composite
def pods(draw: st.DrawFn) -> PodOptions:
    names = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
    claims = st.builds(
        VolumeMount,
        claim=names,
        path=st.from_regex(r"/[a-z/]{1,20}", fullmatch=True),
        is_read_only=st.booleans(),
    )
    plain = st.recursive(
        st.none() | st.booleans() | st.integers(-(2**40), 2**40) | names,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
        max_leaves=8,
    )
    mappings = st.dictionaries(names, plain, min_size=1, max_size=3)
    return PodOptions(
        gpu_resource=draw(st.none() | st.just("amd.com/gpu")),
        node_selector=draw(st.dictionaries(names, names, max_size=3)),
        tolerations=tuple(draw(st.lists(mappings, max_size=2))),
        priority_class=draw(st.none() | names),
        shm_bytes=draw(st.integers(0, 2**40)),
        volumes=tuple(draw(st.lists(claims, max_size=2))),
        secrets=tuple(draw(st.lists(names, max_size=2))),
        nodes=draw(st.integers(1, 1000)),
        config_maps=tuple(draw(st.lists(names, max_size=2))),
        overrides=draw(st.dictionaries(st.sampled_from(OVERRIDES), mappings, max_size=3)),
    )


def assert_same(left: SweepSpec, right: SweepSpec) -> None:
    assert left == right
    assert list(left.space.parameters) == list(right.space.parameters)
    assert left.digest() == right.digest()  # also tells 1, 1.0 and True apart


@quick
@given(specs())
def test_every_spec_survives_being_stored(spec: SweepSpec) -> None:
    stored = json.loads(json.dumps(as_document(spec), sort_keys=True))

    assert_same(parse_document(stored), spec)
    VALIDATOR.validate(stored)


@quick
@given(specs())
def test_every_spec_survives_being_written_as_yaml(spec: SweepSpec) -> None:
    # Everything in quotes, with its tag: PyYAML writes for YAML 1.1, where `1e3` needs none.
    for text in (
        json.dumps(as_document(spec)),
        yaml.safe_dump(as_document(spec), sort_keys=False, default_style='"'),
    ):
        assert_same(parse_text(text, source="x"), spec)


def read_or_refused(parse: Callable[[], SweepSpec]) -> SweepSpec | None:
    """What `parse` gives, None when it refuses in words that can be printed."""
    refused = None
    try:
        return parse()
    except InvalidSweepFile as exc:
        refused = exc
    assert refused.problems
    assert all(problem.message and problem.hint for problem in refused.problems)
    assert str(refused).encode()
    return None


def parse_or_refuse(document: Mapping[str, object]) -> SweepSpec | None:
    return read_or_refused(lambda: parse_document(document))


def text_or_refusal(text: str) -> SweepSpec | None:
    return read_or_refused(lambda: parse_text(text, source="x"))


@quick
@given(st.text(max_size=200))
def test_any_text_is_refused_in_words(text: str) -> None:
    assert text_or_refusal(text) is None


YAML_BITS = st.sampled_from(
    [*"{}[]:,-?&*!|>'\"%@`#~<\t\n ", "\n  ", ": ", "- ", "&a ", "*a", "!!int ", "!!bool ", "<<: ",
     "!!binary ", "---\n", "...", "0x", ".inf", ".nan", "1e9", '"\\U', "\\x", "seed", "space", "x"]
)  # fmt: skip


@quick
@given(
    st.integers(0, len(GOOD)),
    st.integers(0, 20),
    st.lists(YAML_BITS | st.characters(), max_size=6).map("".join),
)
def test_a_damaged_file_is_read_or_refused(at: int, lost: int, inserted: str) -> None:
    spec = text_or_refusal(GOOD[:at] + inserted + GOOD[at + lost :])

    if spec is not None:
        assert_same(parse_document(as_document(spec)), spec)


WORDS = [
    "type", "low", "high", "log", "choices", "value", "name", "x", "float", "int", "categorical",
    "constant", "ordinal", "when", "prior", "normal", "mean", "std", "step", "x < 3", "max_trials", "command", "cpu", "memory", "metric", "grid", "1h", "1Gi", "500m",
]  # fmt: skip
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**70, 10**320, -(10**308)])
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=8,
)
KEYS = [*as_document(parse_text(GOOD, source="x"))]


@quick
@given(st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), JSON, max_size=4))
def test_any_document_is_read_or_refused(changes: dict[str, object]) -> None:
    document = {**as_document(parse_text(GOOD, source="x")), **changes}

    spec = parse_or_refuse(document)

    if spec is not None:
        assert_same(parse_document(as_document(spec)), spec)
        assert VALIDATOR.is_valid(document), "the parser takes what the schema refuses"


@quick
@given(JSON)
def test_any_section_is_read_or_refused(value: object) -> None:
    good = as_document(parse_text(GOOD, source="x"))

    for section in (
        "space", "limits", "trial", "strategy", "objective", "constraints",
        "initial_configurations", "warm_start", "after",
    ):  # fmt: skip
        document = {**good, section: value}
        if parse_or_refuse(document) is not None:
            assert VALIDATOR.is_valid(document), "the parser takes what the schema refuses"


@quick
@given(JSON)
def test_any_parameter_is_read_or_refused(value: object) -> None:
    good = as_document(parse_text(GOOD, source="x"))
    document = {**good, "trial": {"command": ["x"]}, "space": {"x": value}}

    if parse_or_refuse(document) is not None:
        assert VALIDATOR.is_valid(document), "the parser takes what the schema refuses"


def test_nesting_beyond_pythons_recursion_is_refused() -> None:
    value: object = 1
    for _ in range(5000):
        value = [value]

    assert parse_or_refuse({"space": value}) is None


def test_a_number_too_long_to_be_printed_is_refused() -> None:
    assert parse_or_refuse({"seed": 10**5000}) is None
