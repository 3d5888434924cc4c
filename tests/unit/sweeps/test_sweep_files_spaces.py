"""Spaces of sweep files: conditions, constraints, priors, and what is tried first."""

import pytest

from sweeps.errors import Problem
from sweeps.spaces import Constraint, Float, Int, LogNormal, Normal, Ordinal
from sweeps.specs import SweepSpec, as_document
from sweeps.sweep_files import parse_document, parse_text, warnings
from tests.unit.sweeps.sweep_texts import GOOD, problems_of

SPACE = """\
space:
  optimizer: [adam, sgd, rmsprop]
  lr: {type: float, low: 1e-4, high: 1e-1, log: true}
  momentum: {type: float, low: 0, high: 1, step: 0.05, when: {optimizer: [sgd, rmsprop]}}
  nesterov: {type: categorical, choices: [true, false], when: {optimizer: sgd}}
  damping: {type: float, low: 0, high: 1, when: {nesterov: false}}
  layers: {type: int, low: 1, high: 3}
  hidden_1: {type: int, low: 16, high: 128, step: 16}
  hidden_2: {type: int, low: 16, high: 128, step: 16, when: {layers: [2, 3]}}
  size: {type: ordinal, choices: [small, medium, large]}
  decay: {type: float, low: 0, high: 1, prior: {type: normal, mean: 0.1, std: 0.2}}
  width: {type: int, low: 1, high: 99, prior: {type: lognormal, mean: 2, std: 1}}
"""
HEAD, TAIL = GOOD[: GOOD.index("space:")], GOOD[GOOD.index("limits:") :]


def text_with(end: str = "", *, space: str = SPACE) -> str:
    return f"{HEAD}{space}{end}\n{TAIL}"


def parse(end: str = "", *, space: str = SPACE) -> SweepSpec:
    return parse_text(text_with(end, space=space), source="x")


def only(text: str) -> Problem:
    (problem,) = problems_of(text)
    return problem


def test_every_kind_of_parameter_is_read() -> None:
    space = parse().space

    assert space.parameters["momentum"] == Float(low=0.0, high=1.0, step=0.05)
    assert space.parameters["hidden_1"] == Int(low=16, high=128, step=16)
    assert space.parameters["size"] == Ordinal(choices=("small", "medium", "large"))
    assert space.parameters["decay"] == Float(low=0.0, high=1.0, prior=Normal(mean=0.1, std=0.2))
    assert space.parameters["width"] == Int(low=1, high=99, prior=LogNormal(mean=2.0, std=1.0))
    assert space.conditions == {
        "momentum": {"optimizer": ("sgd", "rmsprop")},
        "nesterov": {"optimizer": ("sgd",)},
        "damping": {"nesterov": (False,)},
        "hidden_2": {"layers": (2, 3)},
    }


def test_all_of_it_is_stored_and_read_back() -> None:
    spec = parse(
        'constraints: ["hidden_2 <= hidden_1", "lr < 0.1 or size != \'large\'"]\n'
        "initial_configurations:\n  - {lr: 0.01, optimizer: sgd}\n  - {layers: 1.0, decay: 1}\n"
        "warm_start: [digits-4f2kq7ab]"
    )

    assert parse_document(as_document(spec)) == spec
    assert spec.space.constraints[0] == Constraint("hidden_2 <= hidden_1")
    assert spec.initial_configurations == (
        {"lr": 0.01, "optimizer": "sgd"},
        {"layers": 1, "decay": 1.0},
    )
    assert isinstance(spec.initial_configurations[1]["decay"], float)
    assert spec.warm_start == ("digits-4f2kq7ab",)


