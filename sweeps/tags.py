"""What people say about runs, sweeps and experiments: tags, notes, links, and on what. Pure."""

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from urllib.parse import urlsplit

from sweeps.errors import PermanentError
from sweeps.ids import is_name, is_scratch_run

BASELINE = "baseline"  #: what others of its experiment are compared with; one run at a time
PRODUCTION_CANDIDATE = "production_candidate"  #: to be evaluated, and promoted if it passes
ABLATION_STUDY = "ablation_study"  #: leaves something out, to see what it is worth
TEST_RUN = "test_run"  #: shows that something works, and says nothing about the question
KEEPER = "keeper"  #: retention keeps its checkpoints and files
TIER_PREFIX = "tier."  #: ``tier.high_recall``: a tier that a person has given a run

MOST_TAGS = 100  #: of one subject, by people
LONGEST_NAME, LONGEST_VALUE = 64, 256
LONGEST_NOTE, LONGEST_TARGET = 10_000, 2_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_TASK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,80}[-#]\d{1,12}|#\d{1,12}")
_RUN = re.compile(r".+-\d{5,7}")  # a sweep's own name ends in eight characters


class InvalidTag(PermanentError):
    """A tag that cannot be, with what to write instead."""


class InvalidNote(PermanentError):
    """A note that says nothing, or too much."""


class InvalidLink(PermanentError):
    """A link that leads to nothing, or to what no browser should open."""


class SubjectNotFound(PermanentError):
    """Nothing of that name for this tenant."""

    def __init__(self, subject: "Subject") -> None:
        self.subject = subject
        meant, hint = str(subject.kind), ""
        if subject.is_guess:
            meant, hint = "run or sweep", "; an experiment is written as experiment:NAME"
        super().__init__(f"there is no {meant} {subject.name!r}{hint}")


class NothingTagged(PermanentError):
    """Several of those that were to be tagged together cannot be, so none is."""

    def __init__(self, problems: Sequence[PermanentError]) -> None:
        self.problems = tuple(problems)
        told = dict.fromkeys(map(str, problems))
        super().__init__(f"nothing was changed: {'; '.join(told)}")


class NoteNotFound(PermanentError):
    """No note of that number on it."""

    def __init__(self, subject: "Subject", note_id: int) -> None:
        self.subject, self.note_id = subject, note_id
        super().__init__(f"{subject.kind} {subject.name!r} has no note {note_id}")


class SubjectKind(StrEnum):
    """On what a tag, a note or a link can be."""

    RUN = "run"
    SWEEP = "sweep"
    EXPERIMENT = "experiment"


#: On what a known tag makes sense; others may be on anything.
KNOWN_TAGS: dict[str, tuple[SubjectKind, ...]] = {
    BASELINE: (SubjectKind.RUN,),
    PRODUCTION_CANDIDATE: (SubjectKind.RUN,),
    ABLATION_STUDY: tuple(SubjectKind),
    TEST_RUN: tuple(SubjectKind),
    KEEPER: tuple(SubjectKind),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """A run, a sweep or an experiment, by its name."""

    kind: SubjectKind
    name: str
    #: Whether nobody has said the kind, and the name does not tell it.
    is_guess: bool = field(default=False, compare=False, kw_only=True)

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Tag:
    """A name, and a value where the name alone does not say it all."""

    name: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.name}={self.value}" if self.value else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenTag:
    """A tag as it is on something."""

    name: str
    value: str
    set_by: str  #: empty: the run's own script
    set_at: dt.datetime | None  #: None: before this was noted


@dataclass(frozen=True, slots=True, kw_only=True)
class TagChange:
    """A tag that was set, changed or removed."""

    name: str
    value: str | None  #: None: it was removed
    before: str | None  #: None: there was none
    changed_by: str
    changed_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note as it reads now, or one version of it."""

    note_id: int
    version: int
    text: str  #: empty: it was taken back
    author: str
    written_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A task id or an address."""

    link_id: int
    target: str
    added_by: str
    added_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotations:
    """All that people say about something."""

    tags: Sequence[GivenTag]
    notes: Sequence[Note]
    links: Sequence[Link]


def parse_subject(text: str) -> Subject:
    """What a person means: with its kind before it, or a run or a sweep by the form of its name.

    Raises:
        SubjectNotFound: Nothing can be called that.
    """
    prefix, colon, name = text.partition(":")
    if colon and prefix in set(map(str, SubjectKind)):
        subject = Subject(SubjectKind(prefix), name)
    elif is_scratch_run(text) or _RUN.fullmatch(text):
        subject = Subject(SubjectKind.RUN, text)
    else:
        subject = Subject(SubjectKind.SWEEP, text, is_guess=True)
    if subject.kind is SubjectKind.EXPERIMENT:
        is_possible = bool(subject.name) and len(subject.name) <= 128 and "\x00" not in text
    else:
        is_possible = is_name(subject.name)
    if not is_possible:
        raise SubjectNotFound(replace(subject, name=subject.name[:80]))
    return subject


def parse_subjects(texts: Iterable[str]) -> list[Subject]:
    """The same of several, in order.

    Raises:
        SubjectNotFound: Nothing can be called what one of them is.
        NothingTagged: The same of several.
    """
    subjects: list[Subject] = []
    problems: list[PermanentError] = []
    for text in texts:
        try:
            subjects.append(parse_subject(text))
        except SubjectNotFound as exc:
            problems.append(exc)
    raise_all(problems)
    return subjects


def raise_all(problems: Sequence[PermanentError]) -> None:
    """Raise the only problem, or `NothingTagged` of several; none: go on."""
    if len(problems) > 1:
        raise NothingTagged(problems)
    if problems:
        raise problems[0]


def parse_tag(text: str) -> Tag:
    """``keeper`` or ``team=vision``.

    Raises:
        InvalidTag: With what is wrong and what to write.
    """
    name, _, value = text.partition("=")
    tag = Tag(name.strip(), value.strip())
    if not _NAME.fullmatch(tag.name):
        raise InvalidTag(
            f"tag {tag.name[:80]!r} is no name; it begins with a letter or a digit and has "
            "letters, digits and _ . / - in it, such as team=vision"
        )
    if len(tag.name) > LONGEST_NAME:
        raise InvalidTag(
            f"tag {tag.name[:80]!r} has {len(tag.name)} characters; at most {LONGEST_NAME} fit"
        )
    if _CONTROL.search(tag.value) or not _is_storable(tag.value):
        raise InvalidTag(f"the value of tag {tag.name!r} is not a single line of text")
    if len(tag.value) > LONGEST_VALUE:
        raise InvalidTag(
            f"the value of tag {tag.name!r} has {len(tag.value)} characters; at most "
            f"{LONGEST_VALUE} fit, and a note takes more"
        )
    return tag


def check_tag(tag: Tag, on: SubjectKind) -> None:
    """Raise `InvalidTag` unless `tag` makes sense on such a thing."""
    kinds = KNOWN_TAGS.get(tag.name)
    if tag.name.startswith(TIER_PREFIX):
        kinds = (SubjectKind.RUN,)
        if tag.name == TIER_PREFIX:
            raise InvalidTag(f"a tier has a name, such as {TIER_PREFIX}high_recall")
    if kinds is not None and on not in kinds:
        raise InvalidTag(
            f"{tag.name} is a tag of a {kinds[0]}, not of a {on}; name one of its runs"
        )


def check_note(text: str) -> str:
    """The note without blanks around it.

    Raises:
        InvalidNote: It is empty, too long or no text.
    """
    text = text.strip()
    if not text:
        raise InvalidNote("a note says something; this one is empty")
    if len(text) > LONGEST_NOTE:
        raise InvalidNote(f"{len(text)} characters are too many; at most {LONGEST_NOTE} fit")
    if "\x00" in text or not _is_storable(text):
        raise InvalidNote("a note is text, and this is none")
    return text


def check_link(target: str) -> str:
    """The task id or address, as it is kept.

    Raises:
        InvalidLink: It is neither ``VIS-123``, ``team/repo#12`` nor http:// or https://.
    """
    target = target.strip()
    if len(target) <= LONGEST_TARGET and (_TASK.fullmatch(target) or is_web_address(target)):
        return target
    shown = target if len(target) <= 80 else target[:79] + "…"
    raise InvalidLink(
        f"{shown!r} is no link; write a task id such as VIS-123 or team/repo#12, or an address "
        "that begins with https:// or http://"
    )


def is_web_address(text: str) -> bool:
    """Whether a page may offer it to a browser: the web, a host, and no password in it."""
    if _CONTROL.search(text) or " " in text or "\\" in text or not _is_storable(text):
        return False
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(host) and "@" not in parts.netloc


def _is_storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True
