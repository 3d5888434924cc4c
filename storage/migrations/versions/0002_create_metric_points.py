"""Raw metric points, as a hypertable or as daily partitions."""

from storage.migrations_runner import run_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0002_pre_create_metric_points.sql")
