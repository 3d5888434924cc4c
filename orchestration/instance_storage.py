"""Dagster's own storage: the database by URL, or the embedded server of the home.

With it one `dagster.yaml` serves the embedded mode, real servers, and a plain `dagster dev`.
"""

from collections.abc import Mapping

import dagster as dg
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

from orchestration.platform import platform


class InstanceStorage(DagsterPostgresStorage):
    """`DagsterPostgresStorage` that finds its URL itself, so that no secret is in `dagster.yaml`."""

    @classmethod
    def config_type(cls) -> Mapping[str, dg.Field]:
        """Nothing to configure: everything comes from `orchestration.settings`."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, object]
    ) -> "InstanceStorage":
        """Connect, starting the embedded services where they are needed."""
        return cls(
            postgres_url=sqlalchemy_url(platform().dagster_database_url), inst_data=inst_data
        )


def sqlalchemy_url(url: str) -> str:
    """`url` with the driver named.

    dagster-postgres fails on psycopg 3, which SQLAlchemy 2.1 takes by default (dagster #33958).
    """
    scheme, separator, rest = url.partition("://")
    if scheme in {"postgres", "postgresql"}:
        return f"postgresql+psycopg2{separator}{rest}"
    return url
