"""What of a run was not stored, and why."""

from storage.migrations_runner import run_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0005_pre_add_run_notices.sql")
