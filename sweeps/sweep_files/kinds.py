"""Kinds of values: each reads one from a document and says what it is in JSON Schema."""

import re
import sys
from dataclasses import dataclass
from typing import Any, Protocol

from sweeps.spaces import Scalar
from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.reading import Reader, shown

MAX_EXACT = 2**53  #: up to here floats, JSON and JavaScript agree on whole numbers
SLUG = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"  #: a name that is also good in labels and folders

#: A reference as registries read it: name, and a tag or a digest or both.
IMAGE = r"[a-z0-9][a-zA-Z0-9._/:-]*(?:@sha256:[0-9a-f]{64})?"


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
    """A string that says something; with a `pattern`, a word of that form."""

    example: str
    longest: int = 2000
    pattern: str | None = None
    is_one_line: bool = False

    def read(self, reader: Reader, path: Path, value: object) -> str | None:
        """The string without surrounding blanks; a number, such as the title 2024, is one too."""
        hint = f"write for example {self.example!r}"
        text = None if isinstance(value, bool) else reader.spelled(path, value)
        if text is None or not text.strip():
            reader.problem(path, f"{shown(value)} is no text", hint)
            return None
        if self.pattern is not None and not re.fullmatch(self.pattern, text):
            reader.problem(path, f"{shown(value)} has characters that cannot be", hint)
            return None
        if len(text) > self.longest:
            message = f"{len(text)} characters are too many: {shown(value)}"
            reader.problem(path, message, f"at most {self.longest} fit")
            return None
        if self.is_one_line and re.search(r"[\x00-\x1f\x7f]", text.strip()):
            reader.problem(path, f"{shown(value)} is not a single line", hint)
            return None
        return text.strip()

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {
            "type": ["string", "number"],
            "pattern": r"\S" if self.pattern is None else f"^(?:{self.pattern})$",
            "maxLength": self.longest,
            "examples": [self.example],
        }


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number in a range."""

    low: int
    high: int = MAX_EXACT

    def read(self, reader: Reader, path: Path, value: object) -> int | None:
        """The number; `4.0` counts as whole."""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            reader.problem(path, f"{shown(value)} is no whole number", f"write {self._range()}")
            return None
        if not self.low <= value <= self.high:
            reader.problem(path, f"{shown(value)} is out of range", f"write {self._range()}")
            return None
        return value

    def _range(self) -> str:
        if self.low == self.high:
            return str(self.low)
        if self.high == MAX_EXACT:
            return f"{self.low} or more"
        return f"a number from {self.low} to {self.high}"

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class Number:
    """One end of a range."""

    is_whole: bool
    example: float

    def read(self, reader: Reader, path: Path, value: object) -> int | float | None:
        """The number, an int when it has to be whole."""
        largest = MAX_EXACT if self.is_whole else sys.float_info.max
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            reader.problem(
                path, f"{shown(value)} is no number", f"write for example {self.example}"
            )
            return None
        if not abs(value) <= largest:  # also false for what is no number
            reader.problem(
                path, f"{shown(value)} is out of range", f"at most {largest:g} either way"
            )
            return None
        if not self.is_whole:
            return float(value)
        if value != int(value):
            message = f"{shown(value)} is no whole number"
            reader.problem(path, message, f"write for example {self.example}, or use type: float")
            return None
        return int(value)

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        if self.is_whole:
            return {"type": "integer", "minimum": -MAX_EXACT, "maximum": MAX_EXACT}
        return {"type": "number", "examples": [self.example]}


@dataclass(frozen=True, slots=True)
class Boolean:
    """True or false."""

    def read(self, reader: Reader, path: Path, value: object) -> bool | None:
        """The value."""
        if isinstance(value, bool):
            return value
        reader.problem(path, f"{shown(value)} is neither true nor false", "write true or false")
        return None

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
        choice = (
            f"write {self.words[0]}"
            if len(self.words) == 1
            else f"write one of {', '.join(self.words)}"
        )
        if value in self.later:
            message = f"{value!r} is not supported by this version yet"
            reader.problem(path, message, f"remove it, or {choice}")
        else:
            reader.problem(path, f"{shown(value)} is not known here", choice)
        return None

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {"enum": list(self.words)}


# What survives JSON, `jsonb` and a command line unchanged: PostgreSQL writes 1e16 without exponent
# and point, and reads it back as a whole number.
_MAX_FLOAT = 1e15
_MAX_INT = 2**63 - 1
_MAX_TEXT = 2000


@dataclass(frozen=True, slots=True)
class SingleValue:
    """A word, a number, true or false."""

    def read(self, reader: Reader, path: Path, value: object) -> Scalar | None:
        """The value, of the type that YAML gives it."""
        if isinstance(value, str) and len(value) > _MAX_TEXT:
            reader.problem(
                path, f"{len(value)} characters are too many", f"at most {_MAX_TEXT} fit"
            )
            return None
        if isinstance(value, (bool, str)):
            return value
        if not isinstance(value, (int, float)):
            hint = "write a word, a number, true or false"
            reader.problem(path, f"{shown(value)} is no single value", hint)
            return None
        if not abs(value) <= (_MAX_INT if isinstance(value, int) else _MAX_FLOAT):
            reader.problem(path, f"{shown(value)} is out of range", "put it into quotes")
            return None
        return value + 0  # -0.0 becomes 0.0, which is what the database gives back

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {"type": ["string", "number", "boolean"], "maxLength": _MAX_TEXT}


#: A type of GPUs, as people call it.
GPU_TYPE = Text("a100", 100, pattern=r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]*[A-Za-z0-9])?")
