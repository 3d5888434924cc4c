"""Writes tables of a version anew with less in them, a piece at a time."""

import hashlib
import hmac
import math
import re
import secrets
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from governance.datasets.minimisation import Minimisation
from storage.datasets.manifests import Progress, place_of
from storage.datasets.presence import presence
from storage.datasets.rewriting import RawPiece, raw_pieces, raw_writer
from storage.datasets.tables import NoTable, is_frame
from sweeps.datasets import DatasetVersion, FileEntry, InvalidDataset

_PSEUDONYM_DIGITS = 32
_WHOLE = re.compile(r"(-?(?:0|[1-9][0-9]*))\.0+")


def minimise(
    version: DatasetVersion,
    asked: Minimisation,
    *,
    folder: Path,
    key: bytes,
    progress: Progress = lambda _: None,
) -> list[str]:
    """Write every table of `version` into a new `folder`, minimised; other files are left out.

    The folder is there when all of it is: until then it has another name, beside it, which ends in
    ``.partial``.

    Args:
        key: Makes pseudonyms that nobody without it can try out guesses on.

    Returns:
        Names of the files that are left out.

    Raises:
        InvalidDataset: There is no table or no such column, the data is not what was registered,
            or the folder is there already.
        OSError: The folder cannot be written.
    """
    files = [file for file in version.files if is_frame(file.path)]
    if not files:
        raise InvalidDataset(f"{version} has no table")
    there = presence(version)
    if there.differs:
        raise InvalidDataset(f"{version} is not what was registered: {there.differences[0]}")
    asked.require([column.name for column in version.profile.columns])
    targets = _targets(files)
    if folder.exists():
        raise InvalidDataset(f"{folder} is there already; give a new folder")
    partial_folder = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.partial")
    partial_folder.mkdir(parents=True)
    try:
        work = _Work(asked, key)
        for file in files:
            place, target = (
                place_of(version.row.location, file.path),
                partial_folder / targets[file],
            )
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with raw_writer(target) as write:
                    for piece in raw_pieces(place, file.path):
                        work.do(piece)
                        write(piece)
            except NoTable as exc:
                raise InvalidDataset(f"{place} cannot be read: {exc}") from exc
            progress(file.size_bytes)
        work.require_all_found()
        partial_folder.rename(folder)
    finally:
        shutil.rmtree(partial_folder, ignore_errors=True)
    return [file.path for file in version.files if file not in files]


def _targets(files: Sequence[FileEntry]) -> dict[FileEntry, PurePosixPath]:
    """Where each table is written: what was packed is not."""
    targets: dict[FileEntry, PurePosixPath] = {}
    for file in files:
        target = PurePosixPath(re.sub(r"\.gz$", "", file.path, flags=re.IGNORECASE))
        if target in targets.values():
            raise InvalidDataset(f"{file.path} and another table would both become {target}")
        targets[file] = target
    return targets


class _Work:
    """What is asked, done to one piece after another."""

    def __init__(self, asked: Minimisation, key: bytes) -> None:
        self._asked = asked
        self._key = key
        self._random = np.random.default_rng(asked.seed)
        self._names: dict[str, None] = {}  # of columns that were there; in their order

    def do(self, piece: RawPiece) -> None:
        asked, names = self._asked, set(piece.names)
        self._names |= dict.fromkeys(piece.names)
        if asked.sample < 1:
            # A number for every row, so that the pieces in which rows come decide nothing.
            piece.keep(self._random.random(len(piece)) < asked.sample)
        for name in names.intersection(asked.drop):
            piece.drop(name)
        for name in names.intersection(asked.hash):
            piece.change(name, partial(_pseudonym, key=self._key), is_number=False)
        for name in names.intersection(asked.bucket):
            piece.change(name, partial(_lower_end, name, asked.bucket[name]), is_number=True)

    def require_all_found(self) -> None:
        """Arrays beside the tables have columns as well, which nothing has been done to."""
        self._asked.require(list(self._names))


def _pseudonym(value: object, *, key: bytes) -> str:
    digest = hmac.new(key, _word(value).encode("utf-8", "surrogatepass"), hashlib.sha256)
    return digest.hexdigest()[:_PSEUDONYM_DIGITS]


def _word(value: object) -> str:
    """One for each id: 5, "5", 5.0 and "5.0" are the same one, "05" is another.

    A whole number with gaps beside it is a float in one file, and text in the next.
    """
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def _lower_end(name: str, width: float, value: object) -> float:
    """Of the bucket that a number is in."""
    try:
        number = float(value)  # pyright: ignore[reportArgumentType]  whatever is in a file
    except (ValueError, TypeError) as exc:
        raise InvalidDataset(f"{name!r} has no numbers that could be put in buckets") from exc
    return math.floor(number / width) * width if math.isfinite(number) else number
