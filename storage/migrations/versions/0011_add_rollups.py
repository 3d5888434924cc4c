"""Rollups of one minute and one hour: continuous aggregates, or tables of our own."""

from storage.migrations_runner import run_sql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0011_pre_add_rollups.sql")
