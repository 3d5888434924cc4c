"""Datasets: immutable versions called ``name@number``, what is in them, and where they came from.

Pure: files are read, and rows are written, in `storage.datasets`.
"""

import datetime as dt
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Protocol

from sweeps.data_profiles import Profile
from sweeps.errors import PermanentError
from sweeps.ids import TenantId

NAME = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"  #: so that its variable's name is its own, too
REFERENCE = rf"{NAME}(?:@(?:latest|[1-9][0-9]{{0,8}}))?"
_REFERENCE = re.compile(rf"(?P<name>{NAME})(?:@(?P<version>latest|[1-9][0-9]{{0,8}}))?")
_EXAMPLE = "write for example digits, digits@3 or digits@latest"


class InvalidDataset(PermanentError):
    """A name, a folder or a file that cannot be a dataset, with the reason."""


class DatasetNotFound(PermanentError):
    """No dataset, or no version, of that name for this tenant."""

    def __init__(self, reference: str, *, known: Sequence[str] = ()) -> None:
        self.reference = reference
        self.known = tuple(known)
        there = f"; there are {', '.join(known)}" if known else "; `sweepworks data list` shows all"
        super().__init__(f"there is no dataset {reference!r}{there}")


class DatasetRefused(PermanentError):
    """A version that no sweep may start on now, and what to do about it."""

    def __init__(self, version: str, reason: str, *, mend: str) -> None:
        self.version = version
        self.reason = reason
        super().__init__(f"dataset {version}: {reason}; {mend}")


class DatasetVariant(StrEnum):
    """What a version is, beside the data that was collected."""

    ORIGINAL = "original"
    DERIVED = "derived"  #: made from its parents by the steps that it names
    MINIMISED = "minimised"  #: the same with less that could tell of persons
    SYNTHETIC = "synthetic"  #: made up, after its parents


class DatasetKind(StrEnum):
    """What was registered."""

    FILES = "files"
    TABLE = "table"  #: the rows of a query, kept as a file


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetReference:
    """How a person names a version."""

    name: str
    number: int | None  #: None: the newest

    @classmethod
    def parse(cls, text: str) -> "DatasetReference":
        """The reference that `text` is: ``name``, ``name@3`` or ``name@latest``.

        Raises:
            InvalidDataset: It is none.
        """
        match = _REFERENCE.fullmatch(text)
        if match is None:
            raise InvalidDataset(f"{text[:80]!r} names no dataset; {_EXAMPLE}")
        version = match["version"]
        number = None if version in {None, "latest"} else int(version)
        return cls(name=match["name"], number=number)

    def __str__(self) -> str:
        return self.name if self.number is None else f"{self.name}@{self.number}"


def check_dataset_name(name: str) -> str:
    """`name`, if a dataset can be called so.

    Raises:
        InvalidDataset: It cannot.
    """
    if re.fullmatch(NAME, name) is None:
        raise InvalidDataset(
            f"{name[:80]!r} cannot be the name of a dataset: at most 63 lower-case letters, digits "
            "and dashes, none at an end"
        )
    return name


def variable_of(name: str) -> str:
    """The variable that tells a trial where the dataset is."""
    return f"SWEEPWORKS_DATA_{name.upper().replace('-', '_')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file of a version."""

    path: str  #: relative, with ``/``
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """When a file was written, and which one it is: what changes when its content does."""

    mtime_ns: int
    inode: int


def is_single_file(files: Sequence[FileEntry], location: str) -> bool:
    """Whether a version is a single file, and no folder with one in it."""
    return len(files) == 1 and files[0].path == PurePosixPath(location).name


