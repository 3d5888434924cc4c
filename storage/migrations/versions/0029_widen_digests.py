"""Digests of lineage and of datasets, which outlive their runs."""

from storage.migrations_runner import run_sql

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0029_pre_widen_digests.sql")
