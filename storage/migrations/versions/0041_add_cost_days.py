"""Up to when the ledger has each day, and how long what has gone was there."""

from storage.migrations_runner import run_sql

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0041_pre_add_cost_days.sql")
