"""Versions in Dagster's UI: a partition each, as soon as they are registered."""

import importlib
import threading
from typing import TYPE_CHECKING

import click

from orchestration.platform import Platform
from sweeps.errors import SweepsError

if TYPE_CHECKING:
    from sweeps.datasets import DatasetRow


def import_dagster() -> None:
    """Begin the import while files are hashed: it takes a second."""
    threading.Thread(target=importlib.import_module, args=("dagster",), daemon=True).start()


def announce(platform: Platform, row: "DatasetRow") -> None:
    """Add the version's partition. What cannot be added now is added by a sensor later."""
    from assets.partitions import DATASET_VERSIONS, dataset_partition
    from orchestration.dagster_outages import dagster_outages

    try:
        with dagster_outages():
            platform.dagster_instance.add_dynamic_partitions(
                str(DATASET_VERSIONS.name), [dataset_partition(row)]
            )
    except SweepsError as exc:
        click.echo(f"note: {exc}; the version is in the UI once the daemon has seen it", err=True)
