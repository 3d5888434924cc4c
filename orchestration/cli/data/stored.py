"""Files of a version on their way into the artifact store, by the gateway."""

import http.client
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from sweepworks.artifacts import Changed, describe, expect, no_beat
from sweepworks.connection import Connection, post_json
from sweepworks.uploading import upload_to

from orchestration.cli.gateways import PATIENCE_SECONDS
from storage.datasets.manifests import place_of
from sweeps.datasets import DatasetRefused, DatasetVersion

_LOOK_SECONDS = 600.0  # for a look at each of 100,000 contents
_RENEW_SECONDS = 3600.0  # of the day that bytes stay which nothing refers to
_MOST_LOSSES = 3  # of one content


def store(
    connection: Connection, version: DatasetVersion, *, on_sent: Callable[[int], None]
) -> None:
    """Bring what the store has not got of a version, and let it keep all of it; twice is once.

    Where it says that it has all of it, it is asked to look.

    Raises:
        DatasetRefused: A file is not what was registered, or the gateway's token is of another
            tenant.
        Unreachable: The gateway, or the store, does not answer.
        Refused: The gateway does not take it.
    """
    require_same(connection, version)
    times: Counter[str] = Counter()
    missing = _missing(connection, version) or _missing(connection, version, looks=True)
    while missing:
        asked_at = time.monotonic()
        for file in missing:
            times[file["sha256"]] += 1
            if times[file["sha256"]] > _MOST_LOSSES:
                raise DatasetRefused(
                    str(version), "the store loses what it is given", mend="see the gateway's log"
                )
            _bring(connection, version, file, on_sent)
            if time.monotonic() - asked_at > _RENEW_SECONDS:
                break  # who asks says that what has arrived is to stay
        missing = _missing(connection, version)


def require_same(connection: Connection, version: DatasetVersion) -> None:
    """Make sure that the gateway means the same version by that name.

    Raises:
        DatasetRefused: It does not: its token is of another tenant.
        Unreachable: It does not answer.
    """
    status, _, answer = connection.request("GET", f"/api/v1/datasets/{version}")
    row: Any = answer.get("dataset") if status == http.client.OK else None
    found = (row["tenant_id"], row["content_hash"]) if isinstance(row, dict) else None
    if found != (version.row.tenant_id, version.row.content_hash):
        raise DatasetRefused(
            str(version),
            f"the gateway's token is not of tenant {version.row.tenant_id}",
            mend="set SWEEPWORKS_TOKEN to one of that tenant",
        )


def _missing(
    connection: Connection, version: DatasetVersion, *, looks: bool = False
) -> list[dict[str, Any]]:
    """Those of the files that the store has not got; `looks`: in the store itself, which takes time."""
    connection.limit(_LOOK_SECONDS if looks else PATIENCE_SECONDS)
    status, answer = post_json(connection, f"/api/v1/datasets/{version}/store", {"looks": looks})
    connection.limit(PATIENCE_SECONDS)
    found: list[dict[str, Any]] = expect(status, answer, "missing")["missing"]
    return found


def _bring(
    connection: Connection,
    version: DatasetVersion,
    file: dict[str, Any],
    on_sent: Callable[[int], None],
) -> None:
    place = place_of(version.row.location, file["path"])
    try:
        described = describe(place, file["sha256"], "dataset")
    except (OSError, Changed) as exc:
        raise _changed(version, f"{place} cannot be read: {exc}") from exc
    if described.sha256 != file["sha256"]:
        raise _changed(version, f"{place} is not what was registered")
    upload_to(
        connection,
        "/api/v1/files",
        place,
        described,
        beat=no_beat,
        patience_seconds=PATIENCE_SECONDS,
        on_sent=on_sent,
    )


def _changed(version: DatasetVersion, reason: str) -> DatasetRefused:
    return DatasetRefused(
        str(version),
        reason,
        mend=f"bring back what was there, or register what is there now with `sweepworks data "
        f"register {version.row.name} PATH --store`",
    )
