"""When bytes were announced last, and whether they have arrived."""

from storage.migrations_runner import run_sql

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0031_pre_renew_blobs.sql")
