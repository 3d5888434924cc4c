"""What became of each curve of a run, kept in rows."""

from storage.migrations_runner import run_sql

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0012_pre_add_run_summaries.sql")
