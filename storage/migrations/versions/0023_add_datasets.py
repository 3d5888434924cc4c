"""Datasets, and lineage of all there is."""

from storage.migrations_runner import run_sql

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0023_pre_add_datasets.sql")
