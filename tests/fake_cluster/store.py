"""What the API server keeps, and the history that watches read."""

import copy
import datetime as dt
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

Object = dict[str, Any]
Key = tuple[str, str, str]  # plural, namespace, name


def now_text() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Conflict(Exception):
    """Another object of that name, or another version than was said."""


class Store:
    """Objects by kind, namespace and name; each change has a version, and is remembered."""

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.objects: dict[Key, Object] = {}
        self.version = 100
        self.oldest = 100  # of what is remembered
        self._history: list[tuple[int, str, Key, Object]] = []

    def create(self, plural: str, namespace: str, obj: Object) -> Object:
        with self.changed:
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
            return copy.deepcopy(obj)

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
            return copy.deepcopy(after)

    def remove(self, key: Key) -> Object | None:
        with self.changed:
            obj = self.objects.pop(key, None)
            if obj is not None:
                self.version += 1
                last = copy.deepcopy(obj)
                last["metadata"]["resourceVersion"] = str(self.version)
                self._history.append((self.version, "DELETED", key, last))
                self.changed.notify_all()
            return obj

    def get(self, key: Key) -> Object | None:
        with self.changed:
            return copy.deepcopy(self.objects.get(key))

    def select(self, plural: str, namespace: str, labels: dict[str, str]) -> list[Object]:
        with self.changed:
            return [
                copy.deepcopy(obj)
                for (kind, where, _), obj in self.objects.items()
                if kind == plural and where == namespace and matches(obj, labels)
            ]

    def since(self, version: int, plural: str, namespace: str) -> Iterator[tuple[int, str, Object]]:
        with self.changed:
            for at, what, (kind, where, _), obj in self._history:
                if at > version and kind == plural and where == namespace:
                    yield at, what, copy.deepcopy(obj)

    def forget(self) -> None:
        """Compact: watches that begin before now have to list again."""
        with self.changed:
            self._history.clear()
            self.version += 1
            self.oldest = self.version

    def _write(self, what: str, key: Key, obj: Object) -> None:
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        self.objects[key] = copy.deepcopy(obj)
        self._history.append((self.version, what, key, copy.deepcopy(obj)))
        self.changed.notify_all()


def matches(obj: Object, labels: dict[str, str]) -> bool:
    own = obj["metadata"].get("labels") or {}
    return all(own.get(name) == value for name, value in labels.items())
