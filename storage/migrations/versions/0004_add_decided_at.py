"""Decisions have a time, late objectives a place, gateways a sign of life."""

from storage.migrations_runner import run_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0004_pre_add_decided_at.sql")
