"""What guards watermarks of sealed runs looks at all rows of a statement at once."""

from storage.migrations_runner import run_sql

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0018_pre_guard_writers_by_statement.sql")
