"""What is recorded of runs, as one view; digests of sealed ones."""

from storage.migrations_runner import run_sql

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0025_pre_add_digests.sql")
