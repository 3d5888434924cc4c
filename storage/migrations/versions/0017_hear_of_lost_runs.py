"""Runs that were given up for their silence may be heard of again."""

from storage.migrations_runner import run_sql

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0017_pre_hear_of_lost_runs.sql")
