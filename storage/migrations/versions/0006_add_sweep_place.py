"""Where a sweep's attempts are, and when it was claimed apart from when it started."""

from storage.migrations_runner import run_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0006_pre_add_sweep_place.sql")
