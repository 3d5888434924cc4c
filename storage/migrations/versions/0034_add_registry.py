"""How a run becomes a model in production."""

from storage.migrations_runner import run_sql

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0034_pre_add_registry.sql")