@pytest.mark.parametrize(
    ("old", "new", "path", "message", "hint"),
    [
        ("{optimizer: sgd}", "{optimiser: sgd}", "nesterov.when.optimiser", "no param", "'optimizer'"),
        ("{optimizer: sgd}", "{optimizer: SGD}", "nesterov.when.optimizer", "'SGD'", "'sgd'"),
        ("{layers: [2, 3]}", "{layers: 4}", "hidden_2.when.layers", "4 is no value", "from 1 to 3"),
        ("{layers: [2, 3]}", "{lr: 0.1}", "hidden_2.when.lr", "float", "categorical"),
        ("{layers: [2, 3]}", "{layers: []}", "hidden_2.when.layers", "no list", "relu"),
        ("{layers: [2, 3]}", "{hidden_2: 16}", "hidden_2.when", "circle", "remove"),
        ("{layers: [2, 3]}", "{layers: [2, ~]}", "hidden_2.when.layers[1]", "null", "word"),
        ("{nesterov: false}", "{nesterov: 0}", "damping.when.nesterov", "0 is no", "true, false"),
    ],
)  # fmt: skip
def test_a_condition_that_cannot_be_is_refused_in_its_line(
    old: str, new: str, path: str, message: str, hint: str
) -> None:
    text = text_with(space=SPACE.replace(old, new))
    line = next(n for n, row in enumerate(text.splitlines(), start=1) if new in row)

    problem = only(text)

    assert (problem.path, problem.line) == (f"space.{path}", line)
    assert message in problem.message
    assert hint in problem.hint


def test_conditions_in_a_circle_are_named() -> None:
    space = "space:\n  a: {type: int, low: 1, high: 2, when: {b: 1}}\n"
    space += "  b: {type: int, low: 1, high: 2, when: {c: 1}}\n"
    space += "  c: {type: int, low: 1, high: 2, when: {a: 1}}\n  lr: 1\n"

    problem = only(text_with(space=space))

    assert problem.path == "space.a.when"
    assert "'a', 'b', 'c'" in problem.message


FIRST_LINE = GOOD[: GOOD.index("space:")].count("\n") + SPACE.count("\n") + 1  # after the space


@pytest.mark.parametrize(
    ("written", "message", "hint"),
    [
        ("hiden_1 < 3", "'hiden_1' names no parameter", "known: optimizer"),
        ("lr <", "no expression", "hidden_2 <= hidden_1"),
        ("lr = 3", "no expression", "hidden_2 <= hidden_1"),
        ("lr * 2", "is a number, not a condition", "compare"),
        ("lr", "is a number, not a condition", "compare"),
        ("optimizer == sgd", "'sgd' names no parameter", "quotes"),
        ("optimizer < 'sgd'", "is a word, not a number", "in [..]"),
        ("optimizer + 1 < 3", "is a word, not a number", "=="),
        ("optimizer == 3", "never equal", "one kind"),
        ("optimizer in ['sgd', 3]", "never equal", "one kind"),
        ("nesterov < 1", "true or false, not a number", "compare"),
        ("lr and layers < 2", "is a number, not true or false", "compare"),
        ("not lr", "is a number, not true or false", "compare"),
        ("1 < 2", "names no parameter", "remove"),
        ("lr.real < 1", "'lr.real' names no parameter", "known"),
        ("__import__('os').system('x') < 1", "not allowed", "min, max, abs"),
        ("open('x') == lr", "not allowed", "min, max, abs"),
        ("abs(lr, 2) < 3", "not allowed", "min, max, abs"),
        ("min() < lr", "not allowed", "min, max, abs"),
        ("[lr][0] < 3", "not allowed", "arithmetic"),
        ("(lambda: lr)() < 1", "not allowed", "arithmetic"),
        ("[x for x in lr]", "not allowed", "arithmetic"),
        ("lr if lr < 1 else 2", "not allowed", "arithmetic"),
        ("lr is 3", "'is'", "comparisons"),
        ("lr << 3 < 1", "'lshift'", "+ - *"),
        ("~layers < 1", "'invert'", "+ - *"),
        ("lr < 3j", "not allowed", "numbers"),
        ("lr == None", "not allowed", "numbers"),
        ("f'{lr}' == 'x'", "not allowed", "words"),
        ("lr in layers", "names no list", "[1, 2]"),
        ("[lr, 2] == layers", "not allowed", "arithmetic"),
        ("lr < 0", "leaves no configuration", "widen"),
        ("layers > 3", "leaves no configuration", "widen"),
        (f"lr < {'1' * 200}", "characters", "200"),
        ("-" * 150 + "lr < 1 - - ", "no expression", "hidden_2"),
    ],
)
def test_a_constraint_that_cannot_be_is_refused_in_its_line(
    written: str, message: str, hint: str
) -> None:
    quoted = written.replace("'", "''")
    text = text_with(f"constraints:\n  - lr < 1\n  - '{quoted}'")

    problem = only(text)

    assert problem.path == "constraints[1]"
    assert problem.line == FIRST_LINE + 2
    assert message in problem.message
    assert hint in problem.hint


