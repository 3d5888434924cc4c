"""Edges of artifacts that were there before."""

from storage.migrations_runner import run_sql

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0028_pre_fill_lineage_edges.sql")
