"""Metric points with a time in tenths of a second, in small hot chunks that are compressed."""

from storage.migrations_runner import run_sql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0010_pre_keep_points_in_tenths.sql")
