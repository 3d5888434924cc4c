"""Which runs are held is said by one view, for what goes without a plan."""

from storage.migrations_runner import run_sql

revision = "0061"
down_revision = "0060"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0061_pre_tell_held_runs.sql")
