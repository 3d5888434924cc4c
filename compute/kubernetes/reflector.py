"""What there is of one kind, kept up to date by a watch."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from compute.kubernetes.api import ClusterApi, Kind
from compute.kubernetes.objects import KubeObject, is_older, name_of
from compute.kubernetes.watch_events import Event, WatchExpired
from sweeps.errors import LauncherUnavailable

_JITTER = random.Random()  # noqa: S311  no secret; the module's numbers are for who seeds them
_LOG = logging.getLogger(__name__)
_WATCH_SECONDS = 60  # of one watch: as long as a connection that died silently goes unnoticed
_PATIENCE_SECONDS = 10.0  # without any answer, until what is known is no longer told
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0


class Reflector:
    """Objects that a selector finds, and those that it found before they were deleted.

    A list, then a watch from there on; again when the watch ends, and from the list when the server
    has forgotten the version. A thread of its own does it, from the second look on: who looks once
    needs no watch, and a controller's first tick has the fewer requests.

    **Thread safety**: safe.

    Args:
        group_of: What objects are looked for by; their names, if nothing else.
        on_change: Told of every change as the watch tells it, in its thread; returns at once.
    """

    def __init__(
        self,
        api: ClusterApi,
        kind: Kind,
        namespace: str,
        *,
        selector: str,
        group_of: Callable[[KubeObject], str] = name_of,
        on_change: Callable[[KubeObject], None] | None = None,
        watch_seconds: int = _WATCH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._kind = kind
        self._namespace = namespace
        self._selector = selector
        self._group_of = group_of
        self._on_change = on_change
        self._watch_seconds = watch_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._beginning = threading.Lock()
        self._live: dict[str, KubeObject] = {}
        self._gone: dict[str, KubeObject] = {}
        self._names: dict[str, set[str]] = {}  # by group, of live and gone ones
        self._put_at: dict[str, float] = {}
        self._failure: Exception | None = None
        self._failed_since: float | None = None
        self._is_closed = threading.Event()
        self._version: str | None = None
        self._thread: threading.Thread | None = None

    def look(
        self, groups: Iterable[str] | None = None
    ) -> tuple[Mapping[str, KubeObject], Mapping[str, KubeObject]]:
        """Objects by name: those that are there, and the last state of those that were deleted.

        Args:
            groups: Only those of these; None: all, which takes the longer the more there are.

        Raises:
            LauncherUnavailable: Nothing was heard of the server for too long.
        """
        self._begin()
        with self._lock:
            self._check()
            if groups is None:
                return dict(self._live), dict(self._gone)
            wanted = [name for group in groups for name in self._names.get(group, ())]
            return (
                {name: self._live[name] for name in wanted if name in self._live},
                {name: self._gone[name] for name in wanted if name in self._gone},
            )

    def _begin(self) -> None:
        with self._beginning:
            if self._version is None and self._thread is None:
                self._list()  # here, so that whoever asks first has an answer
            elif self._thread is None:
                self._thread = threading.Thread(
                    target=self._follow, name=f"watch-{self._kind}s", daemon=True
                )
                self._thread.start()

    def _check(self) -> None:
        since, failure = self._failed_since, self._failure
        if since is not None and self._clock() - since > _PATIENCE_SECONDS:
            raise LauncherUnavailable(str(failure)) from failure

    def put(self, obj: KubeObject) -> None:
        """Know of an object as the server has just answered it, before the watch tells of it."""
        with self._lock:
            known = self._live.get(name_of(obj))
            if name_of(obj) not in self._gone and not is_older(obj, known):
                self._keep(obj)
                self._put_at[name_of(obj)] = self._clock()

    def relist(self) -> None:
        """Ask the server for everything, now."""
        self._list()

    def close(self) -> None:
        """Watch no longer; a request that is under way ends by itself."""
        self._is_closed.set()

    def _list(self) -> None:
        began_at = self._clock()
        listing = self._api.list(self._kind, self._namespace, selector=self._selector)
        found = {name_of(obj): obj for obj in listing.items}
        with self._lock:
            # What was made meanwhile need not be in the list, and is not deleted for that.
            new = {name for name, put_at in self._put_at.items() if put_at >= began_at}
            found |= {name: obj for name, obj in self._live.items() if name in new}
            self._put_at.clear()
            self._gone |= {name: obj for name, obj in self._live.items() if name not in found}
            self._live = {}
            for obj in found.values():
                self._keep(obj)
            self._version = listing.resource_version
            self._failure = self._failed_since = None

    def _follow(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not self._is_closed.is_set():
            try:
                if self._version is None:
                    self._list()
                self._watch()
                pause = _FIRST_PAUSE_SECONDS
            except WatchExpired:
                self._version = None
            except Exception as exc:  # noqa: BLE001  else it would stand still, and nobody knew
                if not isinstance(exc, LauncherUnavailable):
                    _LOG.exception("the watch of %ss in %s failed", self._kind, self._namespace)
                with self._lock:
                    self._failure = exc
                    self._failed_since = self._failed_since or self._clock()
                told = exc.retry_after_seconds if isinstance(exc, LauncherUnavailable) else 0.0
                self._is_closed.wait(max(pause * _JITTER.uniform(0.5, 1.0), told))
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _watch(self) -> None:
        assert self._version is not None  # `_list` was first
        events = self._api.watch(
            self._kind,
            self._namespace,
            selector=self._selector,
            resource_version=self._version,
            seconds=self._watch_seconds,
        )
        for event in events:
            if self._is_closed.is_set():
                events.close()
                return
            self._take(event)
        with self._lock:
            self._failure = self._failed_since = None

    def _take(self, event: Event) -> None:
        with self._lock:
            self._version = event.resource_version
            self._failure = self._failed_since = None
            if event.kind == "BOOKMARK":
                return
            name = name_of(event.obj)
            if event.kind == "DELETED":
                self._live.pop(name, None)
                self._gone[name] = event.obj
                self._index(event.obj)
            elif not is_older(event.obj, self._live.get(name)):
                self._keep(event.obj)
                self._gone.pop(name, None)
        if self._on_change is not None and event.kind != "DELETED":
            self._on_change(event.obj)

    def _keep(self, obj: KubeObject) -> None:
        self._live[name_of(obj)] = obj
        self._index(obj)

    def _index(self, obj: KubeObject) -> None:
        self._names.setdefault(self._group_of(obj), set()).add(name_of(obj))
