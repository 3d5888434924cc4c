"""What was spent since the ledger, and which warnings were given."""

from storage.migrations_runner import run_sql

revision = "0043"
down_revision = "0042"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0043_pre_add_budgets.sql")
