"""Changes as a watch tells them: one JSON document a line."""

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from compute.kubernetes.objects import KubeObject, version_of
from sweeps.errors import LauncherUnavailable


class WatchExpired(Exception):
    """The server has forgotten the version that a watch was to begin at: list again."""


@dataclass(frozen=True, slots=True)
class Event:
    """One change. Of a bookmark only the version counts."""

    kind: str  #: ``ADDED``, ``MODIFIED``, ``DELETED`` or ``BOOKMARK``
    obj: KubeObject

    @property
    def resource_version(self) -> str:
        """Where a watch goes on after this."""
        return version_of(self.obj)


def events_of(answer: Any) -> Iterator[Event]:
    """The lines of a watch; a last one that was cut is left out."""
    rest = b""
    for block in answer.stream(amt=None, decode_content=True):
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            if line.strip():
                yield _event(json.loads(line))


def _event(document: KubeObject) -> Event:
    if document["type"] == "ERROR":
        if document["object"].get("code") == http.client.GONE:
            raise WatchExpired
        raise LauncherUnavailable(f"the watch failed: {document['object'].get('message')}")
    return Event(kind=str(document["type"]), obj=document["object"])
