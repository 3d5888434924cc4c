"""Patterns that names have to fit as a whole, matched in a time that is bounded. Pure.

A policy says them as regular expressions, and everybody's names are held to them, in gateways too.
The matcher of `re` goes back wherever a pattern can be read in several ways: of `(a+)+b` it takes
years for a name of forty letters. So a pattern is parsed by `re`, and followed in all ways at once, a
character at a time: that takes states times characters, whatever the pattern is, and fits the same
texts. What looks around or back, and what gives nothing back, cannot be followed so, and is refused.

Source: Thompson, Regular expression search algorithm, CACM 11(6), 1968.
"""

import importlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

# Private, and the same in all versions of Python that this runs on; a test compares with `re`.
_PARSER: Any = importlib.import_module("re._parser")
_OPS: Any = importlib.import_module("re._constants")

_MOST_STATES = 1000  # a name of a hundred characters takes a tenth of a second at most
_FLAGS = re.IGNORECASE | re.MULTILINE | re.DOTALL | re.ASCII
_ANCHORS = {
    _OPS.AT_BEGINNING: "^",
    _OPS.AT_BEGINNING_STRING: r"\A",
    _OPS.AT_BOUNDARY: r"\b",
    _OPS.AT_NON_BOUNDARY: r"\B",
    _OPS.AT_END: "$",
    _OPS.AT_END_STRING: r"\Z",
}
_CATEGORIES = {
    _OPS.CATEGORY_DIGIT: r"\d",
    _OPS.CATEGORY_NOT_DIGIT: r"\D",
    _OPS.CATEGORY_SPACE: r"\s",
    _OPS.CATEGORY_NOT_SPACE: r"\S",
    _OPS.CATEGORY_WORD: r"\w",
    _OPS.CATEGORY_NOT_WORD: r"\W",
}


class InvalidPattern(Exception):
    """No pattern that names can be held to; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmatchedPattern:
    """A pattern of a policy that was applied before such were refused: nothing is held to it."""

    text: str
    reason: str  #: why it cannot be matched


@dataclass(slots=True, eq=False)
class _State:
    """A place within a pattern.

    Attributes:
        takes: Which characters lead on; None: none is taken.
        holds: What has to be so at a place of the text for going on; None: nothing.
        then: Where to.
    """

    takes: re.Pattern[str] | None = None
    holds: re.Pattern[str] | None = None
    then: list["_State"] = field(default_factory=list["_State"])


@dataclass(frozen=True)
class NamePattern:
    """A regular expression that a name fits as a whole.

    Raises:
        InvalidPattern: It is none, or it cannot be matched in a bounded time.
    """

    text: str

    def __post_init__(self) -> None:
        """Refuse it where it is written, not where the first name is held to it."""
        _ = self._ends

    def fits(self, name: str) -> bool:
        """Whether all of `name` has this form."""
        begin, accept = self._ends
        states = _reached([begin], name, 0)
        for place, character in enumerate(name):
            following = (
                after
                for state in states
                if state.takes is not None and state.takes.match(character)
                for after in state.then
            )
            states = _reached(following, name, place + 1)
            if not states:
                return False
        return accept in states

    @cached_property
    def _ends(self) -> tuple[_State, _State]:
        """Where it begins, and where it has been gone through."""
        accept = _State()
        try:
            parsed = _PARSER.parse(self.text)
            return _Builder().sequence(parsed, parsed.state.flags, accept), accept
        except (re.error, OverflowError) as exc:
            raise InvalidPattern(str(exc)) from exc
        except Warning as exc:  # where warnings are errors
            raise InvalidPattern(f"its meaning may change: {exc}") from exc
        except RecursionError as exc:
            raise InvalidPattern("its groups are nested too deeply") from exc


def _reached(states: Iterable[_State], name: str, place: int) -> set[_State]:
    """States, and all to which they lead without taking a character."""
    found: set[_State] = set()
    ahead = list(states)
    while ahead:
        state = ahead.pop()
        if state in found or (state.holds is not None and not state.holds.match(name, place)):
            continue
        found.add(state)
        if state.takes is None:
            ahead += state.then
    return found


class _Builder:
    """Makes states of a parsed pattern, from its end to its beginning."""

    def __init__(self) -> None:
        self._states = 0
        self._compiled: dict[tuple[str, int], re.Pattern[str]] = {}

    def sequence(self, parts: Sequence[Any], flags: int, then: _State) -> _State:
        for operation, argument in reversed(list(parts)):
            then = self._part(operation, argument, flags, then)
        return then

    def _part(self, operation: Any, argument: Any, flags: int, then: _State) -> _State:
        if operation is _OPS.SUBPATTERN:
            _, added, removed, parts = argument
            return self.sequence(parts, (flags | added) & ~removed, then)
        if operation is _OPS.BRANCH:
            return self._state(then=[self.sequence(one, flags, then) for one in argument[1]])
        if operation in {_OPS.MAX_REPEAT, _OPS.MIN_REPEAT}:  # alike, of a whole name
            least, most, parts = argument
            return self._repeat(parts, flags, then, least=least, most=most)
        if operation is _OPS.AT:
            return self._state(holds=self._compile(_ANCHORS[argument], flags), then=[then])
        if operation is _OPS.ANY:
            source = "."
        elif operation is _OPS.LITERAL:
            source = _character(argument)
        elif operation is _OPS.NOT_LITERAL:
            source = f"[^{_character(argument)}]"
        elif operation is _OPS.IN:
            source = f"[{''.join(_member(*member) for member in argument)}]"
        else:
            name = str(operation).lower().replace("_", " ")
            raise InvalidPattern(f"it looks around, or back ({name}), which may take for ever")
        return self._state(takes=self._compile(source, flags), then=[then])

    def _repeat(
        self, parts: Sequence[Any], flags: int, then: _State, *, least: int, most: int
    ) -> _State:
        if most is _OPS.MAXREPEAT:
            again = self._state()
            again.then = [self.sequence(parts, flags, again), then]
            begin = again
        else:
            begin = then
            for _ in range(most - least):
                begin = self._state(then=[self.sequence(parts, flags, begin), then])
        for _ in range(least):
            # A state of its own, so that repeating nothing comes to an end as well.
            begin = self._state(then=[self.sequence(parts, flags, begin)])
        return begin

    def _state(
        self,
        *,
        takes: re.Pattern[str] | None = None,
        holds: re.Pattern[str] | None = None,
        then: Iterable[_State] = (),
    ) -> _State:
        self._states += 1
        if self._states > _MOST_STATES:
            raise InvalidPattern(
                f"it is too large: written out it has more than {_MOST_STATES} parts"
            )
        return _State(takes=takes, holds=holds, then=list(then))

    def _compile(self, source: str, flags: int) -> re.Pattern[str]:
        key = (source, flags & _FLAGS)
        if key not in self._compiled:
            self._compiled[key] = re.compile(*key)
        return self._compiled[key]


def _member(operation: Any, argument: Any) -> str:
    """What a class has, as it is written."""
    if operation is _OPS.NEGATE:
        return "^"
    if operation is _OPS.CATEGORY:
        return _CATEGORIES[argument]
    if operation is _OPS.RANGE:
        low, high = argument
        return f"{_character(low)}-{_character(high)}"
    return _character(argument)


def _character(code: int) -> str:
    return f"\\U{code:08x}"
