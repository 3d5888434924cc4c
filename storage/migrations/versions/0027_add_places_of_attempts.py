"""What a cluster says of an attempt."""

from storage.migrations_runner import run_sql

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0027_pre_add_places_of_attempts.sql")
