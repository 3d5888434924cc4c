"""Bytes of datasets that the artifact store keeps."""

from storage.migrations_runner import run_sql

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0032_pre_add_dataset_blobs.sql")
