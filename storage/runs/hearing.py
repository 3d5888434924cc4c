"""Runs that were given up for their silence, and are heard of again."""

from collections.abc import Sequence
from typing import Any

import psycopg

from storage import queries
from sweeps.ids import RunId

_RUNS = queries.load("runs")
_RERUNS = queries.load("reruns")
#: Message of an attempt that others have ended, as long as nobody has told when its process ended.
DESERTED = "whoever made the rerun was gone"


def hear_of(connection: psycopg.Connection[tuple[Any, ...]], run_ids: Sequence[RunId]) -> None:
    """Those that were given up live again, in whoever's transaction.

    What a rerun held it holds again, and has held meanwhile, though somebody else may have been let
    in since.
    """
    heard = connection.execute(_RUNS["hear_of_runs"], {"run_ids": list(run_ids)}).fetchall()
    if reruns := [run_id for run_id, is_rerun in heard if is_rerun]:
        parameters = {"run_ids": reruns, "deserted": DESERTED}
        connection.execute(_RERUNS["reopen_attempts"], parameters)
