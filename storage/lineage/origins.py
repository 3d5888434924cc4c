"""Where runs come from: who asked for them, why, and by which rules they were started.

The platform writes this section itself, in the transaction that writes an attempt or a scratch run
down, so it is there before anything is executed. A script cannot write it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from storage import queries
from storage.lineage.provenance import ORIGIN, Section, write_provenance
from sweeps.ids import SweepId
from sweeps.runs import ScratchRun
from sweeps.trials import Attempt

_QUERIES = queries.load("origins")
Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launching:
    """What executes the attempts that are written down."""

    launcher: str = "local"
    image: str | None = None  #: with its digest, when they are executed in one


def origin_of_sweep(
    connection: Connection, sweep_id: SweepId, launching: Launching
) -> Mapping[str, Any]:
    """The same for all trials of a sweep, so that it is stored once."""
    row = (
        connection.cursor(row_factory=dict_row)
        .execute(_QUERIES["sweep"], {"sweep_id": sweep_id})
        .fetchone()
    )
    assert row is not None  # its lease is held
    spec = row["spec"]
    strategy = spec["strategy"]
    return {
        "kind": "trial",
        "submitted_by": row["created_by"],
        "submitted_at": row["created_at"].isoformat(),
        "owner": spec["owner"],
        "purpose": spec["purpose"],
        "expected_outcome": spec["expected_outcome"],
        "sweep": sweep_id,
        "spec_digest": row["spec_digest"],
        "strategy": strategy["name"],
        "searcher": strategy["searcher"],
        "scheduler": strategy["scheduler"],
        "warm_start": spec["warm_start"],
        "limits": spec["limits"],
        "resources": spec["trial"]["resources"],
        "launcher": launching.launcher,
        "place": row["place"],
        "image": _image(row["image"], spec, launching),
        "code_at_submission": row["code"],
    }


def _image(pinned: str | None, spec: Mapping[str, Any], launching: Launching) -> str | None:
    """What trials are to run: by its digest where it was looked up. What ran is in the attempts."""
    if launching.launcher == "local":
        return launching.image
    return pinned or spec["trial"].get("image") or launching.image


def write_origins(
    connection: Connection, origin: Mapping[str, Any], attempts: Sequence[Attempt]
) -> None:
    """Note where attempts come from that were just written down."""
    write_provenance(
        connection,
        [
            Section(
                run_id=attempt.run_id, attempt_id=attempt.attempt_id, name=ORIGIN, document=origin
            )
            for attempt in attempts
        ],
    )


def write_scratch_origin(connection: Connection, run: ScratchRun) -> None:
    """Note what is known of a run outside sweeps: who made it, and of which one it is a rerun."""
    origin = {
        "kind": "scratch" if run.rerun_of is None else "rerun",
        "submitted_by": run.owner,
        "experiment": run.experiment,
        "rerun_of": run.rerun_of,
    }
    section = Section(run_id=run.run_id, attempt_id="", name=ORIGIN, document=origin)
    write_provenance(connection, [section])
