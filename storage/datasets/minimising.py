"""Writes tables of a version anew with less in them, a piece at a time."""

import contextlib
import hashlib
import hmac
import importlib
from collections.abc import Callable, Generator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from governance.minimisation import Minimisation
from storage.datasets.manifests import Progress, changed_files, place_of
from storage.datasets.tables import NoTable, format_of, frames, is_frame
from sweeps.datasets import DatasetVersion, InvalidDataset

_PSEUDONYM_DIGITS = 32


def minimise(
    version: DatasetVersion,
    asked: Minimisation,
    *,
    folder: Path,
    key: bytes,
    progress: Progress = lambda _: None,
) -> list[str]:
    """Write every table of `version` into a new `folder`, minimised; other files are left out.

    Args:
        key: Makes pseudonyms that nobody without it can try out guesses on.

    Returns:
        Names of the files that are left out.

    Raises:
        InvalidDataset: There is no table or no such column, the data is not what was registered,
            or the folder is there already.
        OSError: The folder cannot be written.
    """
    tables = [file for file in version.files if is_frame(file.path)]
    if not tables:
        raise InvalidDataset(f"{version} has no table")
    changed = changed_files(version.row.location, version.files)
    if changed:
        raise InvalidDataset(f"{version} is not what was registered: {changed[0]}")
    asked.require([column.name for column in version.profile.columns])
    try:
        folder.mkdir(parents=True)
    except FileExistsError as exc:
        raise InvalidDataset(f"{folder} is there already; give a new folder") from exc
    random = np.random.default_rng(asked.seed)
    for file in tables:
        place, path = place_of(version.row.location, file.path), file.path.removesuffix(".gz")
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with _writer(target) as write:
                for frame in frames(place, file.path):
                    write(_minimised(frame, asked, key, random))
        except NoTable as exc:
            raise InvalidDataset(f"{place} cannot be read: {exc}") from exc
        progress(file.size_bytes)
    return [file.path for file in version.files if file not in tables]


def _minimised(frame: Any, asked: Minimisation, key: bytes, random: np.random.Generator) -> Any:
    if asked.sample < 1:
        # A number for every row, so that the pieces in which rows come decide nothing.
        frame = frame[random.random(len(frame)) < asked.sample]
    frame = frame.drop(columns=[name for name in asked.drop if name in frame.columns])
    for name in asked.hash:
        if name in frame.columns:
            frame[name] = frame[name].map(partial(_pseudonym, key=key), na_action="ignore")
    for name, width in asked.bucket.items():
        if name in frame.columns:
            try:
                numbers = frame[name].astype("float64")
            except (ValueError, TypeError) as exc:
                raise InvalidDataset(
                    f"{name!r} has no numbers that could be put in buckets"
                ) from exc
            frame[name] = np.floor(numbers / width) * width
    return frame


def _pseudonym(value: object, *, key: bytes) -> str:
    # 5 and 5.0 are one value: a whole number with gaps beside it has become a float.
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    digest = hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256)
    return digest.hexdigest()[:_PSEUDONYM_DIGITS]


@contextlib.contextmanager
def _writer(target: Path) -> Generator[Callable[[Any], None], None, None]:
    """Appends frames to a file of the format that its name says."""
    ending = format_of(target.name)
    if ending == ".parquet":
        with _parquet_writer(target) as write:
            yield write
        return
    with target.open("x", encoding="utf-8", newline="") as opened:
        is_first = True

        def append(frame: Any) -> None:
            nonlocal is_first
            if ending in {".jsonl", ".ndjson"}:
                text = frame.to_json(orient="records", lines=True)
                opened.write(text if not text or text.endswith("\n") else f"{text}\n")
            else:
                separator = "\t" if ending == ".tsv" else ","
                frame.to_csv(opened, sep=separator, index=False, header=is_first)
            is_first = False

        yield append


@contextlib.contextmanager
def _parquet_writer(target: Path) -> Generator[Callable[[Any], None], None, None]:
    arrow: Any = importlib.import_module("pyarrow")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    writers: list[Any] = []

    def append(frame: Any) -> None:
        known = writers[0].schema if writers else None
        table = arrow.Table.from_pandas(frame, schema=known, preserve_index=False)
        if not writers:
            writers.append(parquet.ParquetWriter(target, _open_schema(arrow, table.schema)))
            table = table.cast(writers[0].schema)
        writers[0].write_table(table)

    try:
        yield append
    finally:
        for writer in writers:
            writer.close()


def _open_schema(arrow: Any, schema: Any) -> Any:
    """Columns that the first piece has no value of could be anything: they are text."""
    fields: Sequence[Any] = [
        arrow.field(one.name, arrow.string()) if arrow.types.is_null(one.type) else one
        for one in schema
    ]
    return arrow.schema(fields)
