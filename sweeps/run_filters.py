"""What `--where` says about runs: a small language, parsed into a tree. Pure.

    val_accuracy > 0.9 and params.lr < 0.01 and not (state = failed or tag.team = "vision 2")

A comparison has a subject on its left and a value on its right. Subjects are a field of the run
(`RUN_FIELDS`), ``params.NAME``, ``tag.NAME``, or a metric: a bare name, or ``last.NAME``,
``min.NAME``, ``max.NAME``, ``best.NAME``. A name with other characters than letters, digits and
``_ . / : -`` is quoted: ``params."learning rate"``. A comparison with what a run lacks is false.

``tag = keeper`` is true of runs that have the tag, whatever its value; ``sweep_tag`` and
``experiment_tag`` are about the tags of what they belong to, ``tier`` about their tiers. With ``!=``
they are true of all other runs.
"""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from sweeps.errors import PermanentError

_MOST_CHARACTERS, _MOST_COMPARISONS, _DEEPEST = 4_000, 50, 50
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<op><=|>=|!=|==|=|<|>)
      | (?P<open>\() | (?P<close>\)) | (?P<dot>\.(?="|'))
      | (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w./:-]))
      | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<word>[\w/:-](?:[\w/:-]|\.(?!["']))*)
    )""",
    re.VERBOSE,
)


class InvalidFilter(PermanentError):
    """A filter that says nothing; points at the place.

    Attributes:
        column: Of the first character that is wrong, from 1.
    """

    def __init__(self, text: str, column: int, problem: str) -> None:
        self.column = column
        super().__init__(f"column {column}: {problem}\n  {text}\n  {' ' * (column - 1)}^")


class Kind(StrEnum):
    """What a comparison is about."""

    FIELD = "field"
    PARAM = "params"
    TAG = "tag"
    TAGGED = "tagged"
    TIER = "tier"
    LAST = "last"
    MIN = "min"
    MAX = "max"
    BEST = "best"


class FieldType(StrEnum):
    """What a field of a run is."""

    TEXT = "text"
    NUMBER = "number"
    TIME = "time"


RUN_FIELDS = {
    "run": FieldType.TEXT,
    "sweep": FieldType.TEXT,
    "experiment": FieldType.TEXT,
    "state": FieldType.TEXT,
    "by": FieldType.TEXT,
    "rerun_of": FieldType.TEXT,
    "trial": FieldType.NUMBER,
    "objective": FieldType.NUMBER,
    "level": FieldType.NUMBER,
    "seconds": FieldType.NUMBER,  #: from its start to its end, or to now
    "created": FieldType.TIME,
    "started": FieldType.TIME,
    "ended": FieldType.TIME,
}
#: Whether it has a tag; the name of a comparison says whose.
TAGGED_WORDS = {"tag": "run", "sweep_tag": "sweep", "experiment_tag": "experiment"}
TIER_WORD = "tier"
_WORDS_OF_PARAM = ("params", "param")
_WORDS_OF_TAG = ("tags", "tag")

Value = str | float | bool | dt.datetime


@dataclass(frozen=True, slots=True)
class Comparison:
    """``subject op value``; `op` is one of ``= != < <= > >=``."""

    kind: Kind
    name: str
    op: str
    value: Value


@dataclass(frozen=True, slots=True)
class Not:
    """The others."""

    part: "Filter"


@dataclass(frozen=True, slots=True)
class All:
    """What is in every part."""

    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Any:
    """What is in some part."""

    parts: "tuple[Filter, ...]"


Filter = Comparison | Not | All | Any


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    column: int


def parse_filter(text: str) -> Filter:
    """The tree of `text`. `not` binds closer than `and`, `and` closer than `or`.

    Raises:
        InvalidFilter: With the column where it goes wrong.
    """
    if len(text) > _MOST_CHARACTERS:
        raise InvalidFilter("…", 1, f"a filter has at most {_MOST_CHARACTERS} characters")
    return _Parser(text, _tokens(text)).parse()


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    place = 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            column = place + len(text[place:]) - len(text[place:].lstrip()) + 1
            wrong = text[column - 1]
            problem = "this quote is not closed" if wrong in "\"'" else f"{wrong!r} means nothing"
            raise InvalidFilter(text, column, problem)
        kind = match.lastgroup
        tokens.append(_Token(kind, match[kind], match.start(kind) + 1))
        place = match.end()
    return [*tokens, _Token("end", "", len(text) + 1)]


class _Parser:
    def __init__(self, text: str, tokens: Sequence[_Token]) -> None:
        self._text = text
        self._tokens = tokens
        self._place = 0
        self._comparisons = 0

    def parse(self) -> Filter:
        found = self._any(0)
        if self._next.kind != "end":
            self._fail("here `and`, `or` or the end was expected")
        return found

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place]

    def _take(self) -> _Token:
        token = self._next
        self._place += 1
        return token

    def _is_word(self, word: str) -> bool:
        return self._next.kind == "word" and self._next.text.lower() == word

    def _fail(self, problem: str, token: _Token | None = None) -> NoReturn:
        raise InvalidFilter(self._text, (token or self._next).column, problem)

    def _any(self, depth: int) -> Filter:
        parts = [self._all(depth)]
        while self._is_word("or"):
            self._take()
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def _all(self, depth: int) -> Filter:
        parts = [self._one(depth)]
        while self._is_word("and"):
            self._take()
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _one(self, depth: int) -> Filter:
        if depth > _DEEPEST:
            self._fail("this is too deeply nested")
        if self._is_word("not"):
            self._take()
            return Not(self._one(depth + 1))
        if self._next.kind == "open":
            self._take()
            found = self._any(depth + 1)
            closing = self._take()
            if closing.kind != "close":
                self._fail("a closing parenthesis was expected", closing)
            return found
        return self._comparison()

    def _comparison(self) -> Filter:
        self._comparisons += 1
        if self._comparisons > _MOST_COMPARISONS:
            self._fail(f"a filter has at most {_MOST_COMPARISONS} comparisons")
        kind, name = self._subject()
        if self._next.kind != "op":
            self._fail("a comparison such as `=` or `<` was expected")
        operator = self._take()
        op = "=" if operator.text == "==" else operator.text
        token = self._next
        if token.kind not in {"word", "number", "text"}:
            self._fail("a value was expected")
        self._take()
        value = self._value(kind, name, token)
        if isinstance(value, bool) and op not in {"=", "!="}:
            self._fail("true and false are not in any order", operator)
        if kind in {Kind.TAGGED, Kind.TIER}:
            if op not in {"=", "!="}:
                self._fail("a run has a tag or a tier, or not: write = or !=", operator)
            has = Comparison(kind, name, "=", value)
            return has if op == "=" else Not(has)
        return Comparison(kind, name, op, value)

    def _subject(self) -> tuple[Kind, str]:
        token = self._take()
        if token.kind == "text":
            return Kind.LAST, self._name(_unquoted(token.text), token)
        if token.kind != "word":
            self._fail("a name was expected", token)
        if self._next.kind == "dot":
            self._take()
            quoted = self._take()
            kind = _kind(token.text)
            if kind is None:
                self._fail(f"write params, tag, last, min, max or best, not {token.text!r}", token)
            return kind, self._name(_unquoted(quoted.text), quoted)
        head, dot, rest = token.text.partition(".")
        if dot and (kind := _kind(head)) is not None:
            return kind, self._name(rest, token)
        if token.text in RUN_FIELDS:
            return Kind.FIELD, token.text
        if token.text in TAGGED_WORDS:
            return Kind.TAGGED, TAGGED_WORDS[token.text]
        if token.text == TIER_WORD:
            return Kind.TIER, token.text
        if dot and head in TAGGED_WORDS:
            self._fail(f"{head} asks whether a tag is there: write {head} = NAME", token)
        return Kind.LAST, token.text

    def _name(self, name: str, token: _Token) -> str:
        if not name or "\x00" in name:
            self._fail("a name was expected", token)
        return name

    def _value(self, kind: Kind, name: str, token: _Token) -> Value:
        is_quoted = token.kind == "text"
        text = _unquoted(token.text) if is_quoted else token.text
        if "\x00" in text:
            self._fail("text has no NUL", token)
        if kind is Kind.FIELD:
            return self._field_value(RUN_FIELDS[name], name, text, token)
        if kind in {Kind.TAGGED, Kind.TIER}:
            return text
        if kind is Kind.TAG or is_quoted:
            if kind not in {Kind.TAG, Kind.PARAM}:
                self._fail(f"{name} is a number, and this is text", token)
            return text
        if token.kind == "number":
            return float(text)
        if kind is Kind.PARAM:
            return {"true": True, "false": False}.get(text.lower(), text)
        return self._field_value(FieldType.NUMBER, name, text, token)

    def _field_value(self, of: FieldType, name: str, text: str, token: _Token) -> Value:
        if of is FieldType.TEXT:
            return text
        if of is FieldType.NUMBER:
            try:
                return float(text)  # also `inf`
            except ValueError:
                self._fail(f"{name} is a number, and {text!r} is none", token)
        try:
            at = dt.datetime.fromisoformat(text)
        except ValueError:
            self._fail(f"{name} is a time; write 2026-01-31 or 2026-01-31T18:00", token)
        return at if at.tzinfo else at.replace(tzinfo=dt.UTC)


def _kind(word: str) -> Kind | None:
    if word in _WORDS_OF_PARAM:
        return Kind.PARAM
    if word in _WORDS_OF_TAG:
        return Kind.TAG
    return Kind(word) if word in {"last", "min", "max", "best"} else None


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
