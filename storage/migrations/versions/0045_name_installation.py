"""Which installation a database is of, as its store of artifacts says, too."""

from storage.migrations_runner import run_sql

revision = "0045"
down_revision = "0044"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0045_pre_name_installation.sql")
