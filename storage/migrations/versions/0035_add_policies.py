"""Policies as people applied them, by version."""

from storage.migrations_runner import run_sql

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0035_pre_add_policies.sql")
