"""Attempts that ran before there was a queue are in it."""

from storage.migrations_runner import run_sql

revision = "0048"
down_revision = "0047"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0048_pre_admit_live_attempts.sql")
