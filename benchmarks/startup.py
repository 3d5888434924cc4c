"""How long a person waits: `python -m benchmarks.startup --json`.

`--help` against the bare interpreter; `sweepworks run` until its first trial runs, on a cold home
and on a warm one, against importing Dagster alone, which is the floor of a Dagster run's process.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import show

_SWEEP = """\
experiment: startup
owner: benchmark
purpose: How long until the first trial runs?
objective: {metric: x, direction: minimize}
space: {x: {type: float, low: 0.0, high: 1.0}}
strategy: random
limits: {max_trials: 1}
trial: {command: [sh, -c, "touch started; sleep 1"]}
"""


def seconds(command: list[str], *, repeats: int) -> float:
    """Median wall time of a command."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def first_trial_seconds(folder: Path, environment: dict[str, str]) -> float:
    """From the command until a trial's process has done something."""
    runs = folder / "home" / "runs"
    before = set(runs.glob("*/*/work/started"))
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", "run", str(folder / "sweep.yaml")],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    while not set(runs.glob("*/*/work/started")) - before:
        if process.poll() is not None or time.perf_counter() - began > 120:
            raise RuntimeError("no trial has started")
        time.sleep(0.02)
    took = time.perf_counter() - began
    process.wait(120)
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    python = sys.executable
    figures: dict[str, object] = {
        "help_seconds": seconds(
            [python, "-m", "orchestration.cli", "--help"], repeats=arguments.repeats
        ),
        "floor_interpreter_seconds": seconds([python, "-c", "pass"], repeats=arguments.repeats),
        "floor_import_dagster_seconds": seconds([python, "-c", "import dagster"], repeats=3),
    }
    with tempfile.TemporaryDirectory(prefix="swb-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        (folder / "sweep.yaml").write_text(_SWEEP)
        environment = {
            **{
                k: v for k, v in os.environ.items() if not k.startswith(("SWEEPWORKS_", "DAGSTER_"))
            },
            "SWEEPWORKS_HOME": str(folder / "home"),
            "SWEEPWORKS_POSTGRES_FOLDER": str(folder / "clusters"),
        }
        try:
            figures["first_trial_cold_seconds"] = first_trial_seconds(folder, environment)
            warm = [first_trial_seconds(folder, environment) for _ in range(3)]
            figures["first_trial_warm_seconds"] = statistics.median(warm)
        finally:
            down = [python, "-m", "orchestration.cli", "down"]
            subprocess.run(down, env=environment, stdout=subprocess.DEVNULL, check=False)
    figures["help_ratio"] = float(str(figures["help_seconds"])) / float(
        str(figures["floor_interpreter_seconds"])
    )
    show(figures, as_json=arguments.json)


if __name__ == "__main__":
    main()
