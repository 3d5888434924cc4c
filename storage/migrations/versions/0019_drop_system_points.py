"""When the points that were measured beside the training were dropped."""

from storage.migrations_runner import run_sql

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0019_pre_drop_system_points.sql")
