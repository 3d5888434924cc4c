"""Policies applied as people apply them."""

import hashlib
from typing import Any

from storage.database import Pool, transaction
from storage.policy_store import PolicyStore
from sweeps.policies import PolicyChange, PolicyKind


def apply(pool: Pool, kind: PolicyKind[Any], text: str) -> None:
    """Make `text` hold, as ana."""
    store = PolicyStore(pool)
    change = PolicyChange(kind=kind, source=kind.file_name, before=store.current(kind), text=text)
    store.apply([change], by="ana", comment="")


def apply_long_ago(pool: Pool, kind: PolicyKind[Any], text: str) -> None:
    """Make `text` the first version, as a version of the platform did that took it."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    with transaction(pool) as connection:
        connection.execute(
            "INSERT INTO policies (kind, version, text, sha256, applied_by, comment) "
            "VALUES (%s, 1, %s, %s, 'ana', '')",
            (kind.name, text, digest),
        )
