"""When files of datasets were written last."""

from storage.migrations_runner import run_sql

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0030_pre_add_file_states.sql")
