"""The process that reads a script's metrics: ``python -m sweepworks.foreign <folder> <pid>``.

Its environment is that of the trial. It follows the script until its stdin ends, reads what is left,
and sends it for a few seconds; the rest stays in the spool.
"""

import json
import os
import select
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from sweepworks import environment as env
from sweepworks.foreign.follower import Follower
from sweepworks.foreign.patience import Patience
from sweepworks.foreign.reader import LineReader
from sweepworks.foreign.rules import rule_of
from sweepworks.foreign.tail import Tail
from sweepworks.start import beside
from sweepworks.tensorboard.reader import EventReader

_LOOK_SECONDS = 0.25


def main(folder: Path, pid: int) -> None:
    """Follow the script with that process number, whose attempt has that folder."""
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)  # meant for the script; stdin says when it has ended
    document = json.loads(os.environ[env.METRICS])
    run = beside(pid)
    objective = os.environ.get(env.OBJECTIVE) or None
    source = document["source"]
    progress = folder / "metrics.json"
    if source != "stdout" and "tensorboard" in source:
        events = EventReader(
            run,
            folder / "work" / source["tensorboard"],
            objective=objective,
            progress=progress,
            say=_say,
        )
        names = events.names
        _follow(lambda _: events.pump())
    else:
        path = folder / "stdout.log" if source == "stdout" else folder / "work" / source["file"]
        rule = Patience(rule_of(document), say=_say)
        step = document.get("step") or "step"
        follower = Follower(rule, step=step, objective=objective, say=_say)
        lines = LineReader(
            run, Tail(path), follower, objective=objective, progress=progress, say=_say
        )
        names = follower.names
        _follow(lambda is_last: lines.pump(is_last=is_last))
    _say("names", f"found: {', '.join(sorted(names)[:100]) or 'nothing'}")
    run.finish()


def _follow(pump: Callable[[bool], bool]) -> None:
    """Pump until the script has ended, and all of it once more; it is told which one that is."""
    is_over = False
    while not is_over:
        ready, _, _ = select.select([0], [], [], _LOOK_SECONDS)
        is_over = bool(ready)  # nothing is ever written there
        try:
            while pump(is_over):
                pass
        except OSError as exc:
            _say("read", f"cannot read what the script writes: {exc}")


_said: set[str] = set()


def _say(subject: str, sentence: str) -> None:
    if subject not in _said:
        _said.add(subject)
        print(f"sweepworks: {sentence}", file=sys.stderr, flush=True)  # noqa: T201 - into its log


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
