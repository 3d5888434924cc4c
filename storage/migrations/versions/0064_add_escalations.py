"""Violations of quotas are on record, with who was told of them."""

from storage.migrations_runner import run_sql

revision = "0064"
down_revision = "0063"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0064_pre_add_escalations.sql")
