"""From files to a draft of a version: found, hashed, summed up, and the same at the end as before."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from sweepworks.provenance.code import code_state

from storage.datasets.manifests import FoundFile, find_files, hash_files
from storage.datasets.profiling import profile_files
from sweeps.datasets import InvalidDataset, PreprocessingStep, VersionDraft


class Watch(Protocol):
    """Who is told how far it is."""

    def begin(self, what: str, n_bytes: int) -> None:
        """Something begins that goes through so many bytes."""
        ...

    def advance(self, n_bytes: int) -> None:
        """So many more are done."""
        ...


def with_files(draft: VersionDraft, location: Path, *, watch: Watch, seed: int = 0) -> VersionDraft:
    """`draft` with the files at `location`, and what is in them.

    Raises:
        InvalidDataset: Something cannot be kept, or changes all the time; the sentence names it.
    """
    found = find_files(location)
    n_bytes = sum(file.size_bytes for file in found)
    watch.begin("hashing", n_bytes)
    hashed = hash_files(found, progress=watch.advance)
    watch.begin("summing up", n_bytes)
    profile = profile_files(_watched(hashed.files, watch.advance), seed=seed)
    hashed.require_unchanged()
    try:
        place = str(location.resolve(strict=True))
        place.encode()
    except (OSError, UnicodeEncodeError) as exc:
        raise InvalidDataset(f"{str(location)!r} cannot be written down as a place") from exc
    return dataclasses.replace(
        draft, location=place, files=hashed.entries, profile=profile, states=hashed.states()
    )


def with_code(
    steps: Iterable[tuple[str, Mapping[str, Any]]], *, folder: Path
) -> tuple[PreprocessingStep, ...]:
    """Steps with the commit of the code in `folder` that they ran from."""
    steps = list(steps)
    if not steps:
        return ()
    code = code_state(folder)
    document = {
        "commit": code.commit,
        "branch": code.branch,
        "remote": code.remote,
        "is_dirty": code.is_dirty,
        "folder": str(code.root),
    }
    return tuple(
        PreprocessingStep(name=name, options=options, code=document) for name, options in steps
    )


def _watched(files: Iterable[FoundFile], advance: Callable[[int], None]) -> Iterable[FoundFile]:
    for file in files:
        yield file
        advance(file.size_bytes)
