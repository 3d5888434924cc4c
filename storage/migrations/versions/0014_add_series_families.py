"""Curves of a run are unique by family and key."""

from storage.migrations_runner import run_sql

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0014_pre_add_series_families.sql")
