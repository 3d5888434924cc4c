"""Which attempts have to run near their data: decided one after the other, for all controllers."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from governance.cluster.pools import Nearness, StoragePool, place
from storage import queries
from storage.database import Pool, transaction
from sweeps.errors import NoCapacity
from sweeps.ids import AttemptId

_QUERIES = queries.load("pool_placements")
_LOCK = 7_305_023  # any number, the same in every process of ours
Connection = psycopg.Connection[tuple[Any, ...]]


class PostgresPoolDesk:
    """A `compute.kubernetes.storage_pools.PoolDesk` by the rows of attempts.

    What is decided is written down before the attempt is launched, in the transaction that counts, so
    that no two decide by the same count; and it stays, since whoever asks again may have launched it.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def place(
        self, attempt_id: AttemptId, pools: Sequence[StoragePool], *, bound: Mapping[str, str]
    ) -> Mapping[str, Nearness]:
        """By pool: whether an attempt has to be near it, or would only rather.

        Raises:
            HeldBack: No node is near all pools that it has to be near.
            NoCapacity: The attempt has ended meanwhile.
            StorageUnavailable: The database does not answer.
        """
        names = [pool.name for pool in pools]
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["wait_for_turn"], {"lock": _LOCK})
            row = connection.execute(_QUERIES["decided"], {"attempt_id": attempt_id}).fetchone()
            if row is None:
                raise NoCapacity(f"{attempt_id} has ended")
            known, now = row
            if known.keys() >= set(names):
                return {name: Nearness(known[name]) for name in names}
            counted = [pool.name for pool in pools if pool.is_counted(now=now)]
            outside = self._outside(connection, attempt_id, counted)
            placed = place(pools, outside=outside, bound=bound, now=now)
            document = Jsonb({name: str(word) for name, word in placed.items()})
            connection.execute(_QUERIES["decide"], {"attempt_id": attempt_id, "placed": document})
            return placed

    def withdraw(self, attempt_id: AttemptId) -> None:
        """It was not launched. `StorageUnavailable`."""
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["decide"], {"attempt_id": attempt_id, "placed": Jsonb({})})

    def _outside(
        self, connection: Connection, attempt_id: AttemptId, pools: Sequence[str]
    ) -> Mapping[str, int]:
        if not pools:
            return {}
        parameters = {"attempt_id": attempt_id, "pools": pools}
        return dict(connection.execute(_QUERIES["outside"], parameters).fetchall())
