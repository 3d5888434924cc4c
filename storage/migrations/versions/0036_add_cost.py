"""The ledger of costs, and its daily sums."""

from storage.migrations_runner import run_sql

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0036_pre_add_cost.sql")
