"""Which attempts of the queue may have been launched."""

from storage.migrations_runner import run_sql

revision = "0047"
down_revision = "0046"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0047_pre_add_launches.sql")
