"""Policies: what an installation decided, in files that people write and review. Pure.

A kind of policy has one file, named after it. What each kind says is read by the layer that goes by
it; `storage.policy_store` keeps every version that was ever applied.
"""

import datetime as dt
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from sweeps.errors import InvalidSweepFile, PermanentError
from sweeps.sweep_files.documents import refuse
from sweeps.sweep_files.reading import as_mapping
from sweeps.sweep_files.yaml_documents import read_yaml

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
_CONTEXT_LINES = 3

LONGEST_COMMENT = 1000  #: characters; every difference and history shows it
DEFAULT_VERSION = 0  #: of the file that ships with this version of the platform


class PolicyParser(Protocol[T_co]):
    """Reads the text of a policy file."""

    def __call__(self, text: str, *, source: str) -> T_co:
        """What it says. `InvalidSweepFile` with everything that is wrong."""
        ...


class PolicyHistory(Protocol[T]):
    """How versions of a kind follow one another whose values hold for a time that is over, too."""

    def follow(self, before: T, newer: T, *, at: dt.datetime) -> T:
        """What holds once a version is applied.

        Args:
            before: What holds until then, by all versions before it.
            newer: What the version says by itself.
            at: When it is applied.
        """
        ...

    def effects(self, before: T | None, newer: T, *, at: dt.datetime) -> list[str]:
        """What applying it changes, from when on, in sentences.

        Args:
            before, newer, at: Likewise; None: nobody has applied any, and the default ends for good.
        """
        ...


class PolicyReader(Protocol[T_co]):
    """Reads the text of a version that was applied, which was good then."""

    def __call__(self, text: str, *, source: str) -> tuple[T_co, tuple[str, ...]]:
        """What it says, and in sentences what is left out of that, as `AppliedPolicy.left_out`.

        `InvalidSweepFile` with everything that is wrong and cannot be left out.
        """
        ...


@dataclass(frozen=True, slots=True)
class PolicyKind(Generic[T_co]):
    """One kind of policy.

    Args:
        name: Stem of its file: ``quotas`` for ``quotas.yaml``.
        package: Where the default file ships: ``governance.policies`` or ``retention.policies``.
        parse: Reads a file.
        least: What a file says that decides nothing else, such as ``budgets: []``: an empty one may
            have been cut off, and is refused.
        history: How its versions follow one another; None: the newest one alone holds.
        reread: Reads what was applied, where this version of the platform refuses what an earlier
            one took; None: as a file.
    """

    name: str
    package: str
    parse: PolicyParser[T_co]
    least: str
    history: PolicyHistory[Any] | None = None
    reread: PolicyReader[T_co] | None = None

    @property
    def file_name(self) -> str:
        """``quotas.yaml``."""
        return f"{self.name}.yaml"

    def read_applied(self, text: str, *, source: str) -> tuple[T_co, tuple[str, ...]]:
        """What a version says that was applied, and what is left out of that.

        Raises:
            InvalidSweepFile: This version of the platform cannot go by it.
        """
        if self.reread is None:
            return self.parse(text, source=source), ()
        return self.reread(text, source=source)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedPolicy(Generic[T_co]):
    """A policy as it holds, or held once."""

    value: T_co
    text: str  #: of its file, comments included
    version: int  #: from 1; `DEFAULT_VERSION`: nobody has applied any
    applied_at: dt.datetime | None = None
    applied_by: str = ""
    comment: str = ""
    #: Of its text: what was good when it was applied and is not gone by any more, with the reason.
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """One line of a kind's history."""

    version: int
    applied_at: dt.datetime
    applied_by: str
    comment: str
    sha256: str  #: of the text, in hexadecimal


class PolicyChanged(PermanentError):
    """Somebody else applied another version in the meantime."""

    def __init__(self, kind: str, *, expected: int, found: int) -> None:
        super().__init__(
            f"policy {kind!r} is at version {found}, not at {expected} any more: "
            "look at the difference again"
        )
        self.kind = kind


class InvalidComment(PermanentError):
    """What nobody would read in a list of versions."""


def check_comment(comment: str) -> str:
    """`comment`, if it may be kept with a version. `InvalidComment`."""
    if len(comment) > LONGEST_COMMENT:
        raise InvalidComment(
            f"a comment has at most {LONGEST_COMMENT} characters, and this one has {len(comment)}: "
            "write the reasons into the file, as comments"
        )
    return comment


