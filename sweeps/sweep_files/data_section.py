"""Datasets that trials use: ``[digits, iris@2]``."""

from dataclasses import dataclass
from typing import Any

from sweeps.datasets import REFERENCE, DatasetReference, InvalidDataset
from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.reading import Reader, as_list, shown

_MOST = 50
_EXAMPLE = ["digits", "iris@2"]


@dataclass(frozen=True, slots=True)
class Data:
    """References to versions, each dataset once."""

    def read(self, reader: Reader, path: Path, value: object) -> tuple[str, ...] | None:
        """The references in their order."""
        hint = "write for example [digits, iris@2]"
        given = as_list(value)
        if given is None:
            reader.problem(path, f"{shown(value)} is no list of datasets", hint)
            return None
        if len(given) > _MOST:
            reader.problem(path, f"{len(given)} are too many", f"at most {_MOST} fit")
            return None
        read: dict[str, str] = {}
        for index, item in enumerate(given):
            at = (*path, index)
            try:
                reference = DatasetReference.parse(item if isinstance(item, str) else "")
            except InvalidDataset:
                reader.problem(
                    at, f"{shown(item)} names no dataset", f"{hint}; names are lower-case"
                )
                continue
            if reference.name in read:
                message = f"{reference.name!r} appears twice"
                reader.problem(
                    at, message, "keep one of them: a trial has one version of a dataset"
                )
            read[reference.name] = str(item)
        return tuple(read.values()) if len(read) == len(given) else None

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        items = {"type": "string", "pattern": f"^(?:{REFERENCE})$"}
        return {"type": "array", "maxItems": _MOST, "items": items, "examples": [_EXAMPLE]}
