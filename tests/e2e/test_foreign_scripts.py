"""Sweeps over scripts that know nothing of the platform."""

import json

import pytest

from tests.e2e.conftest import Installation

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("foreign")]

SCRIPT = """\
import os, time
x = float(os.environ["SWEEPWORKS_PARAM_X"])
for epoch in range(1, int(os.environ["SWEEPWORKS_PARAM_EPOCHS"]) + 1):
    time.sleep(0.3)
    print(f"epoch={epoch} val_loss={(x - 0.3) ** 2 + 1 / epoch:.4f}")
"""
PATTERN = r"(?P<name>\w+)=(?P<value>\S+)"


def a_sweep(
    installation: Installation, name: str, *, pattern: str, strategy: str = "random"
) -> str:
    file = installation.write_sweep(name, epochs=9, trials=5, strategy=strategy, train=SCRIPT)
    metrics = f"metrics: {{source: stdout, pattern: '{pattern}', step: epoch}}"
    file.write_text(file.read_text().replace("resources:", f"{metrics}, resources:"))
    return str(file)


@pytest.mark.slow
def test_a_search_ends_bad_trials_of_a_script_that_only_prints(installation: Installation) -> None:
    strategy = "{name: asha, max_resource: 9, reduction_factor: 3}"
    file = a_sweep(installation, "printing", pattern=PATTERN, strategy=strategy)

    output = installation.run("run", file, "--json", timeout=200)

    report = json.loads(output[output.index("{") :])
    assert report["state"] == "completed"
    trials = report["trials"]
    assert len(trials) == 5
    complete = [trial for trial in trials if trial["state"] == "completed"]
    assert complete
    assert all(trial["resource_level"] == 9 for trial in complete)
    stopped = [trial for trial in trials if trial["state"] == "stopped"]
    assert all(trial["resource_level"] < 9 for trial in stopped)
    assert len(complete) + len(stopped) == 5


@pytest.mark.slow
def test_a_pattern_that_never_matches_fails_the_trials_and_says_so(
    installation: Installation,
) -> None:
    file = a_sweep(installation, "unmatched", pattern="(?P<name>nothing) (?P<value>here)")

    output = installation.run("run", file, "--json", code=1, timeout=200)

    report = json.loads(output[output.index("{") :])
    assert report["state"] == "failed"
    words = "the pattern of trial.metrics found no 'val_loss' in what the script printed"
    assert words in report["trials"][0]["reason"]
