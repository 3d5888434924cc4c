"""Dagster's own storage: the database by URL, or the embedded server of the home.

With it one `dagster.yaml` serves the embedded mode, real servers, and a plain `dagster dev`.
"""

from collections.abc import Mapping

import dagster as dg
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

from orchestration.dagster_tables import create_tables
from orchestration.platform import platform
from orchestration.settings import dagster_url


class InstanceStorage(DagsterPostgresStorage):
    """`DagsterPostgresStorage` that finds its URL itself, so that no secret is in `dagster.yaml`."""

    @classmethod
    def config_type(cls) -> Mapping[str, dg.Field]:
        """Nothing to configure: everything comes from `orchestration.settings`."""
        return {}

    @classmethod
    def from_config_value(
        cls,
        inst_data: ConfigurableClassData | None,
        config_value: Mapping[str, object],  # noqa: ARG003 - Dagster's signature
    ) -> "InstanceStorage":
        """Connect, starting the embedded services where they are needed."""
        url = dagster_url(platform().dagster_database_url)
        create_tables(url)
        return cls(postgres_url=url, inst_data=inst_data)
