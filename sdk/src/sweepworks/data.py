"""Datasets: where a version is, and on record that the run uses it."""

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path

from sweepworks import environment as env
from sweepworks.artifacts import Refused, expect
from sweepworks.connection import Connection, Unreachable, post_json

_REFERENCE = re.compile(
    r"(?P<name>[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)(?:@(?P<version>latest|[0-9]+))?"
)
_SECONDS = 5.0


def use_dataset(
    run: str, reference: str, *, connection: Connection | None, say: Callable[[str, str], None]
) -> Path:
    """Where a version is. In a trial the one that its sweep has pinned; else the newest, or that asked for.

    Args:
        reference: ``digits``, ``digits@3`` or ``digits@latest``.
        connection: None: the gateway is not to be asked.
        say: Prints one line for a person, once per subject.

    Raises:
        ValueError: That names no dataset.
        LookupError: Nobody knows where it is: neither the gateway nor the environment.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise ValueError(f"{reference!r} names no dataset; write digits or digits@3")
    name, version = match["name"], match["version"]
    known = os.environ.get(variable_of(name))
    if known and _is_pinned(name, version):
        return Path(known)  # on record since the trial was made
    reason, is_refused = "no gateway is to be asked", False
    if connection is not None:
        try:
            return _asked(connection, run, reference)
        except Unreachable as exc:
            reason = f"the gateway does not answer ({exc})"
        except Refused as exc:
            reason, is_refused = str(exc), True
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


def _asked(connection: Connection, run: str, reference: str) -> Path:
    twin = connection.twin(timeout_seconds=_SECONDS)  # the background thread uses the other one
    with contextlib.closing(twin):
        status, answer = post_json(twin, f"/api/v1/runs/{run}/datasets", {"dataset": reference})
        return Path(str(expect(status, answer, "dataset", "location")["location"]))
