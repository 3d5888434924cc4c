"""Sweeps that a sweep waits for: ``[digits-4f2kq7ab, {sweep: digits-9x7mw2cd, ended: any}]``."""

from dataclasses import dataclass
from typing import Any

from sweeps.ids import SweepId
from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.kinds import SLUG, OneOf, Text
from sweeps.sweep_files.reading import Reader, as_list, as_mapping, shown
from sweeps.sweep_files.sections import Field, Section
from sweeps.waits import Awaited, AwaitedEnd

_MOST = 100
_NAME = Text("digits-mlp-4f2kq7ab", 63, SLUG)
_EXAMPLE = ["digits-mlp-4f2kq7ab", {"sweep": "digits-mlp-9x7mw2cd", "ended": "any"}]

AWAITED = Section(
    doc="A sweep that is waited for.",
    fields={
        "sweep": Field(kind=_NAME, doc="Its name."),
        "ended": Field(
            kind=OneOf(tuple(end.value for end in AwaitedEnd)),
            doc="How it has to end: completed with a result, or in any way.",
            default=AwaitedEnd.SUCCEEDED.value,
        ),
    },
)


@dataclass(frozen=True, slots=True)
class After:
    """Names of sweeps, or mappings with how each has to end; each sweep once."""

    def read(self, reader: Reader, path: Path, value: object) -> tuple[Awaited, ...] | None:
        """What is waited for, in its order."""
        hint = "write for example [digits-mlp-4f2kq7ab]"
        given = as_list(value)
        if given is None:
            reader.problem(path, f"{shown(value)} is no list of sweeps", hint)
            return None
        if len(given) > _MOST:
            reader.problem(path, f"{len(given)} are too many", f"at most {_MOST} fit")
            return None
        read: dict[SweepId, Awaited] = {}
        for index, item in enumerate(given):
            awaited = self._awaited(reader, (*path, index), item)
            if awaited is None:
                continue
            if awaited.sweep_id in read:
                message = f"{awaited.sweep_id!r} appears twice"
                reader.problem((*path, index), message, "keep one of them")
            read[awaited.sweep_id] = awaited
        return tuple(read.values()) if len(read) == len(given) else None

    def _awaited(self, reader: Reader, path: Path, item: object) -> Awaited | None:
        if as_mapping(item) is None:
            name = _NAME.read(reader, path, item)
            return None if name is None else Awaited(sweep_id=SweepId(name))
        read = AWAITED.read(reader, path, item)
        if read is None or read["sweep"] is None or read["ended"] is None:
            return None
        return Awaited(sweep_id=SweepId(read["sweep"]), ended=AwaitedEnd(read["ended"]))

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {
            "type": "array",
            "maxItems": _MOST,
            "items": {"anyOf": [_NAME.schema(), AWAITED.schema()]},
            "examples": [_EXAMPLE],
        }
