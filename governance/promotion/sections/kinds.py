"""Kinds of values that only this policy has. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweeps.datasets import REFERENCE, DatasetReference, InvalidDataset
from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.kinds import Integer, Number, Text
from sweeps.sweep_files.reading import Reader, as_mapping, shown
from sweeps.sweep_files.sections import Section, Several

_LEAST_SEEDS = 2


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


@dataclass(frozen=True, slots=True)
class Share:
    """A number from `low` to 1, which it is not itself."""

    what: str
    low: float
    example: float

    def read(self, reader: Reader, path: Path, value: object) -> float | None:
        """The number."""
        number = Number(is_whole=False, example=self.example).read(reader, path, value)
        if number is not None and not self.low <= number < 1:
            hint = f"write a number from {self.low:g} to 1, such as {self.example}"
            reader.problem(path, f"{shown(value)} is no {self.what}", hint)
            return None
        return number

    def schema(self) -> dict[str, Any]:
        """For editors."""
        bounds = {"minimum": self.low, "exclusiveMaximum": 1}
        return {"type": "number", **bounds, "examples": [self.example]}


@dataclass(frozen=True, slots=True)
class Seeds:
    """Whole numbers, each once: the same seed twice would count one run twice; one alone may be lucky."""

    most: int

    def read(self, reader: Reader, path: Path, value: object) -> tuple[int, ...] | None:
        """The seeds, two at least."""
        seeds = self._numbers().read(reader, path, value)
        if seeds is not None and (not seeds or len(set(seeds)) != len(seeds)):
            message = f"{shown(list(seeds))} are not seeds, each once"
            reader.problem(path, message, "write [1, 2, 3]")
            return None
        if seeds is not None and len(seeds) < _LEAST_SEEDS:
            message = f"{shown(list(seeds))} is one seed, whose luck would decide"
            reader.problem(path, message, "write two at least, such as [1, 2, 3]; each is a run")
            return None
        return seeds

    def schema(self) -> dict[str, Any]:
        """For editors."""
        return {**self._numbers().schema(), "minItems": _LEAST_SEEDS, "uniqueItems": True}

    def _numbers(self) -> Several:
        return Several(Integer(0, 2**31 - 1), [1, 2, 3], self.most)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder by its absolute path, which is the same one for everybody."""

    text: Text

    def read(self, reader: Reader, path: Path, value: object) -> str | None:
        """The path."""
        text = self.text.read(reader, path, value)
        if text is not None and not text.startswith("/"):
            message = f"{shown(text)} is another folder wherever it is read"
            reader.problem(path, message, "write an absolute path")
            return None
        return text

    def schema(self) -> dict[str, Any]:
        """For editors."""
        return {**self.text.schema(), "pattern": "^/"}


@dataclass(frozen=True, slots=True)
class OneBound:
    """A section with either ``at_least`` or ``at_most``."""

    section: Section

    def read(self, reader: Reader, path: Path, value: object) -> dict[str, Any] | None:
        """What the section reads."""
        read = self.section.read(reader, path, value)
        if read is None or any(reader.is_noted((*path, key)) for key in ("at_least", "at_most")):
            return read
        if (read["at_least"] is None) == (read["at_most"] is None):
            named = "it" if read["metric"] is None else repr(read["metric"])
            hint = "write at_least: or at_most:, and not both"
            reader.problem(path, f"{named} needs one bound", hint)
        return read

    def schema(self) -> dict[str, Any]:
        """For editors."""
        return self.section.schema()


@dataclass(frozen=True, slots=True)
class EnoughPeople:
    """A section with ``count``, and with those ``by`` whom approvals may be given."""

    section: Section

    def read(self, reader: Reader, path: Path, value: object) -> dict[str, Any] | None:
        """What the section reads."""
        read = self.section.read(reader, path, value)
        if read is None or not read["count"] or not read["by"]:
            return read
        if read["count"] > len(set(read["by"])):
            message = f"{read['count']} approvals are more than the people who may give one"
            reader.problem((*path, "count"), message, "name more people in by")
        return read

    def schema(self) -> dict[str, Any]:
        """For editors."""
        return self.section.schema()
