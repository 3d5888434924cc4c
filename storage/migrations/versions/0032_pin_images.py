"""Which image the trials of a sweep run, by its digest."""

from storage.migrations_runner import run_sql

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0032_pre_pin_images.sql")
