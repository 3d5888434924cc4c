"""What the API server keeps, and the history that watches read."""

import copy
import datetime as dt
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

Object = dict[str, Any]
Key = tuple[str, str, str]  # plural, namespace, name

JOB_NAME = "batch.kubernetes.io/job-name"


def now_text() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Conflict(Exception):
    """Another object of that name, or another version than was said."""


class Store:
    """Objects by kind, namespace and name; each change has a version, and is remembered.

    What it gives out is what it keeps: to be read only. Thousands of objects are no reason for it
    to be slow.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.objects: dict[Key, Object] = {}
        self.version = 100
        self.oldest = 100  # of what is remembered
        self._history: list[tuple[int, str, Key, Object]] = []  # one for each version since then
        self._touched: set[Key] = set()
        self._pods: dict[tuple[str, str], set[Key]] = {}  # by namespace and Job

    def create(self, plural: str, namespace: str, obj: Object) -> Object:
        with self.changed:
            obj = copy.deepcopy(obj)
            meta = obj.setdefault("metadata", {})
            if "name" not in meta:
                meta["name"] = meta["generateName"] + uuid.uuid4().hex[:5]
            key = (plural, namespace, meta["name"])
            if key in self.objects:
                raise Conflict
            meta |= {
                "namespace": namespace,
                "uid": str(uuid.uuid4()),
                "generation": 1,
                "creationTimestamp": now_text(),
            }
            self._write("ADDED", key, obj)
            return obj

    def update(self, key: Key, change: Callable[[Object], None]) -> Object | None:
        """Change an object in place; None when it is gone."""
        with self.changed:
            obj = self.objects.get(key)
            if obj is None:
                return None
            after = copy.deepcopy(obj)
            change(after)
            if after.get("spec") != obj.get("spec"):
                after["metadata"]["generation"] = int(obj["metadata"]["generation"]) + 1
            if after != obj:
                self._write("MODIFIED", key, after)
                return after
            return obj

    def remove(self, key: Key) -> Object | None:
        with self.changed:
            obj = self.objects.get(key)
            if obj is not None:
                last = copy.deepcopy(obj)
                self._write("DELETED", key, last)
            return obj

    def get(self, key: Key) -> Object | None:
        with self.changed:
            return self.objects.get(key)

    def select(self, plural: str, namespace: str, labels: dict[str, str]) -> list[Object]:
        with self.changed:
            return [
                obj
                for (kind, where, _), obj in self.objects.items()
                if kind == plural and where == namespace and matches(obj, labels)
            ]

    def pods_of(self, namespace: str, job: str) -> list[Object]:
        with self.changed:
            return [self.objects[key] for key in sorted(self._pods.get((namespace, job), ()))]

    def since(self, version: int, plural: str, namespace: str) -> Iterator[tuple[int, str, Object]]:
        with self.changed:
            for at, what, (kind, where, _), obj in self._history[max(version - self.oldest, 0) :]:
                if kind == plural and where == namespace:
                    yield at, what, obj

    def touched(self) -> set[Key]:
        """What has changed since the last call, and Jobs whose pods have."""
        with self.changed:
            found, self._touched = self._touched, set()
            return found

    def forget(self) -> None:
        """Compact: watches that begin before now have to list again."""
        with self.changed:
            self._history.clear()
            self.version += 1
            self.oldest = self.version

    def _write(self, what: str, key: Key, obj: Object) -> None:
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        self._touched.add(key)
        if key[0] == "pods":
            job = (key[1], (obj["metadata"].get("labels") or {}).get(JOB_NAME, ""))
            self._touched.add(("jobs", *job))
            pods = self._pods.setdefault(job, set())
            (pods.discard if what == "DELETED" else pods.add)(key)
        if what == "DELETED":
            self._touched |= self._pods.get(key[1:], set())  # of a Job: they are orphans now
            del self.objects[key]
        else:
            self.objects[key] = obj
        self._history.append((self.version, what, key, obj))
        self.changed.notify_all()


def matches(obj: Object, labels: dict[str, str]) -> bool:
    own = obj["metadata"].get("labels") or {}
    return all(own.get(name) == value for name, value in labels.items())
