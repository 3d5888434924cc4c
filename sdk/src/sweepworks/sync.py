"""Bringing what scripts left in a spool folder to a gateway, runs that never saw one included."""

import contextlib
import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sweepworks.artifacts import Refused, expect, no_beat
from sweepworks.beats import Beats
from sweepworks.connection import Connection, Unreachable, post_json
from sweepworks.frames import Damage, damage, read_note
from sweepworks.resend import send_all, spools_in, writer_of
from sweepworks.spool import Spool

_BEAT_SECONDS = 30.0  # a scratch run that is silent for minutes has failed
_PASSING = {"away", "back", "files-away"}  # what is said of the gateway, not of what it sends


class Fate(enum.StrEnum):
    """What became of the file of one writer."""

    SENT = "sent"  #: all of it is stored, or was before
    LIVE = "live"  #: its script lives, or somebody else sends it; left alone
    WAITING = "waiting"  #: the gateway does not take it now; left for the next time
    REFUSED = "refused"  #: the gateway will never take it
    CORRUPT = "corrupt"  #: damaged in its midst; skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """One file."""

    run: str
    path: Path
    fate: Fate
    batches: int = 0  #: that were sent just now
    artifacts: int = 0  #: likewise
    unstored: tuple[str, ...] = ()  #: sentences on what is not stored, and why
    is_cut: bool = False  #: its writer died in the midst of its last batch, which is left out

    @property
    def is_good(self) -> bool:
        """Whether there is nothing for a person to look at."""
        return self.fate in {Fate.SENT, Fate.LIVE} and not self.unstored


class Sync:
    """Sends files of writers that are gone; each may be sent any number of times and is stored once.

    Args:
        token: API token; it opens the runs.
        keep: Delete nothing.
        patience_seconds: How long a file waits for a gateway that takes nothing.
        on_sent: Called with the bytes of every batch that needs no more sending.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        keep: bool = False,
        patience_seconds: float = 0.0,
        on_sent: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._url = url
        self._token = token
        self._keep = keep
        self._patience_seconds = patience_seconds
        self._on_sent = on_sent
        self._away: str | None = None  # why the gateway need not be asked any more

    def folder(self, folder: Path) -> Iterator[Synced]:
        """Send what lies in a folder, run by run."""
        for run, paths in spools_in(folder).items():
            for path in paths:
                yield self.file(path, run)

    def file(self, path: Path, run: str) -> Synced:
        """Send one file."""
        try:
            spool = Spool.adopt(path)
            if spool is None:
                return Synced(run=run, path=path, fate=Fate.LIVE)
            with contextlib.closing(spool):
                return self._send(spool, run)
        except OSError as exc:
            return Synced(run=run, path=path, fate=Fate.WAITING, unstored=(str(exc),))

    def _send(self, spool: Spool, run: str) -> Synced:
        path = spool.path
        found = damage(path)
        if found is Damage.CORRUPT:
            why = f"{path} is damaged in its midst; nothing of it is sent"
            return Synced(run=run, path=path, fate=Fate.CORRUPT, unstored=(why,))
        unstored: dict[str, str] = {}

        def say(subject: str, sentence: str) -> None:
            if subject not in _PASSING:
                unstored.setdefault(subject, sentence)

        try:
            is_scratch = read_note(path).get("run") == run
            token, stored = self._open(path, run, is_scratch=is_scratch)
            with contextlib.ExitStack() as closing:
                connection = closing.enter_context(contextlib.closing(Connection(self._url, token)))
                beats = Beats(
                    connection, run, every_seconds=_BEAT_SECONDS, on_control=lambda _: None
                )
                closing.callback(beats.close)
                done = send_all(
                    spool,
                    run,
                    connection,
                    say=say,
                    stored=stored,
                    # A trial's signs of life are those of its attempts.
                    beat=beats.beat if is_scratch else no_beat,
                    keep=self._keep,
                    patience_seconds=self._patience_seconds,
                    on_sent=self._on_sent,
                )
        except Unreachable as exc:
            self._away = str(exc)
            return Synced(run=run, path=path, fate=Fate.WAITING, unstored=(self._away,))
        except Refused as exc:
            return Synced(run=run, path=path, fate=Fate.REFUSED, unstored=(str(exc),))
        if not done.is_done:
            say("later", "the gateway does not take all of it now")
        fate = Fate.SENT if done.is_done else Fate.WAITING
        return Synced(
            run=run,
            path=path,
            fate=Fate.REFUSED if done.is_sealed else fate,
            batches=done.batches,
            artifacts=done.artifacts,
            unstored=tuple(unstored.values()),
            is_cut=found is Damage.CUT,
        )

    def _open(self, path: Path, run: str, *, is_scratch: bool) -> tuple[str, int | None]:
        """A token for the run, which is made where it is not known, and what it has of the writer."""
        if self._away is not None:
            raise Unreachable(self._away)
        with contextlib.closing(Connection(self._url, self._token)) as asking:
            if is_scratch:
                opened = post_json(asking, "/api/v1/runs", read_note(path))
            else:
                opened = post_json(asking, f"/api/v1/runs/{run}/token", {})
            answer = expect(*opened, "token", good=(200, 201))
        watermarks: dict[str, int] | None = answer.get("watermarks")
        stored = None if watermarks is None else watermarks.get(writer_of(path) or "", 0)
        return str(answer["token"]), stored
