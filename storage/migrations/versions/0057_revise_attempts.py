"""Attempts that had ended for their rows, and went on, are charged for all they held."""

from storage.migrations_runner import run_apart

revision = "0057"
down_revision = "0056"


def upgrade() -> None:
    """Apply the SQL of this revision, statement by statement."""
    run_apart("0057_pre_revise_attempts.sql")
