"""What `sweepworks promote` exits with, whatever goes wrong with a candidate; no daemon runs."""

import json
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.e2e.conftest import Installation, wait_for

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("commands"), pytest.mark.slow]

SWEEP = """\
experiment: letters
owner: tester
purpose: Candidates that behave badly when they are measured.
objective: {metric: val_loss, direction: minimize}
space: {kind: [good, crash, nan, slow, late, known]}
strategy: grid
limits: {max_trials: 6, max_parallel: 3, trial_timeout: 1m}
trial: {command: [python, train.py], data: [letters@1], resources: {cpu: 0.1}}
"""
TRAIN = """\
import sweepworks
from pathlib import Path
run = sweepworks.init()
run.use_dataset("letters")
Path("model.txt").write_text(run.params["kind"])
run.log_artifact("model.txt", type="model")
run.report(1, val_loss=0.1)
run.finish()
"""
EVALUATE = """\
import sweepworks, time
run = sweepworks.init()
run.use_dataset("letters-holdout")
kind = run.use_artifact(run.params["model"]).read_text()
if kind == "crash":
    raise SystemExit("the weights are of another network")
if kind in ("slow", "late"):
    time.sleep(300)
run.report(1, accuracy=float("nan") if kind == "nan" else 0.95)
run.finish()
"""
POLICY = """\
rules:
  - experiment: letters
    model: letters
    artifact: model.txt
    evaluation: {command: [python, evaluate.py], holdout: %s, seeds: [1, 2], source: %s, timeout: 5m}
    gates: {thresholds: [{metric: accuracy, at_least: 0.9, on: worst}], lineage: false}
    deployment: {image: "registry.example/serve@sha256:%s", inference: {batch_size: 1}}
"""


@dataclass(frozen=True)
class Candidates:
    """A run for each kind of trouble."""

    installation: Installation
    runs: dict[str, str]

    def apply_policy(self, *, holdout: str = "letters-holdout@1") -> None:
        source = self.installation.folder / "judging"
        file = self.installation.folder / "promotion.yaml"
        file.write_text(POLICY % (holdout, source, "0" * 64))
        self.installation.run("policy", "apply", str(file), "--yes")

    def state(self, kind: str) -> str:
        return self.installation.json("promotion", "show", self.runs[kind])[0]["state"]

    def explain(self, kind: str) -> str:
        return self.installation.run("promotion", "explain", self.runs[kind])

    def prune(self, kind: str) -> None:
        """What retention does when it takes the files of a run."""
        secrets = self.installation.home / "secrets" / "databases.json"
        url = json.loads(secrets.read_text())["database_url"]
        with psycopg.connect(url, options="-c search_path=sweepworks") as connection:
            connection.execute("SET LOCAL sweepworks.retention = 'on'")
            connection.execute("DELETE FROM artifacts WHERE run_id = %s", [self.runs[kind]])


def write(folder: Path, **files: str) -> None:
    folder.mkdir()
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)


@pytest.fixture(scope="module")
def candidates(installation: Installation) -> Candidates:
    write(installation.folder / "letters", sweep_yaml=SWEEP, train_py=TRAIN)
    write(installation.folder / "judging", evaluate_py=EVALUATE)
    for name in ("letters", "letters-holdout"):
        (installation.folder / f"{name}.csv").write_text(f"letter,name\na,{name}\n")
        installation.run("data", "register", name, f"{name}.csv")
    report = installation.json("run", "letters/sweep.yaml", timeout=240)
    assert report["state"] == "completed", report["reason"]
    runs = {trial["configuration"]["kind"]: trial["run"] for trial in report["trials"]}
    made = Candidates(installation, runs)
    made.apply_policy()
    return made


def test_a_candidate_that_passes_is_promoted_and_stays_so(candidates: Candidates) -> None:
    run = candidates.runs["good"]

    told = candidates.installation.run("promote", run, code=0)
    again = candidates.installation.run("promote", run, code=0)

    assert "promoted: letters@1 is production" in told
    assert "promoted: letters@1 is production" in again
    assert candidates.installation.json("promotion", "explain", run)["exit_code"] == 0


def test_an_evaluation_that_crashes_exits_with_5_and_its_last_words_and_is_tried_again(
    candidates: Candidates,
) -> None:
    told = candidates.installation.run("promote", candidates.runs["crash"], code=5, timeout=240)

    assert "the weights are of another network" in told
    assert "sweepworks promotion retry" in told
    assert candidates.explain("crash").strip() in told
    assert candidates.state("crash") == "failed"

    run = candidates.runs["crash"]
    candidates.installation.run("promotion", "retry", run, "--timeout", "1", code=8)
    candidates.installation.run("promote", run, code=5, timeout=240)

    (second, first) = candidates.installation.json("promotion", "show", run)
    assert [(one["number"], one["state"]) for one in (second, first)] == [
        (2, "failed"),
        (1, "failed"),
    ]


def test_an_evaluation_that_yields_nan_exits_with_3(candidates: Candidates) -> None:
    told = candidates.installation.run("promote", candidates.runs["nan"], code=3)

    assert "X metrics_reach_thresholds: failed" in told
    assert "accuracy: nan; asked is worst >= 0.9  <- missing" in told
    assert candidates.explain("nan").strip() in told


def test_a_holdout_that_was_learnt_from_exits_with_6_and_the_path(candidates: Candidates) -> None:
    candidates.apply_policy(holdout="letters@1")
    try:
        told = candidates.installation.run("promote", candidates.runs["known"], code=6)
    finally:
        candidates.apply_policy()

    assert "holdout letters@1 is known to the experiment: dataset:letters@1 -> run:" in told
    assert "letters@1 is the holdout" in told
    assert candidates.explain("known").strip() in told
    assert candidates.installation.json("promotion", "explain", candidates.runs["known"])[
        "exit_code"
    ] == 6  # fmt: skip


def test_a_candidate_that_is_pruned_while_it_is_measured_exits_with_6(
    candidates: Candidates,
) -> None:
    run = candidates.runs["slow"]

    told = candidates.installation.run("promote", run, "--timeout", "20", code=8)
    wait_for(lambda: candidates.state("slow") == "running")
    candidates.prune("slow")
    pruned = candidates.installation.run("promote", run, code=6)

    assert "asked for by" in told
    assert "the candidate was pruned during its evaluation" in pruned
    sweep = candidates.installation.json("promotion", "show", run)[0]["sweep_id"]
    wait_for(
        lambda: candidates.installation.json("show", sweep)["state"] == "cancelled",
        seconds=240,
        every=2,
    )
    assert candidates.installation.trial_processes() == []


def test_a_tag_that_is_taken_away_exits_with_7(candidates: Candidates) -> None:
    run = candidates.runs["late"]
    process = candidates.installation.start("promote", run)
    wait_for(lambda: candidates.installation.json("promotion", "list", "--state", "running"))

    candidates.installation.run("tag", "--remove", "production_candidate", run)
    told, _ = process.communicate(timeout=120)

    assert process.returncode == 7, told
    assert "the tag was taken away" in told
    sweep = candidates.installation.json("promotion", "show", run)[0]["sweep_id"]
    wait_for(
        lambda: candidates.installation.json("show", sweep)["state"] == "cancelled",
        seconds=240,
        every=2,
    )
