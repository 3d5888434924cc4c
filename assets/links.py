"""Addresses within Dagster's UI."""

import json
from urllib.parse import quote

LOCATION_NAME = "sweepworks"  #: of the code location, in the UI and in stored Dagster runs
RERUN_JOB, RERUN_OP = "rerun_run", "make_run_again"


def rerun_path(run_id: str) -> str:
    """The launchpad, filled in for making the run again: "Launch Run" is all that is left."""
    config = json.dumps(
        {"ops": {RERUN_OP: {"config": {"run": run_id}}}}, indent=2
    )  # which is YAML, too
    launchpad = f"/locations/{LOCATION_NAME}/jobs/{RERUN_JOB}/playground/setup"
    return f"{launchpad}?config={quote(config)}"
