"""The nodes that attempts run on: asked for seldom, and remembered."""

import time
from collections.abc import Callable, Collection, Mapping

from compute.kubernetes.node_api import NodeApi, NodesForbidden
from compute.kubernetes.node_facts import NodeFacts
from sweeps.errors import LauncherUnavailable

_KEPT_SECONDS = 3600.0  # labels of a node hardly ever change, and new nodes have new names
_PAUSE_SECONDS = 60.0  # after a refusal or an outage: nobody waits for this
_BETWEEN_LISTS_SECONDS = 10.0  # of a cluster that grows by the second
_UNKNOWN = NodeFacts()


class Nodes:
    """At most one request a look: for the one that is new, or for all when several are.

    What cannot be had is left out: an attempt is none the worse for it.
    """

    def __init__(self, api: NodeApi, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._known: dict[str, tuple[NodeFacts, float]] = {}  # and until when
        self._list_from = 0.0  # not before
        self._ask_from = 0.0

    def look(self, names: Collection[str]) -> Mapping[str, NodeFacts]:
        """What is known of those nodes, by name."""
        now = self._clock()
        new = [name for name in names if self._known.get(name, (_UNKNOWN, 0.0))[1] <= now]
        if new and self._ask_from <= now:
            try:
                self._ask(new, now)
            except LauncherUnavailable:
                self._ask_from = now + _PAUSE_SECONDS
        return {name: self._known[name][0] for name in names if name in self._known}

    def _ask(self, new: list[str], now: float) -> None:
        if len(new) > 1 and self._list_from <= now:
            self._list_from = now + _BETWEEN_LISTS_SECONDS
            try:
                found = self._api.all_labels()
            except NodesForbidden:
                self._list_from = now + _KEPT_SECONDS  # one after the other, then
                return
            self._known |= {
                n: (NodeFacts(labels), now + _KEPT_SECONDS) for n, labels in found.items()
            }
            for name in new:
                self._known.setdefault(name, (_UNKNOWN, now + _PAUSE_SECONDS))
            return
        name = new[0]
        try:
            labels = self._api.labels_of(name)
        except NodesForbidden:
            self._ask_from = now + _PAUSE_SECONDS
            return
        kept = _PAUSE_SECONDS if labels is None else _KEPT_SECONDS
        known = self._known.get(name, (_UNKNOWN, 0.0))[0] if labels is None else NodeFacts(labels)
        self._known[name] = (known, now + kept)
