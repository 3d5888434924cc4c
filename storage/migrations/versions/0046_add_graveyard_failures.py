"""Pages that could not be written, and an index for what is due."""

from storage.migrations_runner import run_sql

revision = "0046"
down_revision = "0045"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0046_pre_add_graveyard_failures.sql")
