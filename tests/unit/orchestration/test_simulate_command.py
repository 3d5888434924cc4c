"""`sweepworks simulate` from the outside: tables, documents, and sentences instead of tracebacks."""

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result

from orchestration.cli import curve_sources
from orchestration.cli.main import cli
from orchestration.platform import Platform
from sweeps.errors import SweepsError
from sweeps.simulation.curves import Outcome
from sweeps.simulation.recorded import InvalidCurves
from sweeps.simulation.simulated_sweep import SIMULATED, SimulatedSweep
from sweeps.sweep_files import parse_text
from sweeps.trials import SweepSnapshot

SWEEP_FILE = """
experiment: digits
owner: me
purpose: To see which strategy searches best.
objective: {metric: loss, direction: minimize}
space:
  x: {type: float, low: 0.0, high: 1.0}
  kind: [a, b]
strategy: {name: asha, max_resource: 9}
limits: {max_trials: 12, max_parallel: 2, stalled_after: 1s}
trial: {command: [python, train.py]}
seed: 3
"""
PROBLEM = """
class Problem:
    resources = (1, 3)
    optimum = 0.0
    def __call__(self, configuration, resource):
        return {"value": configuration["x"] / resource, "seconds": 2.0 * resource}
"""


def curves_csv() -> str:
    lines = ["trial,x,kind,level,value,seconds"]
    for number in range(40):
        x, kind = (number * 0.618) % 1, "ab"[number % 2]
        end = (x - 0.4) ** 2 + 0.1 * (kind == "b")
        lines += [
            f"{number},{x},{kind},{level},{end + 1 / level},{level * 2}" for level in (1, 3, 9)
        ]
    return "\n".join(lines)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweep.yaml").write_text(SWEEP_FILE)
    (tmp_path / "curves.csv").write_text(curves_csv())
    (tmp_path / "mine.py").write_text(PROBLEM)
    return tmp_path


Simulate = Callable[..., Result]


@pytest.fixture
def simulate(folder: Path) -> Simulate:
    def run(*words: str) -> Result:
        return CliRunner().invoke(cli, ["simulate", "sweep.yaml", *words])

    return run


def test_the_file_s_strategy_is_compared_with_random_search(simulate: Simulate) -> None:
    result = simulate("--curves", "curves.csv", "--seeds", "2")

    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0].split("\t")[0] == "strategy"
    assert [line.split("\t")[0] for line in lines[1:3]] == ["asha (the file's)", "random"]
    assert lines[0].endswith("vs random")
    assert lines[3].startswith("regret from")
    assert "40 trials of curves.csv, 40 of them to level 9" in result.stderr


def test_a_document_has_every_figure_and_seed(simulate: Simulate) -> None:
    words = ("--curves", "curves.csv", "--seeds", "2", "--json")
    asked = ("--strategy", "random", "--strategy", "{name: asha, variant: promotion}")

    result = simulate(*words, *asked)

    found = json.loads(result.stdout)
    random, asha = found["strategies"]
    assert (random["strategy"], asha["strategy"]) == ("random", "asha promotion")
    assert random["resource"] == 12 * 9
    assert asha["resource"] < random["resource"]
    assert [run["seed"] for run in asha["runs"]] == [3, 4]
    assert found["whole_training"] == 9
    assert found["goal_strategy"] == "random"


def test_the_same_command_says_the_same_twice(simulate: Simulate) -> None:
    words = ("--curves", "curves.csv", "--seeds", "2", "--json")

    assert simulate(*words).stdout == simulate(*words).stdout


def test_every_strategy_of_a_sweep_file_can_be_asked_for(simulate: Simulate) -> None:
    names = ("random", "grid", "sobol", "lhs", "asha", "hyperband", "median_stopping")
    asked = [word for name in names for word in ("--strategy", name)]

    result = simulate("--curves", "curves.csv", "--seeds", "1", *asked, "--evaluations", "6")

    assert result.exit_code == 0, result.output
    assert [line.split("\t")[0] for line in result.stdout.splitlines()[1:8]] == list(names)


def test_steps_are_written_as_csv(simulate: Simulate, folder: Path) -> None:
    simulate("--curves", "curves.csv", "--seeds", "1", "--csv", "steps.csv")

    rows = list(csv.DictReader(io.StringIO((folder / "steps.csv").read_text())))
    whole = [row for row in rows if row["best"]]
    assert {row["strategy"] for row in rows} == {"asha (the file's)", "random"}
    assert all(float(row["regret"]) >= 0 for row in whole)


