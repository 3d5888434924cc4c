"""Bytes know in which class of the store they are, and since when; plans name what goes cold."""

from storage.migrations_runner import run_sql

revision = "0054"
down_revision = "0053"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0054_pre_add_storage_classes.sql")
