"""The demo's wall time against the training in it: `python -m benchmarks.demo --json`.

The floor is what the trials' own processes took, two at a time, with nothing around them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import show

_SWEEP = Path(__file__).parents[1] / "examples" / "digits" / "sweep.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    command = [sys.executable, "-m", "orchestration.cli"]
    with tempfile.TemporaryDirectory(prefix="swb-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        environment = {
            **{
                k: v for k, v in os.environ.items() if not k.startswith(("SWEEPWORKS_", "DAGSTER_"))
            },
            "SWEEPWORKS_HOME": str(folder / "home"),
            "SWEEPWORKS_POSTGRES_FOLDER": str(folder / "clusters"),
        }
        try:
            began = time.perf_counter()
            done = subprocess.run(
                [*command, "run", str(_SWEEP), "--json"],
                env=environment, stdout=subprocess.PIPE, check=True,
            )  # fmt: skip
            took = time.perf_counter() - began
        finally:
            subprocess.run(
                [*command, "down"], env=environment, stdout=subprocess.DEVNULL, check=False
            )
    report = json.loads(done.stdout)
    floor = sum(trial["seconds"] for trial in report["trials"]) / 2
    show(
        {
            "demo_seconds": took,
            "trials": len(report["trials"]),
            "best": report["best"]["objective"],
            "floor_training_seconds": floor,
            "ratio": took / floor,
        },
        as_json=arguments.json,
    )


if __name__ == "__main__":
    main()
