"""Gateways share what a tenant has in the artifact store, so that together they keep its limit."""

from storage.migrations_runner import run_sql

revision = "0059"
down_revision = "0058"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0059_pre_share_storage_sums.sql")
