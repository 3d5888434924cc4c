"""Sweeps wait for others: a row a wait, moved in the transaction in which the awaited one ends."""

from storage.migrations_runner import run_sql

revision = "0063"
down_revision = "0062"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0063_pre_add_sweep_waits.sql")
