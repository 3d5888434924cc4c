"""Params and tags by name."""

from storage.migrations_runner import run_sql

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0022_pre_index_params_by_name.sql")
