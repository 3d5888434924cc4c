"""Where a sweep's attempts are, and when it was claimed apart from when it started."""

from storage.migrations_runner import run_sql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0008_pre_add_sweep_place.sql")