def content_hash(files: Sequence[FileEntry]) -> bytes:
    """sha256 of the manifest: the same for the same files, wherever they are and in any order."""
    rows = sorted((file.path, file.size_bytes, file.sha256) for file in files)
    return hashlib.sha256(json.dumps(rows, separators=(",", ":")).encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class PreprocessingStep:
    """One thing that was done to make a version."""

    name: str
    options: Mapping[str, Any]
    code: Mapping[str, Any] | None  #: commit, branch, remote and whether it was dirty

    def as_document(self) -> dict[str, Any]:
        """As it is stored."""
        return {"name": self.name, "options": dict(self.options), "code": self.code}


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionDraft:
    """A version about to be written down."""

    name: str
    owner: str
    purpose: str
    created_by: str
    kind: DatasetKind
    location: str
    files: tuple[FileEntry, ...]
    profile: Profile
    states: Mapping[str, FileState] = field(default_factory=dict[str, FileState])
    source: Mapping[str, str] | None = None  #: of a table: its query, and the variable of its URL
    variant: DatasetVariant = DatasetVariant.ORIGINAL
    parents: tuple[DatasetReference, ...] = ()
    preprocessing: tuple[PreprocessingStep, ...] = ()
    column_lineage: Mapping[str, tuple[str, ...]] | None = None

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedDataset:
    """A version that a sweep, or a run, has to do with."""

    dataset_id: int
    name: str
    number: int
    location: str  #: where its files were found last

    def __str__(self) -> str:
        return f"{self.name}@{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRow:
    """A line of a list of versions."""

    tenant_id: TenantId
    name: str
    number: int
    owner: str
    purpose: str
    variant: str
    kind: str
    content_hash: str  #: hexadecimal
    location: str
    file_count: int
    size_bytes: int
    row_count: int | None
    has_passed: bool | None  #: whether its newest look found nothing that blocks; None: no look
    created_by: str
    created_at: dt.datetime
    is_stored: bool  #: whether the artifact store has its files, too

    @property
    def version(self) -> str:
        """``name@number``."""
        return f"{self.name}@{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetVersion:
    """One version with all there is about it."""

    dataset_id: int
    row: DatasetRow
    files: tuple[FileEntry, ...]
    source: Mapping[str, str] | None
    profile: Profile
    preprocessing: tuple[Mapping[str, Any], ...]
    column_lineage: Mapping[str, tuple[str, ...]]
    parents: tuple[str, ...]  #: ``name@number``
    #: By path, of the files in its location, when they were hashed there; empty: not noted.
    states: Mapping[str, FileState] = field(default_factory=dict[str, FileState])

    def __str__(self) -> str:
        return self.row.version

    def pinned(self) -> PinnedDataset:
        """The same for who only wants to use it."""
        return PinnedDataset(
            dataset_id=self.dataset_id,
            name=self.row.name,
            number=self.row.number,
            location=self.row.location,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What became of one expectation."""

    expectation: str  #: its type, and the column
    is_blocking: bool
    has_passed: bool
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All expectations of a version, looked at once."""

    suite: str
    suite_digest: str  #: hexadecimal; empty where there was no suite
    results: tuple[CheckResult, ...]
    checked_at: dt.datetime | None = None  #: None: not written down yet

    @property
    def blocking(self) -> tuple[CheckResult, ...]:
        """What has failed and keeps sweeps from starting."""
        return tuple(r for r in self.results if r.is_blocking and not r.has_passed)


class DatasetLog(Protocol):
    """Versions as they are written down.

    Every method raises `StorageUnavailable` when the database does not answer.
    """

    def all_versions(self) -> list[DatasetRow]:
        """Every version of every tenant, oldest first."""
        ...

    def get(self, reference: DatasetReference, *, tenant_id: TenantId) -> DatasetVersion:
        """One version. `DatasetNotFound`."""
        ...

    def before(self, version: DatasetVersion) -> DatasetVersion | None:
        """The version before that one; None of the first."""
        ...


class DatasetInspector(Protocol):
    """Looks at data: whether it is what was registered, and what is expected of it."""

    def look(self, version: DatasetVersion) -> Look:
        """Check a version against its suite, and write down what was found.

        `InvalidSweepFile` for a suite that makes no sense, `DatasetRefused` for data that is gone.
        """
        ...
