"""Late points are noted in every edition; policies look back as far as points are kept."""

from storage.migrations_runner import run_sql

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0016_pre_tell_of_late_points.sql")
