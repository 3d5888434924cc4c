"""Links to pages open once."""

from storage.migrations_runner import run_sql

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0013_pre_add_used_links.sql")
