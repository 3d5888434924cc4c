"""A deletion is decided while others wait, and what takes long is removed after it."""

from storage.migrations_runner import run_sql

revision = "0051"
down_revision = "0049"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0051_pre_decide_deletions.sql")
