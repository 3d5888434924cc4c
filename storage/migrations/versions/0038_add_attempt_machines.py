"""Where an attempt ran: GPUs, kind of machine, region, and whether that may be taken away."""

from storage.migrations_runner import run_sql

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0038_pre_add_attempt_machines.sql")
