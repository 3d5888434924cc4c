"""Files as artifacts: how they are described to the gateway, and what its answers mean."""

import hashlib
import os
import re
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweepworks.connection import Unreachable
from sweepworks.parts import count_parts, part_bytes

_NAME = re.compile(r"[A-Za-z0-9._ -]+(?:/[A-Za-z0-9._ -]+)*")
_CHUNK = 1024 * 1024


class Refused(ValueError):
    """The gateway does not take it, or does not give it, and repeating changes nothing."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason)


class Changed(Exception):
    """A file that is written while it is stored."""


class Unavailable(Unreachable):
    """The gateway answers, and cannot do it now."""


@dataclass(frozen=True, slots=True)
class Description:
    """A file as it is announced to the gateway."""

    name: str
    type: str
    sha256: str
    size: int
    crc32: tuple[int, ...] = ()  #: of each part, where there are several; see `sweepworks.parts`


def check_name(name: str) -> None:
    """Raise ValueError unless `name` is a plain relative path."""
    if len(name) > 256 or not _NAME.fullmatch(name) or {".", ".."} & set(name.split("/")):
        raise ValueError(
            f"{name!r} cannot be the name of an artifact: use letters, digits, . _ - /"
        )


def existing_file(path: str | os.PathLike[str]) -> Path:
    """`path`, if a file is there; else an error that says what to do."""
    source = Path(path)
    if source.is_dir():
        raise IsADirectoryError(
            f"{source} is a folder and an artifact is one file: pack it first, for instance with "
            "shutil.make_archive"
        )
    if not source.is_file():
        raise FileNotFoundError(f"no file to store at {source}")
    return source


def no_beat() -> None:
    """For files that are too small for anyone to wonder."""


def no_bytes(_: int) -> None:
    """For who shows no progress."""


def describe(
    path: Path,
    name: str,
    kind: str,
    *,
    beat: Callable[[], None] = no_beat,
    on_bytes: Callable[[int], None] = no_bytes,
) -> Description:
    """A file's name, type and sums, from reading it once.

    What is written behind its end meanwhile is left out.

    Args:
        beat: Called while it is read.
        on_bytes: Called with the number of bytes that were read.

    Raises:
        Changed: It has become shorter meanwhile.
        OSError: It cannot be read.
    """
    sha, sums = hashlib.sha256(), list[int]()
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        length, has_parts = part_bytes(size), count_parts(size) > 1
        block = memoryview(bytearray(_CHUNK))
        done = 0
        while done < size:
            n_bytes = file.readinto(block[: min(_CHUNK, size - done, length - done % length)])
            if not n_bytes:
                raise Changed(f"{path} has become shorter while it was read")
            chunk = block[:n_bytes]
            sha.update(chunk)
            if has_parts:
                if done % length == 0:
                    sums.append(0)
                sums[-1] = zlib.crc32(chunk, sums[-1])
            done += n_bytes
            beat()
            on_bytes(n_bytes)
    return Description(name, kind, sha.hexdigest(), size, tuple(sums))


def described_by(document: Mapping[str, Any]) -> Description:
    """A description from what `asdict` has made of it, and JSON since.

    Raises:
        KeyError: A part of it is missing.
        TypeError: That is none.
    """
    return Description(
        name=document["name"],
        type=document["type"],
        sha256=document["sha256"],
        size=document["size"],
        crc32=tuple(document.get("crc32", ())),
    )


def expect(
    status: int, answer: dict[str, Any], *names: str, good: Collection[int] = (200,)
) -> dict[str, Any]:
    """The answer, if it is a good one.

    Args:
        names: What it must have.
        good: Statuses that it may have.

    Raises:
        Unreachable: It is none of the gateway's, such as what a proxy says in its place.
        Unavailable: It is worth another try.
        Refused: It is not.
    """
    if status >= 400:
        reason = answer.get("error")
        if not isinstance(reason, str):
            raise nonsense(status)
        if status >= 500 or status in {401, 408, 428, 429}:
            raise Unavailable(reason)
        raise Refused(status, reason)
    if status not in good or not all(name in answer for name in names):
        raise nonsense(status)
    return answer


def nonsense(status: int) -> Unreachable:
    """The error for an answer that nobody can make sense of."""
    return Unreachable(f"the answer, of status {status}, is none of the gateway's")
