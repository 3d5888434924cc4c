"""The benchmark of search runs, says the same twice, and takes anybody's problem."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import search

PROBLEM = """
class Problem:
    space = {
        "x": {"type": "float", "low": 0.0, "high": 1.0},
        "kind": ["a", "b", 1, True],
        "momentum": {"type": "float", "low": 0.0, "high": 1.0, "when": {"kind": "a"}},
        "epochs": 27,
    }
    metric, direction = "accuracy", "maximize"

    def __init__(self, resources):
        self.resources = resources

    def __call__(self, configuration, resource):
        assert resource in self.resources
        if configuration["kind"] == "b":
            return {"value": float("nan"), "seconds": 1.0}
        return {"value": configuration["x"] * resource / self.resources[-1], "seconds": resource}

def whole(): return Problem((1, 2, 5, 10, 20))
def parts(): return Problem((0.1, 0.3, 0.9))
def one(): return Problem((1,))
"""


def run(capsys: pytest.CaptureFixture[str], monkeypatch: Any, *words: str) -> Any:
    monkeypatch.setattr(sys, "argv", ["search", "--json", *words])
    search.main()
    last = capsys.readouterr().out.splitlines()[-1]
    return json.loads(last, parse_constant=pytest.fail)


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "problem_of_mine.py").write_text(PROBLEM)
    monkeypatch.syspath_prepend(tmp_path)
    return "problem_of_mine"


def test_a_quick_run_has_every_strategy_on_functions_and_curves(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    strategies = ("random", "bayes", "asha", "bohb", "optuna-tpe")
    words = [word for name in strategies for word in ("--strategy", name)]

    found = run(capsys, monkeypatch, "--quick", *words)

    branin, lcdb = (found["problems"][name] for name in ("branin", "lcdb"))
    assert "unavailable" in branin["strategies"]["asha"]
    for problem in (branin, lcdb):
        for name, figures in problem["strategies"].items():
            for best in figures.get("best", ()):
                assert len(best) == problem["evaluations"] == 6, name
                values = [value for value in best if value is not None]
                assert values == sorted(values, reverse=True)
    assert lcdb["strategies"]["bohb"]["median_regret"] >= 0
    assert found["goals"]


@pytest.mark.parametrize("factory", ["whole", "parts"])
@pytest.mark.parametrize("strategy", ["random", "asha", "hyperband", "optuna-tpe"])
def test_problems_of_others_are_asked_only_what_they_know(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    mine: str,
    factory: str,
    strategy: str,
) -> None:
    words = ("--problem", f"{mine}:{factory}", "--strategy", strategy, "--seeds", "2")

    one, other = (
        run(capsys, monkeypatch, *words, "--evaluations", "12")["problems"] for _ in range(2)
    )

    (figures,) = (problem["strategies"][strategy] for problem in one.values())
    (again,) = (problem["strategies"][strategy] for problem in other.values())
    assert figures["best"] == again["best"]
    assert all(0.5 < best[-1] <= 1 and len(best) == 12 for best in figures["best"])


def test_what_nobody_reached_is_null() -> None:
    assert search.plain({"a": [math.inf, 1.0], "b": math.nan}) == {"a": [None, 1.0], "b": None}
