"""Reports are files of the artifact store, and what keeps bytes there is one list."""

from storage.migrations_runner import run_sql

revision = "0056"
down_revision = "0055"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0056_pre_add_report_files.sql")
