"""Runs that ended in some days are found without a look at all others."""

from storage.migrations_runner import run_apart

revision = "0060"
down_revision = "0059"


def upgrade() -> None:
    """Apply the SQL of this revision, statement by statement."""
    run_apart("0060_pre_find_ended_runs.sql")
