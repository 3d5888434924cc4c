"""What runs were made of."""

from storage.migrations_runner import run_sql

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0020_pre_add_provenance.sql")
