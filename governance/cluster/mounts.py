"""Where volumes are mounted in the pods of trials, and which places are taken. Pure."""

import posixpath
from collections.abc import Mapping

from governance.cluster.pools import StoragePool
from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.reading import Reader

FOLDER = "/sweepworks"  #: writable in every pod: the spool, and a home for who has none
SHARED_MEMORY = "/dev/shm"  # noqa: S108  in the pod


def place_of(path: str) -> str:
    """An absolute path in a pod as the kernel reads it, so that two spellings of it are one."""
    return "/" + posixpath.normpath(path).strip("/")


def check_pool_mounts(reader: Reader, path: Path, pools: Mapping[str, StoragePool]) -> None:
    """A trial may read from several, each of which has a place of its own, as the trial has."""
    taken: dict[str, str] = {}
    for name, pool in pools.items():
        if pool.volume is None:
            continue
        place = place_of(pool.volume.path)
        where, hint = (*path, name, "volume"), "give each pool a path of its own"
        other = taken.setdefault(place, name)
        if other != name:
            reader.problem(where, f"{place} is where pool {other!r} is mounted", hint)
        for own in (FOLDER, SHARED_MEMORY):
            if relation := _relation(place, own):
                reader.problem(
                    where, f"{place} {relation} {own}, which every trial has for itself", hint
                )
                break


def _relation(place: str, own: str) -> str:
    if place == own:
        return "is"
    if _is_beneath(place, own):
        return "is beneath"
    return "hides" if _is_beneath(own, place) else ""


def _is_beneath(place: str, folder: str) -> bool:
    return place.startswith(folder.rstrip("/") + "/")
