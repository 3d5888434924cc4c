"""Reports of weeks and months, as they were when they were made."""

from storage.migrations_runner import run_sql

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0039_pre_add_shelved_reports.sql")
