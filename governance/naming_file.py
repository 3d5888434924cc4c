"""The file of the policy `naming`: how it is read. Pure."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance.name_patterns import InvalidPattern, NamePattern, UnmatchedPattern
from governance.naming import Form, NamingPolicy, NamingRules, RequiredTag, Tracker, names_tier
from sweeps.policies import PolicyKind
from sweeps.run_filters import Filter, InvalidFilter, parse_filter
from sweeps.sweep_files.documents import Path, check_storable
from sweeps.sweep_files.kinds import SLUG, Boolean, Integer, Text
from sweeps.sweep_files.reading import Reader, shown
from sweeps.sweep_files.sections import Field, Section, Several
from sweeps.sweep_files.yaml_documents import read_yaml
from sweeps.tags import LONGEST_NAME, InvalidTag, is_web_address, parse_tag

_LONGEST_PURPOSE = 2000  # as much as a sweep file may say


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A regular expression."""

    example: str

    def read(
        self, reader: Reader, path: Path, value: object
    ) -> NamePattern | UnmatchedPattern | None:
        text = Text(self.example, 500, is_one_line=True).read(reader, path, value)
        if text is None:
            return None
        try:
            return NamePattern(text)
        except InvalidPattern as exc:
            message = f"{shown(text)} is no pattern that names can be held to: {exc}"
            reader.leave_out(path, message, f"write for example {self.example!r}")
            return UnmatchedPattern(text=text, reason=str(exc))

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "examples": [self.example]}


@dataclass(frozen=True, slots=True)
class _Form:
    """A pattern with an example that fits it."""

    section: Section

    def read(self, reader: Reader, path: Path, value: object) -> Form | None:
        read = self.section.read(reader, path, value)
        if read is None or read["pattern"] is None or read["example"] is None:
            return None
        form = Form(pattern=read["pattern"], example=read["example"])
        if not form.fits(form.example):
            message = f"{form.example!r} does not fit the pattern"
            reader.problem((*path, "example"), message, "write one that does: people copy it")
        return form

    def schema(self) -> dict[str, Any]:
        return self.section.schema()


def _form(pattern: str, example: str) -> _Form:
    return _Form(
        Section(
            doc="A form, and an example of it.",
            fields={
                "pattern": Field(kind=_Pattern(pattern), doc="What all of it has to fit."),
                "example": Field(kind=Text(example, 200, is_one_line=True), doc="One that does."),
            },
        )
    )


@dataclass(frozen=True, slots=True)
class _TagName:
    """The name of a tag."""

    def read(self, reader: Reader, path: Path, value: object) -> str | None:
        text = Text("team", LONGEST_NAME, is_one_line=True).read(reader, path, value)
        if text is None:
            return None
        try:
            tag = parse_tag(text)
        except InvalidTag as exc:
            reader.problem(path, str(exc), "write for example team")
            return None
        if "=" in text:
            reader.problem(path, f"{text!r} has a value", "write the name; `values` says the rest")
            return None
        return tag.name

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "examples": ["team"]}


@dataclass(frozen=True, slots=True)
class _Condition:
    """What `list --where` takes, about metrics, parameters and fields."""

    def read(self, reader: Reader, path: Path, value: object) -> Filter | None:
        hint = "write for example recall >= 0.95 and latency_ms < 20"
        if not isinstance(value, str):
            reader.problem(path, f"{shown(value)} is no condition", hint)
            return None
        try:
            found = parse_filter(value)
        except InvalidFilter as exc:
            reader.problem(path, str(exc).splitlines()[0], hint)
            return None
        if names_tier(found):
            reader.problem(path, "a tier cannot be said by tiers", hint)
            return None
        return found

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "examples": ["recall >= 0.95"]}


@dataclass(frozen=True, slots=True)
class _Address:
    """The page of a task, with ``{id}`` where its id goes."""

    example = "https://tracker.example.org/browse/{id}"

    def read(self, reader: Reader, path: Path, value: object) -> str | None:
        text = Text(self.example, 500, is_one_line=True).read(reader, path, value)
        if text is None:
            return None
        # The id goes into the path: in the host it could lead anywhere.
        rest = text.partition("//")[2].partition("/")[2]
        if not is_web_address(text.replace("{id}", "1")) or rest.count("{id}") != text.count(
            "{id}"
        ):
            message = f"{shown(text)} is no address of the web with {{id}} in its path"
            reader.problem(path, message, f"write for example {self.example}")
            return None
        if not rest.count("{id}"):
            reader.problem(path, "{id} is nowhere in it", f"write for example {self.example}")
            return None
        return text

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "examples": [self.example]}


