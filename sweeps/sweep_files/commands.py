"""What a trial's process is started with: its command, its variables, its placeholders."""

import difflib
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.reading import Reader, as_list, as_mapping, shown

_LONGEST = 100_000  # Linux takes 128 KiB in one word, and bytes are more than characters
#: Of our own, those with which the author of a script says how its metrics are to be kept.
_OPEN = ("CHECKPOINTS", "DECISION_TIMEOUT", "FINISH_TIMEOUT", "FLUSH_SECONDS", "SPOOL_MEGABYTES",
         "SYSTEM_SECONDS", "PROVENANCE", "RECORD_ENV", "CACHE_DIR", "CACHE_BYTES")  # fmt: skip
_VARIABLE = rf"(?:SWEEPWORKS_(?:{'|'.join(_OPEN)})|(?!SWEEPWORKS_)[A-Za-z_][A-Za-z0-9_]*)"
_SCALAR = {"type": ["string", "number", "boolean"]}


@dataclass(frozen=True, slots=True)
class Command:
    """A program and its arguments."""

    def read(self, reader: Reader, path: Path, value: object) -> tuple[str, ...] | None:
        """The words as written; a string is split as a shell would, without running one."""
        hint = "write for example [python, train.py]"
        try:
            given = as_list(shlex.split(value) if isinstance(value, str) else value)
        except ValueError as exc:
            reader.problem(path, f"{shown(value)}: {str(exc).lower()}", hint)
            return None
        if not given:
            reader.problem(path, f"{shown(value)} is no command", hint)
            return None
        words: list[str] = []
        for index, item in enumerate(given):
            word = reader.spelled((*path, index), item)
            if word is None or len(word) > _LONGEST or (index == 0 and not word.strip()):
                reader.problem((*path, index), f"{shown(item)} is no word of a command", hint)
            else:
                words.append(word)
        return tuple(words) if len(words) == len(given) else None

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        words = {"type": "array", "minItems": 1, "items": _SCALAR}
        text = {"type": "string", "pattern": r"\S"}
        return {"anyOf": [text, words], "examples": [["python", "train.py"]]}


@dataclass(frozen=True, slots=True)
class Environment:
    """Variables for the trial's process."""

    def read(self, reader: Reader, path: Path, value: object) -> Mapping[str, str] | None:
        """The variables, values as written."""
        given = as_mapping(value)
        if given is None:
            hint = "write for example {OMP_NUM_THREADS: 1}"
            reader.problem(path, f"{shown(value)} is no mapping", hint)
            return None
        out: dict[str, str] = {}
        for name, item in given.items():
            at = (*path, name)
            text = reader.spelled(at, item)
            if not re.fullmatch(_VARIABLE, name):
                ours = ", ".join(f"SWEEPWORKS_{open_one}" for open_one in _OPEN)
                hint = f"use letters, digits and _; of those that begin with SWEEPWORKS_: {ours}"
                reader.problem(at, f"{shown(name)} cannot be set", hint)
            elif text is None or len(text) > _LONGEST:
                reader.problem(at, f"{shown(item)} is no text", "write a word or a number")
            else:
                out[name] = text
        return out

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {
            "type": "object",
            "propertyNames": {"pattern": f"^{_VARIABLE}$"},
            "additionalProperties": _SCALAR,
            "examples": [{"OMP_NUM_THREADS": "1"}],
        }


_GIVEN = ("run", "seed", "trial")  # placeholders that the platform fills in
_NAME = r"[A-Za-z_][A-Za-z0-9_.-]*"
_PLACEHOLDER = re.compile(rf"\{{\{{|\}}\}}|\{{({_NAME})\}}|\{{({_NAME})[:!][^{{}}]*\}}")


def check_placeholders(reader: Reader, words: Sequence[str], names: Collection[str]) -> None:
    """Note what looks like a parameter of a command and is none."""
    for index, word in enumerate(words):
        for match in _PLACEHOLDER.finditer(word):
            at: Path = ("trial", "command", index)
            plain, formatted = match[1], match[2]
            if formatted in names:  # anything else with a colon is JSON, or the script's own
                hint = f"write {{{formatted}}}, and format it in the script"
                reader.problem(at, f"{match[0]!r} is not filled in", hint)
            elif plain in _GIVEN and plain in names:
                hint = f"rename the parameter, or take it from SWEEPWORKS_PARAM_{plain.upper()}"
                reader.problem(at, f"{match[0]!r} is a parameter and also the trial's own", hint)
            elif plain is not None and plain not in names and plain not in _GIVEN:
                known, braces = [*names, *_GIVEN], f"{{{{{plain}}}}}"
                close = difflib.get_close_matches(plain, known, n=1)
                hint = (
                    f"did you mean {{{close[0]}}}, or {braces} for braces?"
                    if close
                    else f"known: {', '.join(known[:20])}; write {braces} for braces"
                )
                reader.problem(at, f"{match[0]!r} names no parameter", hint)
