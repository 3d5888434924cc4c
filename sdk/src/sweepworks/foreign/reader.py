"""Brings what a script writes into its run, while it runs."""

from collections.abc import Callable
from pathlib import Path

from sweepworks.foreign.follower import Follower, merged
from sweepworks.foreign.progress import Progress
from sweepworks.foreign.tail import Tail
from sweepworks.run import Run


class LineReader:
    """Follows one file.

    It reads from the beginning, also when it follows a reader that was killed: steps that are
    counted come out the same. What that one had brought is not brought again.

    Args:
        objective: Metric that the search learns from; None: there is no search.
        progress: File that says how far it has come.
        say: Takes a subject and a sentence.
    """

    def __init__(
        self,
        run: Run,
        tail: Tail,
        follower: Follower,
        *,
        objective: str | None,
        progress: Path,
        say: Callable[[str, str], None],
    ) -> None:
        self._run = run
        self._tail = tail
        self._follower = follower
        self._objective = objective
        self._path = progress
        self._progress = Progress.load(progress)
        self._say = say

    def pump(self, *, is_last: bool) -> bool:
        """Bring what has come; at most a megabyte.

        Returns:
            Whether more is there already.

        Raises:
            OSError: The file cannot be read.
        """
        times_anew = self._tail.times_anew
        lines = self._tail.read(is_last=is_last)
        if self._tail.times_anew != times_anew:
            self._progress = Progress()
        read = [(at, self._follower.read(line)) for at, line in lines]
        points = merged(harvest for at, harvest in read if at > self._progress.logged).points
        reports = merged(harvest for at, harvest in read if at > self._progress.reported).reports
        end = lines[-1][0] if lines else 0
        if points:
            self._save(self._progress.reached(logged=end))
            for step, values in points:
                self._run.log(values, step=step)
        if reports and self._objective is not None:
            self._run.report_all(
                {level: {self._objective: value} for level, value in reports.items()}
            )
        if points or reports:
            self._save(self._progress.reached(logged=end, reported=end))
        return not self._tail.is_at_end

    def _save(self, progress: Progress) -> None:
        self._progress = progress
        try:
            progress.save(self._path)
        except OSError as exc:  # it is only for whoever would follow
            self._say("progress", f"cannot write {self._path}: {exc}")
