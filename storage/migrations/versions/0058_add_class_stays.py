"""Bytes come back from colder classes, and what they were in before is known."""

from storage.migrations_runner import run_sql

revision = "0058"
down_revision = "0057"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0058_pre_add_class_stays.sql")