_PURPOSE = Section(
    doc="How much a purpose says.",
    fields={
        "min_length": Field(kind=Integer(0, _LONGEST_PURPOSE), doc="In characters.", default=0)
    },
)
_TAG = Section(
    doc="A tag that every sweep has.",
    fields={
        "name": Field(kind=_TagName(), doc="Its name."),
        "values": Field(
            kind=_form("vision|speech", "vision"), doc="What its value is.", default=None
        ),
    },
)
_TIER = Section(
    doc="A tier of runs.",
    fields={
        "name": Field(kind=Text("high_recall", 60, r"[A-Za-z0-9][A-Za-z0-9_-]*"), doc="Its name."),
        "when": Field(kind=_Condition(), doc="Which runs are in it."),
    },
)
_RULES: dict[str, Field] = {
    "experiment": Field(
        kind=_form("[a-z]+-[a-z0-9-]+", "vision-digits"),
        doc="How experiments are called.",
        default=None,
    ),
    "owner": Field(
        kind=_form(r"[a-z]+@example\.org", "ana@example.org"),
        doc="How owners are called.",
        default=None,
    ),
    "purpose": Field(kind=_PURPOSE, doc=_PURPOSE.doc, default=None),
    "expected_outcome": Field(
        kind=Boolean(), doc="Whether it has to be written down before.", default=None
    ),
    "tags": Field(
        kind=Several(_TAG, [{"name": "team"}]), doc="Tags that every sweep has.", default=None
    ),
    "link": Field(
        kind=_form("VIS-[0-9]+", "VIS-123"), doc="What at least one link is.", default=None
    ),
    "tiers": Field(
        kind=Several(_TIER, [{"name": "high_recall", "when": "recall >= 0.95"}], most=20),
        doc="Tiers that runs are in by their metrics.",
        default=None,
    ),
}
_DEFAULT = Section(doc="Rules of tenants that say nothing else.", fields=_RULES)
_TENANT = Section(
    doc="Rules of one tenant; a key that it leaves out is as in `default`.",
    fields={"name": Field(kind=Text("vision", 63, SLUG), doc="Its name."), **_RULES},
)
_TRACKER = Section(
    doc="Where task ids of a form lead to.",
    fields={
        "pattern": Field(kind=_Pattern("VIS-[0-9]+"), doc="The form."),
        "url": Field(kind=_Address(), doc="The page of a task."),
    },
)
_FILE = Section(
    doc="What sweeps are called, and what they say of themselves.",
    fields={
        "default": Field(kind=_DEFAULT, doc=_DEFAULT.doc, default={}),
        "tenants": Field(
            kind=Several(_TENANT, [{"name": "vision"}], most=1000),
            doc="Rules of tenants.",
            default=[],
        ),
        "trackers": Field(
            kind=Several(_TRACKER, [{"pattern": "VIS-[0-9]+", "url": _Address.example}]),
            doc="Where task ids lead to.",
            default=[],
        ),
    },
)


def parse_naming(text: str, *, source: str) -> NamingPolicy:
    """The rules that a file says.

    Raises:
        InvalidSweepFile: Everything that is wrong, each with its line.
    """
    return _read(text, source=source, is_applied=False)[0]


def reread_naming(text: str, *, source: str) -> tuple[NamingPolicy, tuple[str, ...]]:
    """The rules of a version that was applied, without patterns that cannot be matched.

    Raises:
        InvalidSweepFile: Something else of it cannot be read.
    """
    return _read(text, source=source, is_applied=True)


def _read(text: str, *, source: str, is_applied: bool) -> tuple[NamingPolicy, tuple[str, ...]]:
    document = read_yaml(text, source=source, what="file of the policy naming")
    check_storable(document, source=source)
    reader = Reader(document, is_applied=is_applied)
    read = _FILE.read(reader, (), {} if document.value is None else document.value) or {}
    _check_unique(reader, ("tenants",), read.get("tenants"))
    for index, tenant in enumerate(read.get("tenants") or ()):
        _check_lists(reader, ("tenants", index), tenant)
    _check_lists(reader, ("default",), read.get("default"))
    reader.raise_problems(source)
    default = _rules(NamingRules(), read["default"])
    policy = NamingPolicy(
        default=default,
        tenants={tenant["name"]: _rules(default, tenant) for tenant in read["tenants"]},
        trackers=tuple(
            Tracker(**tracker)
            for tracker in read["trackers"]
            if isinstance(tracker["pattern"], NamePattern)
        ),
    )
    return policy, tuple(reader.left_out)


def _check_lists(reader: Reader, path: Path, rules: Mapping[str, Any] | None) -> None:
    for key in ("tags", "tiers"):
        _check_unique(reader, (*path, key), (rules or {}).get(key))


def _check_unique(reader: Reader, path: Path, listed: Any) -> None:
    seen: set[str] = set()
    for index, one in enumerate(listed or ()):
        if one["name"] is None:
            continue  # it was noted
        if one["name"] in seen:
            reader.problem(
                (*path, index, "name"), f"{one['name']!r} appears twice", "keep one of them"
            )
        seen.add(one["name"])


def _rules(default: NamingRules, read: Mapping[str, Any]) -> NamingRules:
    changes: dict[str, Any] = {}
    for key in ("experiment", "owner", "link"):
        if read[key] is not None:
            changes[key] = read[key]
    if read["purpose"] is not None:
        changes["min_purpose"] = read["purpose"]["min_length"]
    if read["expected_outcome"] is not None:
        changes["needs_expected_outcome"] = read["expected_outcome"]
    if read["tags"] is not None:
        changes["tags"] = tuple(RequiredTag(**tag) for tag in read["tags"])
    if read["tiers"] is not None:
        changes["tiers"] = {tier["name"]: tier["when"] for tier in read["tiers"]}
    return dataclasses.replace(default, **changes)


NAMING: PolicyKind[NamingPolicy] = PolicyKind(
    "naming", "governance.policies", parse_naming, least="default: {}", reread=reread_naming
)
