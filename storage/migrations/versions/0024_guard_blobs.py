"""States of blobs, so that deletion never races an upload."""

from storage.migrations_runner import run_sql

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0024_pre_guard_blobs.sql")
