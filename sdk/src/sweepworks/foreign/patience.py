"""A bound on the time that finding metrics takes, whatever the pattern is.

The matcher of `re` goes back wherever a pattern can be read in several ways: of `(a+)+b=([0-9])` it takes
years for a line of forty letters, and the reader would outlive its script without a word. Unlike a
pattern of a policy this one is held to its author's own lines only, and may look around and back, so
no pattern is refused: a line that takes too long is left out, and with it all further ones once they
have cost too much together.
"""

import signal
from collections.abc import Callable, Iterator

from sweepworks.foreign.rules import Found, Rule

_LINE_SECONDS = 0.5  #: of this process's time; a line takes microseconds
_ALL_SECONDS = 5.0  #: of lines that were left out: far below what a reader gets after its script


class _TooLong(BaseException):
    """Raised within the matcher, which looks for signals every few thousand steps."""


class Patience:
    """Gives up what a rule does not find in time. For the main thread of a process, and one rule.

    Args:
        say: Takes a subject and a sentence, of each subject once.
        line_seconds: For one line.
        all_seconds: For all lines that are given up.
    """

    def __init__(
        self,
        rule: Rule,
        *,
        say: Callable[[str, str], None],
        line_seconds: float = _LINE_SECONDS,
        all_seconds: float = _ALL_SECONDS,
    ) -> None:
        self._rule = rule
        self._say = say
        self._line_seconds = line_seconds
        self._left = all_seconds
        self._is_armed = False
        signal.signal(signal.SIGVTALRM, self._give_up)

    def __call__(self, line: str) -> Iterator[Found]:
        """What the rule finds in a line; nothing where that takes too long."""
        if self._left <= 0:
            return iter(())
        try:
            self._is_armed = True
            signal.setitimer(signal.ITIMER_VIRTUAL, self._line_seconds)
            found = list(self._rule(line))
            self._is_armed = False
        except _TooLong:
            self._left -= self._line_seconds
            self._say(
                "slow-pattern",
                f"the pattern of trial.metrics took more than {self._line_seconds:g} s for "
                f"{line[:40]!r}, which is left out; take care that it can be read in one way only",
            )
            if self._left <= 0:
                self._say("no-patience", "its pattern takes too long: no more lines are read")
            return iter(())
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        return iter(found)

    def _give_up(self, *_: object) -> None:
        # What comes between the match and the end of the timer is about nothing any more.
        if self._is_armed:
            self._is_armed = False
            raise _TooLong
