"""Promotions of paused trials are entries of the journal."""

from storage.migrations_runner import run_sql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0003_pre_add_promoted_sequence.sql")
