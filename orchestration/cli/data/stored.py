"""Files of a version on their way into the artifact store, by the gateway."""

from collections.abc import Callable
from typing import Any

from sweepworks.artifacts import Changed, describe, expect, no_beat
from sweepworks.connection import Connection, post_json
from sweepworks.uploading import upload_to

from orchestration.cli.gateways import PATIENCE_SECONDS
from storage.datasets.manifests import place_of
from sweeps.datasets import DatasetRefused, DatasetVersion


def store(
    connection: Connection, version: DatasetVersion, *, on_sent: Callable[[int], None]
) -> None:
    """Bring what the store has not got of a version, and let it keep all of it; twice is once.

    Raises:
        DatasetRefused: A file is not what was registered.
        Unreachable: The gateway, or the store, does not answer.
        Refused: The gateway does not take it.
    """
    brought: set[str] = set()
    while missing := _missing(connection, version):
        fresh = [file for file in missing if file["sha256"] not in brought]
        if not fresh:
            raise DatasetRefused(
                str(version), "the store loses what it is given", mend="see the gateway's log"
            )
        for file in fresh:
            _bring(connection, version, file, on_sent)
            brought.add(file["sha256"])


def _missing(connection: Connection, version: DatasetVersion) -> list[dict[str, Any]]:
    status, answer = post_json(connection, f"/api/v1/datasets/{version}/store", {})
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
