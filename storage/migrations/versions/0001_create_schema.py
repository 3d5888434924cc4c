"""Sweeps, runs, attempts, reports, artifacts, and the triggers that keep them immutable."""

from storage.migrations_runner import run_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0001_pre_create_schema.sql")