def test_curves_can_come_from_a_problem(simulate: Simulate) -> None:
    result = simulate("--problem", "mine:Problem", "--strategy", "random", "--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 0
    assert found["reference"] == 0.0
    assert found["strategies"][0]["seconds"] == 12 / 2 * 6.0


def test_promoted_trials_may_have_to_train_anew(simulate: Simulate) -> None:
    words = ("--curves", "curves.csv", "--json", "--strategy", "{name: asha, variant: promotion}")

    kept, anew = (
        json.loads(simulate(*words, *more).stdout)["strategies"][0]["resource"]
        for more in ((), ("--from-scratch",))
    )

    assert kept < anew


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--curves", "curves.csv", "--problem", "mine:Problem"), 2, "not both"),
        (("--curves", "curves.csv", "--strategy", "ash"), 2, "'ash' is not known"),
        (("--curves", "curves.csv", "--strategy", "{name: asha"), 2, "not YAML"),
        (("--curves", "curves.csv", "--strategy", "[asha]"), 2, "strategy"),
        (("--curves", "curves.csv", "--strategy", "{name: asha, brackets: 9}"), 2, "9 brackets"),
        (("--curves", "curves.csv", "--strategy", "{name: [asha]}"), 2, "strategy.name"),
        (("--curves", "curves.csv", "--strategy", ""), 2, "strategy"),
        (("--curves", "curves.csv", "--seeds", "0"), 2, "seeds"),
        (("--problem", "nowhere:factory"), 2, "No module named 'nowhere'"),
        (("--problem", "mine"), 2, "mine"),
        (("--curves", "missing.csv"), 1, "missing.csv cannot be read"),
        (("--curves", "mine.py"), 1, "no column"),
        ((), 1, "no earlier sweep of experiment 'digits'"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    simulate: Simulate, folder: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    result = simulate(*words)

    error = result.exception
    assert result.exit_code == code
    assert said in (str(error) if isinstance(error, SweepsError) else result.stderr)
    assert code == 2 or isinstance(error, SweepsError)
    assert not (folder / ".sweepworks").exists()


# Earlier sweeps


def recorded() -> SweepSnapshot:
    """A sweep of the experiment, as the database would give it back."""

    def curves(configuration: Any, level: int) -> Outcome:
        return Outcome(value=float(configuration["x"]) + 1 / level, seconds=float(level))

    spec = parse_text(SWEEP_FILE, source="sweep.yaml")
    return SimulatedSweep(spec, curves, (1, 3, 9)).run()


class FakePlatform:
    """A platform with one sweep of the experiment among many others."""

    def __init__(self, snapshot: SweepSnapshot) -> None:
        self._snapshot = snapshot
        self.catalog = self.trial_store = self
        self.loaded: list[str] = []

    def list(self, *, tenant_id: str, before: int | None, limit: int) -> list[SimpleNamespace]:
        last = 150
        places = range(last if before is None else before - 1, 0, -1)
        return [self._row(place) for place in places][:limit]

    def _row(self, place: int) -> SimpleNamespace:
        return SimpleNamespace(
            sweep_id=SIMULATED,
            experiment="digits" if place in {7, 8} else "letters",
            metric="loss",
            direction="minimize",
            completed=0 if place == 8 else 3,
            log_position=place,
        )

    def load(self, sweep_id: str) -> SweepSnapshot:
        self.loaded.append(sweep_id)
        return self._snapshot


def test_earlier_sweeps_of_the_experiment_are_found_on_any_page() -> None:
    spec = parse_text(SWEEP_FILE, source="sweep.yaml")
    platform = FakePlatform(recorded())

    found = curve_sources.earlier_sweeps(cast("Platform", platform), spec)
    source = curve_sources.of_sweeps(found, spec)

    assert platform.loaded == [SIMULATED]
    assert source.levels == (1, 3, 9)
    assert source.reference is not None
    assert math.isfinite(source.reference)
    assert source.description.startswith(f"12 trials of {SIMULATED}")


def test_an_experiment_without_results_says_what_to_do() -> None:
    spec = parse_text(SWEEP_FILE.replace("digits", "faces"), source="sweep.yaml")

    with pytest.raises(InvalidCurves, match="run a small one first"):
        curve_sources.earlier_sweeps(cast("Platform", FakePlatform(recorded())), spec)


def test_curves_of_another_objective_are_refused() -> None:
    text = SWEEP_FILE.replace("metric: loss, direction: minimize", "{}")
    spec = parse_text(
        text.replace("{{}}", "{metric: accuracy, direction: maximize}"), source="sweep.yaml"
    )

    with pytest.raises(InvalidCurves, match="minimizes loss, the file maximizes accuracy"):
        curve_sources.of_sweeps([recorded()], spec)


def test_a_file_that_asks_for_random_search_is_the_floor_itself(
    simulate: Simulate, folder: Path
) -> None:
    (folder / "sweep.yaml").write_text(
        SWEEP_FILE.replace("{name: asha, max_resource: 9}", "random")
    )

    result = simulate("--curves", "curves.csv", "--json", "--seeds", "1")

    found = json.loads(result.stdout)
    assert [figures["strategy"] for figures in found["strategies"]] == ["random"]
    assert found["strategies"][0]["share_of_goal_resource"] <= 1
