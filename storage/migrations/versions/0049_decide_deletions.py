"""A deletion is decided while others wait, and what takes long is removed after it."""

from storage.migrations_runner import run_sql

revision = "0049"
down_revision = "0048"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0049_pre_decide_deletions.sql")
