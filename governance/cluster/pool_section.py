"""The list `pools` of the installation: what storage pools there are."""

import re
import zoneinfo
from dataclasses import dataclass
from typing import Any

from governance.cluster.kinds import LABEL, LABEL_VALUE, MappingOf
from governance.cluster.pools import WEEKDAYS, Peak, StoragePool
from governance.name_patterns import InvalidPattern, NamePattern
from sweeps.specs import VolumeMount
from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.kinds import SLUG, Integer, Text
from sweeps.sweep_files.pod_section import VOLUME
from sweeps.sweep_files.reading import Reader, shown
from sweeps.sweep_files.sections import Field, Section, Several

_MOST_POOLS = 50
_MOST_OUTSIDE = 10**6
_DAY = f"(?:{'|'.join(WEEKDAYS)})"
_DAYS = rf"{_DAY}(?:-{_DAY})?(?:,{_DAY}(?:-{_DAY})?)*"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_HOURS = rf"{_CLOCK}-(?:{_CLOCK}|24:00)"
#: A star behind a letter says nothing that anybody means, and everything in a shell.
_SHELL_STAR = re.compile(r"(?<!\\)[a-z0-9-]\*")
NAME = Text("ssd-west", 50, SLUG)


@dataclass(frozen=True, slots=True)
class _Datasets:
    """A pattern that names of datasets fit as a whole."""

    def read(self, reader: Reader, path: Path, value: object) -> NamePattern | None:
        text = Text("laion-.*", 500, is_one_line=True).read(reader, path, value)
        if text is None:
            return None
        if _SHELL_STAR.search(text):
            message = (
                f"{shown(text)} is a regular expression, in which a star repeats what is before it"
            )
            reader.problem(path, message, f"write {_SHELL_STAR.sub(_with_dot, text)!r}")
            return None
        try:
            return NamePattern(text)
        except InvalidPattern as exc:
            message = f"{shown(text)} is no pattern that names can be held to: {exc}"
            reader.problem(path, message, "write for example 'laion-.*'")
            return None

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "examples": ["imagenet", "laion-.*"]}


@dataclass(frozen=True, slots=True)
class _Volume:
    """A claim and where it is mounted; never to be written."""

    def read(self, reader: Reader, path: Path, value: object) -> VolumeMount | None:
        text = Text("imagenet:/data/imagenet", 600, VOLUME).read(reader, path, value)
        if text is None:
            return None
        match = re.fullmatch(VOLUME, text)
        assert match is not None  # its kind has looked
        return VolumeMount(claim=match["claim"], path=match["path"], is_read_only=True)

    def schema(self) -> dict[str, Any]:
        return Text("imagenet:/data/imagenet", 600, VOLUME).schema()


@dataclass(frozen=True, slots=True)
class _Zone:
    """A time zone."""

    def read(self, reader: Reader, path: Path, value: object) -> str | None:
        try:
            return zoneinfo.ZoneInfo(value if isinstance(value, str) else "").key
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # a folder of zones, too
            reader.problem(
                path, f"{shown(value)} is no time zone", "write for example Europe/Zurich"
            )
            return None

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "examples": ["Europe/Zurich", "UTC"]}


_PEAK = Section(
    doc="When reading from afar is held back.",
    fields={
        "days": Field(kind=Text("mon-fri", 100, _DAYS), doc="On which days.", default="mon-sun"),
        "hours": Field(
            kind=Text("08:00-18:00", 11, _HOURS), doc="From when to when; over midnight, too."
        ),
        "zone": Field(kind=_Zone(), doc="By the clock of which time zone.", default="UTC"),
        "max_outside": Field(
            kind=Integer(0, _MOST_OUTSIDE),
            doc="Live attempts that may have been launched without having to be near.",
            default=0,
        ),
    },
)


@dataclass(frozen=True, slots=True)
class _Peak:
    def read(self, reader: Reader, path: Path, value: object) -> Peak | None:
        read = _PEAK.read(reader, path, value)
        if read is None or reader.is_noted_within(path):
            return None
        begins, ends = (_minutes(clock) for clock in read["hours"].split("-"))
        if begins == ends:
            message = f"{read['hours']} is no time at all, or all day"
            reader.problem((*path, "hours"), message, "write 00:00-24:00 for all day")
            return None
        return Peak(
            days=_weekdays(read["days"]),
            begins=begins,
            ends=ends,
            zone=read["zone"],
            max_outside=read["max_outside"],
        )

    def schema(self) -> dict[str, Any]:
        return _PEAK.schema()


_POOL = Section(
    doc="A place of data, and the nodes near it.",
    fields={
        "nodes": Field(
            kind=MappingOf(
                Text("topology.kubernetes.io/zone", 317, LABEL),
                Text("west-1a", 63, LABEL_VALUE),
                "{topology.kubernetes.io/zone: west-1a}",
                most=8,
            ),
            doc="Labels of the nodes near it.",
            example="{topology.kubernetes.io/zone: west-1a}",
        ),
        "datasets": Field(
            kind=Several(_Datasets(), ["imagenet", "laion-.*"]),
            doc="Regular expressions: names of datasets that it has.",
        ),
        "volume": Field(
            kind=_Volume(),
            doc="Claim of each tenant's namespace that has them, and where it is mounted, read-only.",
            default=None,
        ),
        "peak": Field(kind=_Peak(), doc=_PEAK.doc, default=None),
    },
)


@dataclass(frozen=True, slots=True)
class _Pool:
    """A pool; its name is the key that it is at."""

    def read(self, reader: Reader, path: Path, value: object) -> StoragePool | None:
        read = _POOL.read(reader, path, value)
        if read is None or reader.is_noted_within(path):
            return None
        for key, what in (("nodes", "label"), ("datasets", "dataset")):
            if not read[key]:
                message = f"without any {what} it is no pool"
                reader.problem((*path, key), message, f"write for example {_EXAMPLES[key]}")
        if reader.is_noted_within(path):
            return None
        return StoragePool(
            name=str(path[-1]),
            nodes=read["nodes"],
            datasets=read["datasets"],
            volume=read["volume"],
            peak=read["peak"],
        )

    def schema(self) -> dict[str, Any]:
        return _POOL.schema()


_EXAMPLES = {
    "nodes": "{topology.kubernetes.io/zone: west-1a}",
    "datasets": "[imagenet, 'laion-.*']",
}
POOLS = Field(
    kind=MappingOf(
        NAME,
        _Pool(),
        "{ssd-west: {nodes: {topology.kubernetes.io/zone: west-1a}, datasets: [imagenet]}}",
        most=_MOST_POOLS,
    ),
    doc="Storage pools: where data are, and the nodes near them.",
    default={},
)


def _with_dot(star: re.Match[str]) -> str:
    return f"{star[0][0]}.*"


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return 60 * int(hours) + int(minutes)


def _weekdays(text: str) -> tuple[int, ...]:
    """``mon-wed,sat`` as numbers; ``sat-mon`` goes over the end of the week."""
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        begin = WEEKDAYS.index(first)
        length = (WEEKDAYS.index(last or first) - begin) % len(WEEKDAYS)
        days |= {(begin + step) % len(WEEKDAYS) for step in range(length + 1)}
    return tuple(sorted(days))