def test_names_in_constraints_are_checked_although_a_parameter_is_wrong() -> None:
    space = SPACE.replace("low: 1e-4", "low: x")

    problems = problems_of(text_with("constraints: [lr < 1, x < 1]", space=space))

    assert [problem.path for problem in problems] == ["space.lr.low", "constraints[1]"]


def test_constraints_that_exclude_each_other_are_refused() -> None:
    problem = only(text_with("constraints: [layers < 2, layers > 1]"))

    assert problem.path == "constraints[1]"
    assert "together with those before it" in problem.message


@pytest.mark.parametrize(
    ("written", "path", "message", "hint"),
    [
        ("{lr: 1}", "[0].lr", "1 is no value of 'lr'", "from 0.0001 to 0.1"),
        ("{lr: '0.01'}", "[0].lr", "'0.01' is no value", "a number from"),
        ("{lrr: 0.01}", "[0].lrr", "no parameter", "'lr'"),
        ("{hidden_1: 17}", "[0].hidden_1", "17", "in steps of 16"),
        ("{size: tiny}", "[0].size", "'tiny'", "one of 'small'"),
        ("{optimizer: adam, momentum: 0.5}", "[0].momentum", "not there", "'optimizer'"),
        ("{hidden_1: 16, hidden_2: 32}", "[0]", "hidden_2 <= hidden_1", "change"),
        ("{lr: 0.01}, {lr: [1]}", "[1].lr", "[1]", "word"),
        ("{lr: 0.01}, 5", "[1]", "5 is no configuration", "lr: 0.01"),
    ],
)
def test_a_configuration_that_the_space_has_not_is_refused(
    written: str, path: str, message: str, hint: str
) -> None:
    end = f'constraints: ["hidden_2 <= hidden_1"]\ninitial_configurations: [{written}]'

    problem = only(text_with(end))

    assert problem.path == f"initial_configurations{path}"
    assert problem.line == FIRST_LINE + 1
    assert message in problem.message
    assert hint in problem.hint


def test_the_same_whole_configuration_twice_is_refused() -> None:
    space = "space: {lr: [1, 2], b: [1, 2]}\n"
    end = "initial_configurations: [{lr: 1}, {lr: 1}, {lr: 1, b: 1}, {b: 1, lr: 1}]"

    problem = only(text_with(end, space=space))

    assert problem.path == "initial_configurations[3]"
    assert "number 3" in problem.message


def test_a_name_that_is_no_sweeps_is_refused() -> None:
    problem = only(text_with("warm_start: [digits-4f2kq7ab, No/Sweep]"))

    assert problem.path == "warm_start[1]"


def test_a_placeholder_of_a_conditional_parameter_is_good() -> None:
    text = text_with().replace("--lr={lr}", "--momentum={momentum}")

    assert parse_text(text, source="x").trial.command[2] == "--momentum={momentum}"


GRID = """\
space:
  kind: [a, b]
  x: {type: int, low: 1, high: 30, when: {kind: a}}
  y: {type: int, low: 1, high: 30}
"""


def test_a_grid_counts_what_is_there_and_what_is_allowed() -> None:
    end = "strategy: {name: grid, points_per_parameter: 30}"

    free = parse(end, space=GRID + "  lr: 1\n").limits.max_trials
    tied = parse(f"{end}\nconstraints: [x <= y]", space=GRID + "  lr: 1\n")

    assert free == 24  # as the file has it
    assert "the grid has 930 configurations" in warnings(parse(end, space=GRID + "  lr: 1\n"))[0]
    assert f"the grid has {30 * 31 // 2 + 30} configurations" in warnings(tied)[0]


def test_a_large_grid_is_remarked_upon_with_its_largest_axes() -> None:
    end = "strategy: {name: grid, points_per_parameter: 30}"
    text = text_with(end, space=GRID + "  lr: 1\n").replace("max_trials: 24, ", "")

    (note,) = warnings(parse_text(text, source="x"))

    assert note == "the grid has 930 configurations: 'x' has 30 values and 'y' has 30 values"


def test_a_grid_without_a_good_combination_is_refused() -> None:
    end = (
        "constraints: [x > 2, x < 29, kind == 'a']\nstrategy: {name: grid, points_per_parameter: 2}"
    )

    problem = only(text_with(end, space=GRID + "  lr: 1\n"))

    assert problem.path == "constraints"
    assert "no combination of the grid" in problem.message
