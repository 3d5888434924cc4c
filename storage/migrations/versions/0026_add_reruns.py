"""Runs that repeat others, and the code of sweeps."""

from storage.migrations_runner import run_sql

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0026_pre_add_reruns.sql")
