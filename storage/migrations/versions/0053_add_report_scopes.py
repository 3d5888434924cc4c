"""Whose work a report is about, in one place; and who may read what is about several tenants."""

from storage.migrations_runner import run_sql

revision = "0053"
down_revision = "0051"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0053_pre_add_report_scopes.sql")
