"""The decided reports of a sweep, without those of the others."""

from storage.migrations_runner import run_sql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0007_pre_index_decided_reports.sql")
