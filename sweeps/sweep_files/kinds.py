"""Kinds of values: each reads one from a document and says what it is in JSON Schema."""

import datetime as dt
import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sweeps.sweep_files.reading import Reader, as_list, as_mapping, shown
from sweeps.sweep_files.yaml_documents import Path


class Kind(Protocol):
    """What a value must be. `read` returns None after noting a problem."""

    def read(self, reader: Reader, path: Path, value: object) -> Any:
        """The value, checked and converted."""
        ...

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A string that says something."""

    example: str
    longest: int = 2000
    pattern: str | None = None

    def read(self, reader: Reader, path: Path, value: object) -> str | None:
        """The string without surrounding blanks."""
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = str(value)  # a title such as 2024 is text to its author
        if not isinstance(value, str) or not value.strip():
            reader.problem(
                path, f"{shown(value)} is no text", f"write for example {self.example!r}"
            )
            return None
        text = value.strip()
        if len(text) > self.longest:
            reader.problem(
                path, f"{len(text)} characters are too many", f"at most {self.longest} fit"
            )
            return None
        if self.pattern is not None and not re.fullmatch(self.pattern, text):
            reader.problem(
                path,
                f"{shown(value)} has characters that cannot be",
                f"write for example {self.example!r}",
            )
            return None
        return text

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        out: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": self.longest}
        if self.pattern is not None:
            out["pattern"] = f"^(?:{self.pattern})$"
        return {**out, "examples": [self.example]}


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number in a range."""

    low: int
    high: int = 2**53

    def read(self, reader: Reader, path: Path, value: object) -> int | None:
        """The number; `4.0` counts as whole."""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            reader.problem(path, f"{shown(value)} is no whole number", f"write {self._range()}")
            return None
        if not self.low <= value <= self.high:
            reader.problem(path, f"{value} is out of range", f"write {self._range()}")
            return None
        return value

    def _range(self) -> str:
        return (
            f"{self.low} or more"
            if self.high == 2**53
            else f"a number from {self.low} to {self.high}"
        )

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class Boolean:
    """True or false."""

    def read(self, reader: Reader, path: Path, value: object) -> bool | None:
        """The value."""
        if not isinstance(value, bool):
            reader.problem(path, f"{shown(value)} is neither true nor false", "write true or false")
            return None
        return value

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a few words; `later` ones are known but not supported yet."""

    words: tuple[str, ...]
    later: tuple[str, ...] = ()

    def read(self, reader: Reader, path: Path, value: object) -> str | None:
        """The word."""
        if value in self.words:
            return str(value)
        choice = f"write one of {', '.join(self.words)}"
        if value in self.later:
            reader.problem(path, f"{value!r} is not supported by this version yet", choice)
        else:
            reader.problem(path, f"{shown(value)} is not known here", choice)
        return None

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {"enum": list(self.words)}


_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")
_DURATION_HINT = "write for example 30m, 1h30m, 90s or 2d"


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time: `1h30m`, or a number of seconds."""

    def read(self, reader: Reader, path: Path, value: object) -> dt.timedelta | None:
        """The length, more than nothing and at most ten years."""
        seconds: float | None = None
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            seconds = float(value)
        elif isinstance(value, str) and value.strip() and (m := _DURATION.fullmatch(value.strip())):
            days, hours, minutes, rest = (float(part or 0) for part in m.groups())
            seconds = days * 86400 + hours * 3600 + minutes * 60 + rest
        if seconds is None or not 0 < seconds <= 3650 * 86400:
            reader.problem(path, f"{shown(value)} is no length of time", _DURATION_HINT)
            return None
        return dt.timedelta(seconds=seconds)

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        pattern = r"^(?=.)(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+(?:\.\d+)?s)?$"
        return {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": pattern},
            ],
            "examples": ["30m", "90s"],
        }


_UNITS = {
    "": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes, or a Kubernetes quantity such as `512Mi`."""

    def read(self, reader: Reader, path: Path, value: object) -> int | None:
        """Bytes."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kKMGT]i?|)", str(value).strip())
        if isinstance(value, bool) or match is None or match[2] not in _UNITS:
            reader.problem(path, f"{shown(value)} is no size", "write for example 512Mi or 2Gi")
            return None
        return round(float(match[1]) * _UNITS[match[2]])

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": r"^\d+(?:\.\d+)?\s*(?:[kKMGT]|[KMGT]i)?$"},
            ],
            "examples": ["2Gi"],
        }


@dataclass(frozen=True, slots=True)
class Cpu:
    """Cores, or a Kubernetes quantity such as `500m`."""

    def read(self, reader: Reader, path: Path, value: object) -> float | None:
        """Cores."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)(m?)", str(value).strip())
        cores = float(match[1]) / (1000 if match[2] else 1) if match else 0.0
        if isinstance(value, bool) or not 0 < cores <= 10_000:
            reader.problem(path, f"{shown(value)} is no number of cores", "write 1, 0.5 or 500m")
            return None
        return cores

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": r"^\d+(?:\.\d+)?m?$"},
            ],
            "examples": [1, "500m"],
        }


@dataclass(frozen=True, slots=True)
class Command:
    """A program and its arguments."""

    def read(self, reader: Reader, path: Path, value: object) -> tuple[str, ...] | None:
        """The words; a string is split as a shell would, without running one."""
        hint = "write for example [python, train.py]"
        try:
            given = as_list(shlex.split(value) if isinstance(value, str) else value)
        except ValueError as exc:
            reader.problem(path, f"{shown(value)}: {exc}", hint)
            return None
        if not given:
            reader.problem(path, f"{shown(value)} is no command", hint)
            return None
        words: list[str] = []
        for index, word in enumerate(given):
            if (
                isinstance(word, bool)
                or not isinstance(word, (str, int, float))
                or "\0" in str(word)
            ):
                reader.problem((*path, index), f"{shown(word)} is no word of a command", hint)
                return None
            words.append(str(word))
        if not words[0].strip():
            reader.problem(path, "the program's name is empty", hint)
            return None
        return tuple(words)

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "minItems": 1, "items": {"type": ["string", "number"]}},
            ],
            "examples": [["python", "train.py"]],
        }


_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Environment:
    """Variables for the trial's process."""

    def read(self, reader: Reader, path: Path, value: object) -> Mapping[str, str] | None:
        """The variables, values as text."""
        given = as_mapping(value)
        if given is None:
            reader.problem(
                path, f"{shown(value)} is no mapping", "write for example {OMP_NUM_THREADS: 1}"
            )
            return None
        out: dict[str, str] = {}
        for name, text in given.items():
            at = (*path, name)
            if not _VARIABLE.fullmatch(name) or name.startswith("SWEEPWORKS_"):
                reader.problem(
                    at, f"{name!r} cannot be set", "use letters, digits and _; SWEEPWORKS_ is ours"
                )
            elif not isinstance(text, (str, int, float, bool)) or "\0" in str(text):
                reader.problem(at, f"{shown(text)} is no text", "write a word or a number")
            else:
                out[name] = str(text).lower() if isinstance(text, bool) else str(text)
        return out

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {
            "type": "object",
            "propertyNames": {"pattern": r"^(?!SWEEPWORKS_)[A-Za-z_][A-Za-z0-9_]*$"},
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        }


def is_finite_number(value: object) -> bool:
    """Whether `value` is a number that one can calculate with."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
