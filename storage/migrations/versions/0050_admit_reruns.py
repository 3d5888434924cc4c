"""Reruns are in the queue."""

from storage.migrations_runner import run_sql

revision = "0050"
down_revision = "0049"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0050_pre_admit_reruns.sql")
