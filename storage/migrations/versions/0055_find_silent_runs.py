"""Scratch runs that wait or run are found without a look at all others."""

from storage.migrations_runner import run_apart

revision = "0055"
down_revision = "0054"


def upgrade() -> None:
    """Apply the SQL of this revision, statement by statement."""
    run_apart("0055_pre_find_silent_runs.sql")
