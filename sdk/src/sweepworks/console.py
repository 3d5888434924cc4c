"""Sentences for the person at the console."""

import contextlib
import sys

_NEWS = {"away", "back"}  # one after the other: the next outage is news again


def say(sentence: str) -> None:
    """Print one line; a console that is gone is no reason to end a training."""
    # RuntimeError: a signal handler that interrupts another one's sentence.
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        print(f"sweepworks: {sentence}", file=sys.stderr, flush=True)  # noqa: T201 - see above


class Console:
    """Says each thing once."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def say(self, subject: str, sentence: str) -> None:
        """Print one line, unless that was said of the subject."""
        if subject in self._said:
            return
        if subject in _NEWS:
            self._said -= _NEWS
        self._said.add(subject)
        say(sentence)

    def leave_out(self, why: str) -> None:
        """Say why something is not recorded."""
        self.say(f"name-{why}", f"left out: {why}")
