"""Which image the trials of a sweep run, by its digest."""

from storage.migrations_runner import run_sql

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0033_pre_pin_images.sql")
