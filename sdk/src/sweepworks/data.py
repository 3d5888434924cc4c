"""Datasets: where a version is, and on record that the run uses it."""

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path

from sweepworks import environment as env
from sweepworks.artifacts import Refused, expect, no_beat, nonsense
from sweepworks.cache import Cache
from sweepworks.connection import Connection, Unreachable, post_json
from sweepworks.inputs import FOLDER
from sweepworks.near_files import NearFiles
from sweepworks.stored_data import bring_dataset

_REFERENCE = re.compile(
    r"(?P<name>[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)(?:@(?P<version>latest|[0-9]+))?"
)
_SECONDS = 5.0
_PATIENCE_SECONDS = 60.0  # without its data a script cannot begin; a gateway restarts in less


def use_dataset(
    run: str,
    reference: str,
    *,
    connection: Connection | None,
    say: Callable[[str, str], None],
    opened: set[str],
    beat: Callable[[], None] = no_beat,
) -> Path:
    """Where a version is. In a trial the one that its sweep has pinned; else the newest, or that asked for.

    What is not on this machine comes from the artifact store, if that has it: through the cache,
    into `.sweepworks-inputs` of the working directory. Files that a storage pool nearby has with the
    same bytes come from there.

    Args:
        reference: ``digits``, ``digits@3`` or ``digits@latest``.
        connection: None: the gateway is not to be asked.
        opened: Pinned datasets of which the gateway knows that the script has asked for them.
        say: Prints one line for a person, once per subject.
        beat: Called while files come in.

    Raises:
        ValueError: That names no dataset.
        LookupError: Nobody knows where it is: neither the gateway nor the environment.
        ConnectionError: It has to come from the store, and that, or the gateway, does not answer.
        OSError: There is no place for its files.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise ValueError(f"{reference!r} names no dataset; write digits or digits@3")
    name, version = match["name"], match["version"]
    known = os.environ.get(variable_of(name))
    is_pinned = bool(known) and _is_pinned(name, version)
    if known and is_pinned and (connection is None or Path(known).exists()):
        if connection is not None and name not in opened:
            # The trial has it on record since it was made, but not that its script asks for it.
            _tell(connection, run, f"{name}@{_pinned()[name]}", say=say)
            opened.add(name)
        return Path(known)
    reason, is_refused = "no gateway is to be asked", False
    if connection is not None:
        try:
            return _asked(connection, run, reference, say=say, beat=beat)
        except Unreachable as exc:
            reason = f"the gateway does not answer ({exc})"
        except Refused as exc:
            reason, is_refused = str(exc), True
    if known and is_pinned:
        return Path(known)
    # What the environment knows is the pinned version, or what the author says it is.
    is_another = version not in {None, "latest"} and (is_refused or name in _pinned())
    if not known or is_another:
        raise LookupError(
            f"where is the dataset {reference}? {reason}; set {variable_of(name)} to its place"
        )
    say(f"dataset-{name}", f"that this run uses {reference} is not on record: {reason}")
    return Path(known)


def variable_of(name: str) -> str:
    """The variable that says where a dataset is."""
    return f"{env.DATA_PREFIX}{name.upper().replace('-', '_')}"


def _is_pinned(name: str, version: str | None) -> bool:
    """Whether the trial's sweep has pinned that very version."""
    pinned = _pinned()
    return name in pinned and version in {None, pinned[name]}


def _pinned() -> dict[str, str]:
    """Versions by name."""
    entries = (os.environ.get(env.DATASETS) or "").split()
    return dict(entry.rsplit("@", 1) for entry in entries if "@" in entry)


def _tell(
    connection: Connection, run: str, reference: str, *, say: Callable[[str, str], None]
) -> None:
    """No outage keeps a script from data that is there; what is not told is said once."""
    try:
        with contextlib.closing(connection.twin(timeout_seconds=_SECONDS)) as twin:
            status, answer = post_json(twin, f"/api/v1/runs/{run}/datasets", {"dataset": reference})
            expect(status, answer, "dataset", "location")
    except (Unreachable, Refused) as exc:
        say(f"dataset-{reference}", f"that this script reads {reference} is not on record: {exc}")


def _asked(
    connection: Connection,
    run: str,
    reference: str,
    *,
    say: Callable[[str, str], None],
    beat: Callable[[], None],
) -> Path:
    twin = connection.twin(timeout_seconds=_SECONDS)  # the background thread uses the other one
    with contextlib.closing(twin):
        status, answer = post_json(twin, f"/api/v1/runs/{run}/datasets", {"dataset": reference})
        found = expect(status, answer, "dataset", "location")
        place, version = Path(str(found["location"])), str(found["dataset"])
        if place.exists() or found.get("is_stored") is not True:
            return place
        if _REFERENCE.fullmatch(version) is None:
            raise nonsense(status)
        say(f"dataset-{version}", f"{version} is not in {place} here; it comes from the store")
        return _brought(twin, run, version, beat)


def _brought(connection: Connection, run: str, version: str, beat: Callable[[], None]) -> Path:
    """From a pool that is near, or the store; a gateway that restarts is waited for while it goes well."""
    location = f"/api/v1/runs/{run}/datasets/{version}/files"
    folder = Path.cwd() / FOLDER / "datasets" / version
    try:
        return bring_dataset(
            connection,
            location,
            folder,
            cache=Cache.of_this_user(),
            beat=beat,
            near=NearFiles.of_version(version),
            patience_seconds=_PATIENCE_SECONDS,
        )
    except Unreachable as exc:
        raise ConnectionError(f"the dataset {version} cannot be had: {exc}") from exc
