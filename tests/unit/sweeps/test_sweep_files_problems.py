"""Sweep files that are wrong: which problem, in which line, and what to write instead."""

import pytest

from sweeps.errors import InvalidSweepFile
from sweeps.specs import as_document
from sweeps.sweep_files import MAX_GRID, parse_document, parse_text
from tests.unit.sweeps.sweep_texts import GOOD, problems_of, with_line


def in_limits(written: str) -> tuple[str, str]:
    return "deadline: 1h30m", written


def in_space(written: str) -> tuple[str, str]:
    return "epochs: 10", written


def at_the_end(written: str) -> tuple[str, str]:
    return "seed: 7", written


def in_trial(written: str) -> tuple[str, str]:
    return "seed: 7", f"  {written}"


def in_prior(written: str) -> tuple[str, str]:
    return "log: true", f"prior: {written}"


LONG = "x" * 2001
COMMAND = '[python, train.py, "--lr={lr}", "{{}}"]'


# change, path, line, words of the message, words of the hint
@pytest.mark.parametrize(
    ("change", "path", "line", "message", "hint"),
    [
        # texts
        (("owner: ana", "owner:"), "owner", 2, "null is no text", "'ana'"),
        (("owner: ana", "owner: '  '"), "owner", 2, "'  '", "'ana'"),
        (("owner: ana", "owner: true"), "owner", 2, "true", "'ana'"),
        (("owner: ana", "owner: [ana]"), "owner", 2, "['ana']", "'ana'"),
        (("owner: ana", 'owner: "a\\nb"'), "owner", 2, "single line", "'ana'"),
        (("owner: ana\n", ""), "owner", 1, "missing", "owner: ana"),
        (("experiment: digits\n", ""), "experiment", 1, "missing", "experiment: digits-mlp"),
        (("purpose: Which network is best?\n", ""), "purpose", 1, "missing", "Which network"),
        ((": digits", f": {'x' * 101}"), "experiment", 1, "101", "100"),
        (("purpose: W", f"purpose: {LONG}"), "purpose", 3, "characters", "2000"),
        (at_the_end("tenant: Not Good"), "tenant", 14, "'Not Good'", "vision"),
        (at_the_end("tenant: -x"), "tenant", 14, "'-x'", "vision"),
        (at_the_end(f"tenant: {'x' * 64}"), "tenant", 14, "64", "63"),
        (("Which network is best?", '"a\\0b"'), "purpose", 3, "no text", "remove"),
        # objective
        (("metric: val_accuracy", "metric: ''"), "objective.metric", 4, "''", "val_accuracy"),
        (("direction: maximize", "direction: up"), "objective.direction", 4, "'up'", "minimize"),
        ((", direction: maximize", ""), "objective.direction", 4, "missing", "minimize"),
        (
            ("{metric: val_accuracy, direction: maximize}", "accuracy"),
            "objective", 4, "'accuracy'", "metric, direction",
        ),
        # ranges
        (("low: 1e-4", "low: 1"), "space.lr.low", 6, "low 1.0 is above high 0.1", "swap"),
        (("low: 1e-4", "low: 0"), "space.lr.low", 6, "no logarithm", "log: false"),
        (("low: 1e-4", "low: -1"), "space.lr.low", 6, "-1.0", "above 0"),
        (("low: 1e-4", "low: tiny"), "space.lr.low", 6, "'tiny'", "0.1"),
        (("low: 1e-4", "low: .nan"), "space.lr.low", 6, "nan", "at most"),
        (("low: 1e-4", "low: true"), "space.lr.low", 6, "true is no number", "0.1"),
        (("log: true", "log: maybe"), "space.lr.log", 6, "'maybe'", "true or false"),
        (("low: 1e-4, ", ""), "space.lr.low", 6, "missing", "low:"),
        (("low: 16", "low: 16.5"), "space.hidden.low", 7, "16.5", "type: float"),
        (("low: 16", "low: .inf"), "space.hidden.low", 7, "inf", "at most"),
        (("low: 16", "low: -.inf"), "space.hidden.low", 7, "-inf", "at most"),
        (("high: 256", "high: 1e17"), "space.hidden.high", 7, "1e+17", "at most"),
        (("type: int", "type: integer"), "space.hidden.type", 7, "'integer'", "float, int"),
        (("type: int, ", ""), "space.hidden", 7, "type is missing", "float, int"),
        (("high: 256", "hihg: 256, high: 256"), "space.hidden.hihg", 7, "unknown", "'high'"),
        (("high: 256", "high: 256, quantise: 8"), "space.hidden.quantise", 7, "unknown", "step"),
        (("high: 256", "high: 256, prior: x"), "space.hidden.prior", 7, "'x'", "mean, std"),
        (("high: 256", "high: 256, when: x"), "space.hidden.when", 7, "'x'", "optimizer: sgd"),
        (("high: 256", "high: 256, step: 0"), "space.hidden.step", 7, "0 is out", "1 or more"),
        (("high: 256", "high: 256, step: 241"), "space.hidden.step", 7, "wider", "less than 240"),
        (("log: true", "step: 0"), "space.lr.step", 6, "leads nowhere", "more than 0"),
        (("log: true", "step: 1"), "space.lr.step", 6, "wider", "write less"),
        (("log: true", "step: 1e-9"), "space.lr.step", 6, "1000000", "larger"),
        (in_prior("{type: beta, mean: 0, std: 1}"), "space.lr.prior.type", 6, "'beta'", "lognormal"),
        (in_prior("{type: normal, std: 1}"), "space.lr.prior.mean", 6, "missing", "mean: 0.5"),
        (in_prior("{type: normal, mean: 0, std: 0}"), "space.lr.prior.std", 6, "0.0", "more than 0"),
        (in_prior("{type: normal, mean: 5, std: 0.1}"), "space.lr.prior", 6, "next to", "move mean"),
        (
            in_prior("{type: normal, mean: 0, std: 1}, log: true"),
            "space.lr.prior", 6, "two answers", "keep one",
        ),
        (
            in_space("x: {type: int, low: -1, high: 2, prior: {type: lognormal, mean: 0, std: 1}}"),
            "space.x.low", 9, "below 0", "type: normal",
        ),
        (
            in_space("wide: {type: float, low: -1.7e308, high: 1.7e308}"),
            "space.wide.low", 9, "too far", "smaller",
        ),
        # choices and constants
        (("[relu, on,", "[relu, relu,"), "space.activation[1]", 8, "'relu' appears twice", "keep"),
        (("3, 3.0,", "3, 3,"), "space.activation[3]", 8, "3 appears twice", "keep one"),
        (("[relu, on, 3, 3.0, true]", "[]"), "space.activation", 8, "[]", "[relu, tanh]"),
        (("3.0, true", "3.0, [1]"), "space.activation[4]", 8, "[1]", "word"),
        (("3.0, true", "3.0, ~"), "space.activation[4]", 8, "null", "word"),
        (("3.0, true", "3.0, .nan"), "space.activation[4]", 8, "nan", "quotes"),
        (("3.0, true", "3.0, 1e16"), "space.activation[4]", 8, "1e+16", "quotes"),
        (("3.0, true", f"3.0, {2**63}"), "space.activation[4]", 8, "9223", "quotes"),
        (("3.0, true", f"3.0, {LONG}"), "space.activation[4]", 8, "2001", "2000"),
        (in_space("epochs:"), "space.epochs", 9, "null", "word"),
        (in_space("epochs: {type: constant}"), "space.epochs.value", 9, "missing", "value: 10"),
        (
            in_space("kind: {type: categorical, choices: relu}"),
            "space.kind.choices", 9, "'relu'", "[relu, tanh]",
        ),
        # names
        (in_space("LR: 10"), "space.LR", 9, "SWEEPWORKS_PARAM_LR", "rename"),
        (in_space("a.b: 1\n  a-b: 2"), "space.a-b", 10, "SWEEPWORKS_PARAM_A_B", "rename"),
        (in_space("2x: 10"), "space.2x", 9, "'2x'", "letter"),
        (in_space(f"{'x' * 65}: 10"), f"space.{'x' * 61}...", 9, "xxx", "64"),
        # limits
        (("max_trials: 24", "max_trials: 0"), "limits.max_trials", 10, "0", "1 to"),
        (("max_trials: 24", "max_trials: many"), "limits.max_trials", 10, "'many'", "1 to"),
        (("max_trials: 24", "max_trials: 2.5"), "limits.max_trials", 10, "2.5", "1 to"),
        (("max_trials: 24, ", ""), "limits.max_trials", 10, "missing", "max_trials: 20"),
        (in_limits("max_parallel: 0"), "limits.max_parallel", 10, "0", "1 to"),
        (in_limits("max_failures: 0"), "limits.max_failures", 10, "0", "1 to"),
        (in_limits("max_attempts: 0"), "limits.max_attempts", 10, "0", "1 to"),
        (in_limits("deadline: soon"), "limits.deadline", 10, "'soon'", "1h30m"),
        (in_limits("deadline: -5"), "limits.deadline", 10, "-5", "1h30m"),
        (in_limits("deadline: 0s"), "limits.deadline", 10, "'0s'", "1h30m"),
        (in_limits("deadline: ''"), "limits.deadline", 10, "''", "1h30m"),
        (in_limits("deadline: 1m1h"), "limits.deadline", 10, "'1m1h'", "1h30m"),
        (in_limits("deadline: 11 years"), "limits.deadline", 10, "years", "1h30m"),
        (in_limits("deadline: 99999d"), "limits.deadline", 10, "99999d", "1h30m"),
        (in_limits("deadline: .nan"), "limits.deadline", 10, "nan", "1h30m"),
        (in_limits("max_cost_usd: 0"), "limits.max_cost_usd", 10, "0", "12.50"),
        (in_limits("max_cost_usd: $5"), "limits.max_cost_usd", 10, "'$5'", "12.50"),
        (in_limits("max_cost_usd: .inf"), "limits.max_cost_usd", 10, "inf", "12.50"),
        (in_limits("max_gpu_hours: -1"), "limits.max_gpu_hours", 10, "-1", "0.5"),
        (in_limits("max_gpu_hours: 2h"), "limits.max_gpu_hours", 10, "'2h'", "0.5"),
        # trial
        ((COMMAND, "[]"), "trial.command", 12, "[]", "[python, train.py]"),
        ((COMMAND, "''"), "trial.command", 12, "''", "[python, train.py]"),
        ((COMMAND, "python 'x"), "trial.command", 12, "no closing quotation", "train.py"),
        ((COMMAND, "{a: 1}"), "trial.command", 12, "{'a': 1}", "train.py"),
        ((COMMAND, "[' ']"), "trial.command[0]", 12, "' '", "train.py"),
        ((COMMAND, "[x, [y]]"), "trial.command[1]", 12, "['y']", "train.py"),
        ((COMMAND, "[x, ~]"), "trial.command[1]", 12, "null", "train.py"),
        (("={lr}", "={learning}"), "trial.command[2]", 12, "'{learning}'", "{{learning}}"),
        (("={lr}", "={hiden}"), "trial.command[2]", 12, "'{hiden}'", "{hidden}"),
        (("={lr}", "={lr:.3f}"), "trial.command[2]", 12, "'{lr:.3f}'", "write {lr}"),
        (("cpu: 500m", "cpu: 0"), "trial.resources.cpu", 13, "0", "500m"),
        (("cpu: 500m", "cpu: -1"), "trial.resources.cpu", 13, "-1", "500m"),
        (("cpu: 500m", "cpu: true"), "trial.resources.cpu", 13, "true", "500m"),
        (("memory: 1Gi", "memory: lots"), "trial.resources.memory", 13, "'lots'", "512Mi"),
        (("memory: 1Gi", "memory: 1GB"), "trial.resources.memory", 13, "'1GB'", "512Mi"),
        (("memory: 1Gi", "memory: -1"), "trial.resources.memory", 13, "-1", "512Mi"),
        (("memory: 1Gi", f"memory: '{'9' * 400}'"), "trial.resources.memory", 13, "9", "512Mi"),
        (("gpu: 1", "gpu: -1"), "trial.resources.gpu", 13, "-1", "0 to"),
        (("gpu: 1", "gpu: 0.5"), "trial.resources.gpu", 13, "0.5", "0 to"),
        (("gpu: 1", "gpus: 1"), "trial.resources.gpus", 13, "unknown key 'gpus'", "'gpu'"),
        (in_trial("environment: 5"), "trial.environment", 14, "5", "OMP_NUM_THREADS"),
        (in_trial("environment: {1X: a}"), "trial.environment.1X", 14, "'1X'", "letters"),
        (
            in_trial("environment: {SWEEPWORKS_X: a}"),
            "trial.environment.SWEEPWORKS_X", 14, "cannot be set", "SWEEPWORKS_CHECKPOINTS",
        ),
        (in_trial("metrics: x"), "trial.metrics", 14, "'x'", "source, pattern"),
        (
            in_trial("metrics: {format: jsonl}"),
            "trial.metrics.source", 14, "'source' is missing", "source: stdout",
        ),
        (in_trial("metrics: {source: stdout}"), "trial.metrics", 14, "neither", "format: jsonl"),
        (
            in_trial("metrics: {source: stdout, format: jsonl, pattern: '(?P<name>x)(?P<value>1)'}"),
            "trial.metrics", 14, "both", "write one",
        ),
        (
            in_trial("metrics: {source: stderr, format: jsonl}"),
            "trial.metrics.source", 14, "'stderr'", "{file: metrics.jsonl}",
        ),
        (
            in_trial("metrics: {source: {file: ../x}, format: jsonl}"),
            "trial.metrics.source.file", 14, "'../x'", "stdout",
        ),
        (
            in_trial("metrics: {source: {file: /etc/x}, format: jsonl}"),
            "trial.metrics.source.file", 14, "working directory", "stdout",
        ),
        (
            in_trial("metrics: {source: {tensorboard: logs}, format: jsonl}"),
            "trial.metrics.format", 14, "event files need no format", "remove it",
        ),
        (
            in_trial("metrics: {source: {tensorboard: logs, file: x}}"),
            "trial.metrics.source", 14, "no source of metrics", "{tensorboard: logs}",
        ),
        (
            in_trial("metrics: {source: {tensorboard: ..}}"),
            "trial.metrics.source.tensorboard", 14, "working directory", "stdout",
        ),
        (
            in_trial("metrics: {source: stdout, format: csv}"),
            "trial.metrics.format", 14, "'csv'", "jsonl",
        ),
        (
            in_trial("metrics: {source: stdout, pattern: 'a('}"),
            "trial.metrics.pattern", 14, "no regular expression", "(?P<name>",
        ),
        (
            in_trial("metrics: {source: stdout, pattern: 'loss=(.*)'}"),
            "trial.metrics.pattern", 14, "needs the groups", "(?P<name>",
        ),
        (
            in_trial("metrics: {source: stdout, pattern: {val_accuracy: 'acc (.*) (.*)'}}"),
            "trial.metrics.pattern.val_accuracy", 14, "no group (?P<value>", "loss: (?P<value>",
        ),
        (
            in_trial("metrics: {source: stdout, pattern: {loss: 'loss (.*)'}}"),
            "trial.metrics.pattern", 14, "'val_accuracy' is none", "add a pattern",
        ),
        (
            in_trial("metrics: {source: stdout, format: jsonl, step: val_accuracy}"),
            "trial.metrics.step", 14, "cannot be the step", "another one",
        ),
        (in_trial("environment: {A: [b]}"), "trial.environment.A", 14, "['b']", "word"),
        (in_trial("kubernetes: 3"), "trial.kubernetes", 14, "no mapping", "node_selector"),
        (
            in_trial("kubernetes: {node_selektor: {a: b}}"),
            "trial.kubernetes.node_selektor", 14, "", "did you mean 'node_selector'",
        ),
        (
            in_trial("kubernetes: {volumes: [data]}"),
            "trial.kubernetes.volumes[0]", 14, "characters that cannot be", "datasets:/data:ro",
        ),
        (
            in_trial("kubernetes: {pod_spec_config: [1]}"),
            "trial.kubernetes.pod_spec_config", 14, "no mapping", "runtime_class_name",
        ),
        (
            in_trial("kubernetes: {node_selector: {a: 'b c'}}"),
            "trial.kubernetes.node_selector.a", 14, "characters that cannot be", "ssd",
        ),
        (in_trial("image: -x"), "trial.image", 14, "characters that cannot be", "registry"),
        # the rest
        (at_the_end("seed: -1"), "seed", 14, "-1", "4294967295"),
        (at_the_end(f"seed: {2**32}"), "seed", 14, "4294967296", "4294967295"),
        (at_the_end("seed: x"), "seed", 14, "'x'", "0 to"),
        (at_the_end("seed: 7\nseed: 8"), "seed", 15, "first in line 14", "keep one"),
        (at_the_end("priority: Very High"), "priority", 14, "characters that", "'high'"),
        (at_the_end("version: 2"), "version", 14, "2", "write 1"),
        (at_the_end("zzz: 1"), "zzz", 14, "unknown key", "known here: after, constraints"),
        (at_the_end("strategy: genetic"), "strategy.name", 14, "'genetic'", "bayes, random"),
        (at_the_end("strategy: 5"), "strategy", 14, "5", "name"),
        (at_the_end("strategy: {name: grid, points_per_parameter: 0}"),
         "strategy.points_per_parameter", 14, "0", "1 to"),
        (in_trial("data: digits"), "trial.data", 14, "no list of datasets", "[digits, iris@2]"),
        (in_trial("data: [digits, Iris]"), "trial.data[1]", 14, "'Iris'", "lower-case"),
        (in_trial("data: [digits@0]"), "trial.data[0]", 14, "'digits@0'", "iris@2"),
        (in_trial("data: [3]"), "trial.data[0]", 14, "3", "iris@2"),
        (in_trial("data: [digits, digits@2]"), "trial.data[1]", 14, "twice", "keep one"),
        (at_the_end("<<: {seed: 7}"), "<<", 14, "not supported", "write the keys out"),
        (at_the_end("? [a]\n: 1"), "file", 1, "line 14", "key: value"),
        (at_the_end("seed: !!bool maybe"), "seed", 14, "its tag says", "remove"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_a_way_out(
    change: tuple[str, str], path: str, line: int, message: str, hint: str
) -> None:
    problem = problems_of(with_line(*change))[0]

    assert (problem.path, problem.line) == (path, line)
    assert message in problem.message
    assert hint in problem.hint


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    text = with_line("owner: ana", "ovner: ana").replace("low: 16", "low: 999")
    text = text.replace("={lr}", "={hiden}").replace("seed: 7", "seed: x")

    problems = problems_of(text)

    assert [problem.path for problem in problems] == [
        "owner", "ovner", "space.hidden.low", "trial.command[2]", "seed",
    ]  # fmt: skip
    assert problems[1].hint == "did you mean 'owner'?"
    assert problems[3].hint.startswith("did you mean {hidden}")


def test_every_line_of_a_report_names_file_line_path_fault_and_way_out() -> None:
    with pytest.raises(InvalidSweepFile) as caught:
        parse_text(with_line("seed: 7", "seed: x"), source="mine/sweep.yaml")

    assert str(caught.value) == (
        "mine/sweep.yaml:14: seed: 'x' is no whole number; write a number from 0 to 4294967295"
    )


def test_a_document_without_lines_has_problems_without_lines() -> None:
    document = as_document(parse_text(GOOD, source="x"))

    with pytest.raises(InvalidSweepFile) as caught:
        parse_document({**document, "seed": -1})

    (problem,) = caught.value.problems
    assert (problem.path, problem.line) == ("seed", None)


def test_an_entry_of_the_stored_space_needs_a_name_of_its_own() -> None:
    document = as_document(parse_text(GOOD, source="x"))
    space = [{"type": "constant", "value": 1}, *document["space"], document["space"][0]]

    with pytest.raises(InvalidSweepFile) as caught:
        parse_document({**document, "space": space})

    assert [problem.path for problem in caught.value.problems] == ["space[0]", "space[5]"]


@pytest.mark.parametrize("name", ["seed", "trial", "run"])
def test_a_parameter_may_be_called_as_a_placeholder_until_the_command_names_it(name: str) -> None:
    text = with_line("epochs: 10", f"{name}: [1, 2]")
    assert name in parse_text(text, source="x").space.parameters

    (problem,) = problems_of(text.replace("={lr}", f"={{{name}}}"))

    assert problem.path == "trial.command[2]"
    assert f"SWEEPWORKS_PARAM_{name.upper()}" in problem.hint


def test_placeholders_are_checked_although_a_parameter_is_wrong() -> None:
    problems = problems_of(with_line("low: 1e-4", "low: x").replace("={lr}", "={lr}{rl}"))

    assert [problem.path for problem in problems] == ["space.lr.low", "trial.command[2]"]


def test_a_grid_that_explodes_is_refused_with_its_count_and_its_widest_parameter() -> None:
    text = with_line("seed: 7", "strategy: {name: grid, points_per_parameter: 100}")

    (problem,) = problems_of(text)

    assert problem.path == "space.lr"
    assert problem.line == 6
    assert str(100 * 100 * 5) in problem.message
    assert str(MAX_GRID) in problem.message
    assert "'lr'" in problem.hint
    assert "strategy: random" in problem.hint


def test_a_grid_beyond_counting_is_refused_as_well() -> None:
    document = as_document(parse_text(GOOD, source="x"))
    space = {f"x{i}": {"type": "float", "low": 0, "high": 1} for i in range(200)}
    strategy = {"name": "grid", "points_per_parameter": 1000}

    with pytest.raises(InvalidSweepFile) as caught:
        parse_document(
            {**document, "space": space, "strategy": strategy, "trial": {"command": "x"}}
        )

    (problem,) = caught.value.problems
    assert "10^600" in problem.message


def test_a_space_of_more_parameters_than_make_sense_is_refused() -> None:
    document = as_document(parse_text(GOOD, source="x"))

    with pytest.raises(InvalidSweepFile) as caught:
        parse_document({**document, "space": {f"x{i}": 1 for i in range(201)}})

    assert caught.value.problems[0].path == "space"
    assert "201" in caught.value.problems[0].message


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("", None, "null is no mapping", "experiment"),
        ("[1, 2]", 1, "[1, 2] is no mapping", "experiment"),
        ("experiment: x\na: [", 2, "not YAML", "quotes"),
        ("experiment: x\n\ta: 1", 2, "not YAML", "tabs"),
        (GOOD + "---\na: 1\n", 15, "another document", "one document"),
        ("a: 1\nb: \x07", 2, "cannot be printed", "remove"),
        ('a: "\\UFFFFFFFF"', None, "escape", "remove"),
        ('a: "\\U00110000"', None, "escape", "remove"),
        ("a: &x [*x]", 1, "aliases", "page or two"),
        ("a: " + "[" * 5000, 1, "nested too deep", "page or two"),
        ("a: [" + "x, " * 15_000 + "]", 1, "more than 10000 values", "page or two"),
        ("a: " + "x" * 2**20, None, "1048579 characters", "page or two"),
        ("a: 0x" + "f" * 5000, 1, "too long", "fewer digits"),
        ("a: 1\nb: " + "1" * 400, 2, "too long", "fewer digits"),
    ],
)
def test_what_is_no_sweep_file_at_all_is_refused_in_a_sentence(
    text: str, line: int | None, message: str, hint: str
) -> None:
    problem = problems_of(text)[0]

    assert problem.path == "file"
    assert problem.line == line
    assert message in problem.message
    assert hint in problem.hint


def test_a_decimal_of_thousands_of_digits_is_refused() -> None:
    assert problems_of(with_line("seed: 7", f"seed: {'1' * 5000}"))[0].path == "seed"


def test_no_tag_makes_an_object() -> None:
    for written in (
        "!!python/name:os.system x",
        "!!python/object/apply:os.system [x]",
        "!x {a: 1}",
    ):
        problem = problems_of(with_line("seed: 7", f"seed: {written}"))[0]

        assert (problem.path, problem.line) == ("seed", 14)
        assert "tag" in problem.message


def test_aliases_cannot_blow_up_a_small_file() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
    )

    (problem,) = problems_of(bomb)

    assert "aliases" in problem.message


def test_a_document_that_contains_itself_is_refused() -> None:
    document: dict[str, object] = {}
    document["space"] = document

    with pytest.raises(InvalidSweepFile) as caught:
        parse_document(document)

    assert "deep" in caught.value.problems[0].message


def test_characters_that_no_terminal_shows_are_escaped() -> None:
    with pytest.raises(InvalidSweepFile) as caught:
        parse_document({"\ud800\0": "\udfff"})

    assert str(caught.value).encode()


def test_more_problems_than_anybody_reads_are_counted() -> None:
    text = with_line("[relu, on, 3, 3.0, true]", f"[{'~, ' * 500}]")

    problems = problems_of(text)

    assert len(problems) == 101
    assert problems[-1].message == "400 more problems"
