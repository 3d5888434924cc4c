"""What Dagster loads."""

import warnings

import dagster as dg

from assets.sweep import TRIALS, sweep
from orchestration import jobs, resources, sensors

# Sensors get their resources by port; Dagster calls that a preview.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)


@dg.definitions
def defs() -> dg.Definitions:
    """All assets, jobs, sensors and resources."""
    return dg.Definitions(
        assets=[sweep, TRIALS],
        jobs=[jobs.run_sweep, jobs.register_sweep],
        sensors=sensors.SENSORS,
        resources=resources.resources(),
        # One process per sweep: a step process more would only add seconds and memory.
        executor=dg.in_process_executor,
    )
