"""What was spent since the ledger, and which warnings were given."""

from storage.migrations_runner import run_sql

revision = "0044"
down_revision = "0043"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0044_pre_add_budgets.sql")
