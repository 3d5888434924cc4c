"""What a run itself has asked for is on record apart from what was noted for it."""

from storage.migrations_runner import run_sql

revision = "0062"
down_revision = "0061"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0062_pre_add_opened_datasets.sql")
