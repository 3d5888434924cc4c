"""Plans of retention, what is marked, what has gone, and holds."""

from storage.migrations_runner import run_sql

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0042_pre_add_retention.sql")
