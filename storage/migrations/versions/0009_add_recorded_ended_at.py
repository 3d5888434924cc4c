"""When a run that is brought later has ended."""

from storage.migrations_runner import run_sql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0009_pre_add_recorded_ended_at.sql")
