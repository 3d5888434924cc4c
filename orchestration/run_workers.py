"""What every process of a Dagster run of this home gets: its environment, and a place to print."""

from pathlib import Path

from orchestration.settings import CONTROLLER, Settings, child_environment


def run_worker_environment() -> dict[str, str]:
    """Environment of a controller's process: it finds, or starts, the services itself."""
    settings = Settings.from_environment().without_services()
    return child_environment({**settings.exported(), CONTROLLER: "1"})


def run_worker_log(dagster_run_id: str) -> Path:
    """Where a controller's process prints."""
    return Settings.from_environment().home.logs / "controllers" / f"{dagster_run_id}.log"
