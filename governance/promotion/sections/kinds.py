"""Kinds of values that only this policy has. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweeps.datasets import REFERENCE, DatasetReference, InvalidDataset
from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.reading import Reader, as_mapping, shown


@dataclass(frozen=True, slots=True)
class Anything:
    """A mapping that is the serving side's business."""

    example: str

    def read(self, reader: Reader, path: Path, value: object) -> Mapping[str, object] | None:
        """The mapping as it is."""
        given = as_mapping(value)
        if given is None:
            reader.problem(
                path, f"{shown(value)} is no mapping", f"write for example {self.example}"
            )
        return given

    def schema(self) -> dict[str, Any]:
        """For editors."""
        return {"type": "object", "examples": [self.example]}


@dataclass(frozen=True, slots=True)
class Version:
    """A dataset with the number of its version: a holdout never changes by itself."""

    def read(self, reader: Reader, path: Path, value: object) -> DatasetReference | None:
        """Name and number; None after a problem was noted."""
        hint = "write for example digits-holdout@1"
        try:
            reference = DatasetReference.parse(value if isinstance(value, str) else "")
        except InvalidDataset:
            reader.problem(path, f"{shown(value)} names no dataset", hint)
            return None
        if reference.number is None:
            reader.problem(path, f"{shown(value)} has no number", hint)
            return None
        return reference

    def schema(self) -> dict[str, Any]:
        """For editors."""
        return {"type": "string", "pattern": f"^(?:{REFERENCE})$", "examples": ["holdout@1"]}
