"""Attempts keep which storage pools they read from, and whether they had to run near them."""

from storage.migrations_runner import run_sql

revision = "0065"
down_revision = "0064"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0065_pre_add_pools_of_attempts.sql")
