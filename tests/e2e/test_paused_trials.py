"""Pause and promote on this machine: a trial ends at a rung, and goes on later where it was."""

import re

import pytest

from tests.e2e.conftest import Installation

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("commands")]

TRAIN = """\
import json, sweepworks, time
from pathlib import Path

run = sweepworks.init()
loss = 1.0
if run.checkpoint:
    loss = json.loads(run.checkpoint.path.read_text())["loss"]
print("from", run.resumed_from)
for epoch in range(run.resumed_from, run.params["epochs"]):
    time.sleep(0.05)
    loss *= 0.5 + 0.4 * run.params["x"]
    Path("state.json").write_text(json.dumps({"loss": loss}))
    run.report(epoch + 1, checkpoint="state.json", val_loss=loss)
    print("epoch", epoch + 1, "loss", loss)
    if run.should_stop:
        break
run.finish()
"""


def logs(installation: Installation, run: str) -> list[str]:
    """What each attempt of a run printed, in order."""
    folders = sorted(installation.home.glob(f"runs/**/{run}-a*/"))
    return [(folder / "stdout.log").read_text() for folder in folders]


@pytest.mark.slow
def test_a_promoted_trial_goes_on_from_its_checkpoint(installation: Installation) -> None:
    strategy = (
        "{name: asha, variant: promotion, min_resource: 1, max_resource: 9, reduction_factor: 3}"
    )
    file = installation.write_sweep("promoted", trials=12, epochs=9, strategy=strategy, train=TRAIN)

    report = installation.json("run", str(file), timeout=240)

    assert report["state"] == "completed", report["reason"]
    resumed = 0
    for trial in report["trials"]:
        reached = 0
        for number, log in enumerate(logs(installation, trial["run"]), start=1):
            epochs = [int(epoch) for epoch in re.findall(r"^epoch (\d+)", log, re.MULTILINE)]
            # Each goes on exactly where the one before it was, and none repeats an epoch.
            assert f"from {reached}\n" in log
            assert epochs == list(range(reached + 1, reached + 1 + len(epochs)))
            reached += len(epochs)
            resumed += number > 1
        assert reached in {1, 3, 9}
        assert trial["resource_level"] == reached
        x = trial["configuration"]["x"]
        assert trial["objective"] == pytest.approx((0.5 + 0.4 * x) ** reached)
    assert resumed >= 3
    best = min(report["trials"], key=lambda trial: trial["configuration"]["x"])
    assert best["resource_level"] >= 3, "the best configuration was promoted"
