"""A rerun waits for its turn as trials do: at the desk that quotas and budgets are held at."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestration.platform import Platform
from orchestration.reruns.attempt import RerunAttempt
from orchestration.reruns.patience import DATABASE_SECONDS, OUTAGE_SECONDS, patiently
from orchestration.reruns.requests import RerunRefused
from sweeps.errors import HeldBack, NoCapacity, PermanentError
from sweeps.ids import SweepId
from sweeps.ports import Admission, TrialLauncher
from sweeps.rerun_demand import RerunDemand
from sweeps.trials import LaunchRequest

if TYPE_CHECKING:
    from orchestration.left_sweeps import LeftSweeps

_ASK_SECONDS = 0.5
_BUDGET_SECONDS = 10.0  # between looks whether what it waits for can still come
_NO_SLOT = "waits for a free slot"


class RerunGivenUp(PermanentError):
    """A rerun that others have ended, since nothing was heard of whoever makes it."""


def launch_in_turn(
    platform: Platform,
    launcher: TrialLauncher,
    request: LaunchRequest,
    attempt: RerunAttempt,
    demand: RerunDemand,
    *,
    say: Callable[[str], None],
) -> None:
    """Launch it once it is admitted and there is a place for it.

    Args:
        say: Told what it waits for, whenever that is something else.

    Raises:
        RerunRefused: Policies never let it start as they are now.
        OverBudget: Its budgets do not pay for it any more.
        RerunGivenUp: Others have ended it.
        LaunchRejected: It can never be launched.
        TransientError: The database, or what executes it, does not answer for long.
    """
    desk, name = platform.desk, request.attempt_id
    told, look_at_budgets = "", time.monotonic() + _BUDGET_SECONDS
    look_at_others = _left_sweeps(platform)
    while True:
        if not attempt.beat():
            raise RerunGivenUp(f"{request.run_id} was ended: nothing was heard of it for too long")
        answer = patiently(lambda: desk.ask_for_rerun(name, demand), seconds=DATABASE_SECONDS)
        if answer.is_admitted and _begins(platform, request):
            attempt.may_be_alive = True
            try:
                patiently(
                    lambda: launcher.launch(request), seconds=OUTAGE_SECONDS, meanwhile=attempt.beat
                )
            except NoCapacity as exc:
                attempt.may_be_alive = False
                _found_no_place(platform, request, str(exc))
                if isinstance(exc, HeldBack):
                    if told != str(exc):
                        told = str(exc)
                        say(told)
                    _give_way(platform, attempt, exc)
                    continue
            else:
                return
        if answer.is_hopeless:
            raise RerunRefused(f"{demand.repeats} cannot be made again: {answer.reason}")
        if not answer.is_admitted and time.monotonic() >= look_at_budgets:
            look_at_budgets = time.monotonic() + _BUDGET_SECONDS
            platform.budget_gate.check_rerun(demand)
            for line in look_at_others():  # dead trials of theirs may hold what this one needs
                say(line)
        words = _NO_SLOT if answer.is_admitted else _words(answer)
        if words != told:
            say(words)
            told = words
        time.sleep(_ASK_SECONDS)


def _left_sweeps(platform: Platform) -> Callable[[], list[str]]:
    left: LeftSweeps | None = None

    def look() -> list[str]:
        nonlocal left
        if left is None:  # what never waits imports nothing of Dagster
            from orchestration.left_sweeps import LeftSweeps

            left = LeftSweeps(platform)
        return left.look()

    return look


def _begins(platform: Platform, request: LaunchRequest) -> bool:
    """Whether it is still admitted; then its run is said to run, as its script is to find it."""
    asker = SweepId(request.run_id)
    begins = patiently(
        lambda: platform.desk.begin_launch(asker, request.attempt_id), seconds=DATABASE_SECONDS
    )
    if begins:
        patiently(lambda: platform.reruns.start(request.run_id), seconds=DATABASE_SECONDS)
    return begins


def _found_no_place(platform: Platform, request: LaunchRequest, why: str) -> None:
    desk, store = platform.desk, platform.reruns
    patiently(lambda: desk.found_no_place(request.attempt_id), seconds=DATABASE_SECONDS)
    patiently(lambda: store.queue(request.run_id, reason=why), seconds=DATABASE_SECONDS)


def _give_way(platform: Platform, attempt: RerunAttempt, held_back: HeldBack) -> None:
    """What keeps it from starting may take long: what it holds goes to others meanwhile."""
    desk, names = platform.desk, [attempt.attempt_id]
    patiently(lambda: desk.give_way(names, reason=str(held_back)), seconds=DATABASE_SECONDS)
    asks_at = time.monotonic() + held_back.retry_after_seconds
    while attempt.beat() and time.monotonic() < asks_at:
        time.sleep(_ASK_SECONDS)


def _words(answer: Admission) -> str:
    parts = [answer.reason or "waits to be admitted"]
    if answer.place is not None:
        parts.append(f"place {answer.place} in the queue")
    if answer.starts_at is not None:
        parts.append(f"starts at about {answer.starts_at:%Y-%m-%d %H:%M} UTC")
    return "; ".join(parts)