class UnknownPolicy(PermanentError):
    """No kind of policy, or no version of one."""


class ChangeKind(StrEnum):
    """What applying a file would do."""

    SAME = "same"
    NEW = "new"  #: replaces the default that ships, if only by the same text, as somebody's own
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """A file beside what holds now."""

    kind: PolicyKind[Any]
    source: str  #: where the file is
    before: AppliedPolicy[Any]
    text: str

    @property
    def change(self) -> ChangeKind:
        """What applying it would do."""
        if self.before.version == DEFAULT_VERSION:
            return ChangeKind.NEW
        return ChangeKind.SAME if self.text == self.before.text else ChangeKind.CHANGED

    def effects(self, *, at: dt.datetime) -> list[str]:
        """What applying it at a moment changes, from when on; nothing where the difference says so."""
        history = self.kind.history
        if history is None or self.change is ChangeKind.SAME:
            return []
        is_first = self.change is ChangeKind.NEW
        newer = self.kind.parse(self.text, source=self.source)
        return history.effects(None if is_first else self.before.value, newer, at=at)

    def diff(self) -> list[str]:
        """Lines of a unified difference, from what holds to the file."""
        before = f"{self.kind.name} (version {self.before.version})"
        if self.before.version == DEFAULT_VERSION:
            before = f"{self.kind.name} (default)"
        return list(
            difflib.unified_diff(
                self.before.text.splitlines(),
                self.text.splitlines(),
                fromfile=before,
                tofile=self.source,
                n=_CONTEXT_LINES,
                lineterm="",
            )
        )


def check_files(
    files: Mapping[str, str], *, kinds: Mapping[str, PolicyKind[Any]]
) -> dict[str, PolicyKind[Any]]:
    """Kinds of files, by path, when every one of them is good.

    Args:
        files: Text by path.
        kinds: By name.

    Raises:
        InvalidPolicies: Everything that is wrong in any of them.
    """
    wrong: list[InvalidSweepFile | UnknownPolicy] = []
    found: dict[str, PolicyKind[Any]] = {}
    for path, text in files.items():
        stem = path.replace("\\", "/").rpartition("/")[2].rpartition(".")[0]
        kind = kinds.get(stem)
        if kind is None:
            wrong.append(UnknownPolicy(f"{path}: {_no_kind(stem, sorted(kinds))}"))
            continue
        twin = next((other for other, known in found.items() if known is kind), None)
        if twin is not None:
            wrong.append(UnknownPolicy(f"{path}: {stem!r} is in {twin} already; keep one of them"))
            continue
        try:
            _check_says_something(text, source=path, kind=kind)
            kind.parse(text, source=path)
        except InvalidSweepFile as exc:
            wrong.append(exc)
        found[path] = kind
    if wrong:
        raise InvalidPolicies(wrong)
    return found


def _check_says_something(text: str, *, source: str, kind: PolicyKind[Any]) -> None:
    """Refuse what a file is that was cut off: it would undo all that holds.

    Only where files are read: a version that was applied before holds as it is.
    """
    value = read_yaml(text, source=source, what=f"file of the policy {kind.name}").value
    said = as_mapping(value)
    if value is None or (said is not None and all(item is None for item in said.values())):
        hint = f"if that is meant, write for example `{kind.least}`"
        refuse(source, f"it says nothing: applied, it would undo what {kind.name} says now", hint)


def require_kind(name: str, *, kinds: Mapping[str, PolicyKind[Any]]) -> PolicyKind[Any]:
    """The kind of that name. `UnknownPolicy`."""
    if name not in kinds:
        raise UnknownPolicy(_no_kind(name, sorted(kinds)))
    return kinds[name]


class InvalidPolicies(PermanentError):
    """Policy files with mistakes; none of them is applied."""

    def __init__(self, wrong: list[InvalidSweepFile | UnknownPolicy]) -> None:
        self.problems = tuple(
            problem
            for one in wrong
            if isinstance(one, InvalidSweepFile)
            for problem in one.problems
        )
        self.messages = tuple(line for one in wrong for line in str(one).splitlines())
        super().__init__("\n".join(self.messages))


def _no_kind(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known) or 'none'}"
    return f"{name!r} is no kind of policy; {hint}"
