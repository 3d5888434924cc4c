"""Large tables are indexed and checked while others write; sums and warnings of budgets."""

from storage.migrations_runner import run_apart

revision = "0051"
down_revision = "0050"


def upgrade() -> None:
    """Apply the SQL of this revision, statement by statement."""
    run_apart("0051_pre_index_attempts_aside.sql")
