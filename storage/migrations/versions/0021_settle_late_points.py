"""Late points settle once, and nobody waits for them longer than needed."""

from storage.migrations_runner import run_sql

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0021_pre_settle_late_points.sql")
