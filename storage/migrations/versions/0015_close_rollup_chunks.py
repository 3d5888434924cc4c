"""Chunks of continuous aggregates are compressed by hand, too."""

from storage.migrations_runner import run_sql

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0015_pre_close_rollup_chunks.sql")
