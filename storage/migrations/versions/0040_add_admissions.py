"""Admissions: the queue, and what fair share remembers."""

from storage.migrations_runner import run_sql

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0040_pre_add_admissions.sql")
