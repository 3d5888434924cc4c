"""Following a sweep in the terminal: a bar that moves, a question on Ctrl-C, links at the end."""

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

import click

from orchestration.cli.output import duration, print_json, print_table
from orchestration.cli.report import leaderboard, search_lines, sweep_report
from orchestration.platform import Platform
from storage.sweeps.catalog import SweepRow
from sweeps.errors import RunsElsewhere, StorageUnavailable
from sweeps.ids import SweepId
from sweeps.search_report import search_report
from sweeps.states import SweepRequest, SweepState
from sweeps.waits import wait_words

_LOOK_SECONDS = 0.5
_CONTROLLER_SECONDS = 3.0  # between looks whether the controller is alive
_OUTAGE_SECONDS = 60.0  # of the database: it may be started again
_LINE_SECONDS = 5.0  # between lines when the output is not a terminal


def follow(platform: Platform, sweep_id: SweepId, *, as_json: bool) -> None:
    """Show a sweep until it has ended; exits with 1 unless it completed."""
    try:
        state = _watch(platform, sweep_id, quiet=as_json)
    except StorageUnavailable as exc:
        raise StorageUnavailable(
            f"{exc}; trials go on, follow them again with `sweepworks attach {sweep_id}`"
        ) from exc
    if state is None:
        if as_json:
            print_json({"sweep": sweep_id})
        click.echo(f"detached; follow it again: sweepworks attach {sweep_id}", err=True)
        return
    snapshot = platform.trial_store.load(sweep_id)
    if as_json:
        print_json(sweep_report(snapshot))
    else:
        _print_end(platform, sweep_id)
    if state is not SweepState.COMPLETED:
        raise click.exceptions.Exit(1)


def _watch(platform: Platform, sweep_id: SweepId, *, quiet: bool) -> SweepState | None:
    """Until the end, or None when the person chose to detach."""
    from orchestration.controllers import Controllers
    from orchestration.left_sweeps import LeftSweeps

    began = time.monotonic()
    looked_after = began
    controllers = Controllers(platform, sweep_id)
    others = LeftSweeps(platform, besides=[sweep_id])
    told = ""
    with _display(quiet=quiet) as display, _interrupts() as interrupted:
        while True:
            row = _row(platform, sweep_id)
            display.show(row, time.monotonic() - began)
            state = SweepState(row.state)
            if state.is_terminal:
                return state
            if row.reason != told:
                told = row.reason
                if told:  # what nobody's end changes
                    ends = f"`sweepworks cancel {sweep_id}` ends it, other policies let it go on"
                    click.echo(f"{sweep_id}: {told}; {ends}", err=True)
            if interrupted():
                with display.paused():
                    is_detached = _wants_detach()
                if is_detached:
                    return None
                platform.catalog.request(sweep_id, SweepRequest.CANCEL)
                click.echo("cancelling: trials are asked to end", err=True)
            if time.monotonic() - looked_after > _CONTROLLER_SECONDS:
                looked_after = time.monotonic()
                try:
                    said = controllers.look_after()
                except StorageUnavailable:
                    continue  # the next look at the row waits for it
                except RunsElsewhere as exc:  # a daemon of another home was first
                    said, looked_after = f"note: {exc}", float("inf")
                if said:
                    click.echo(said, err=True)
                for line in others.look_if_due():  # their dead trials may hold what this one needs
                    click.echo(line, err=True)
            time.sleep(_LOOK_SECONDS)


def _row(platform: Platform, sweep_id: SweepId) -> SweepRow:
    """The sweep's line; an outage of the database is waited out, unless a person wanted it."""
    deadline = time.monotonic() + _OUTAGE_SECONDS
    while True:
        try:
            return platform.catalog.row(sweep_id)
        except StorageUnavailable:
            if platform.is_down:
                raise StorageUnavailable("stopped by `sweepworks down`") from None
            if time.monotonic() > deadline:
                raise
        time.sleep(_LOOK_SECONDS)


@contextlib.contextmanager
def _interrupts() -> Generator[Callable[[], bool], None, None]:
    """Collects Ctrl-C instead of dying of it; a third one in a row does."""
    count = 0

    def note(signum: int, frame: object) -> None:  # noqa: ARG001 - the signature of handlers
        nonlocal count
        count += 1
        if count >= 3:
            raise KeyboardInterrupt

    def taken() -> bool:
        nonlocal count
        seen, count = count, 0
        return seen > 0

    before = signal.signal(signal.SIGINT, note)
    try:
        yield taken
    finally:
        signal.signal(signal.SIGINT, before)


def _wants_detach() -> bool:
    if not sys.stdin.isatty():
        return True  # nobody to ask: what is less harmful
    answer = click.prompt(
        "\n[d]etach and leave it running, or [c]ancel it?",
        type=click.Choice(["d", "c"]),
        default="d",
        show_choices=False,
        err=True,
    )
    return answer == "d"


@dataclass(frozen=True, slots=True)
class _Display:
    """Progress on the screen."""

    show: Callable[[SweepRow, float], None]
    #: Nothing is drawn within: somebody else writes.
    paused: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext


@contextlib.contextmanager
def _display(*, quiet: bool) -> Generator[_Display, None, None]:
    if quiet:
        yield _Display(lambda _row, _seconds: None)
    elif sys.stderr.isatty():
        with _bar() as display:
            yield display
    else:
        yield _Display(_lines())


def _lines() -> Callable[[SweepRow, float], None]:
    last = ("", -_LINE_SECONDS)

    def show(row: SweepRow, seconds: float) -> None:
        nonlocal last
        text = _summary(row)
        if text != last[0] and (seconds - last[1] >= _LINE_SECONDS or _is_over(row)):
            click.echo(f"{row.sweep_id}: {text}{_eta(row, seconds)}", err=True)
            last = (text, seconds)

    return show


@contextlib.contextmanager
def _bar() -> Generator[_Display, None, None]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    with Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[status]}"),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task("starting", total=None, status="")

        def show(row: SweepRow, seconds: float) -> None:
            progress.update(
                task,
                description=row.sweep_id,
                total=row.max_trials,
                completed=row.trials - row.live - row.paused,
                status=_summary(row) + _eta(row, seconds),
            )

        @contextlib.contextmanager
        def paused() -> Generator[None, None, None]:
            progress.stop()
            try:
                yield
            finally:
                progress.start()

        yield _Display(show, paused)


def _summary(row: SweepRow) -> str:
    if row.waits_for:
        paused = ", paused" if row.requested == SweepRequest.PAUSE else ""
        return f"{row.state}{paused}, waits for {wait_words(row.waits_for)}"
    best = "" if row.best is None else f", best {row.metric} {row.best:.5g}"
    others = "".join(
        f", {count} {word}"
        for word, count in (
            ("stopped early", row.stopped),
            ("paused", row.paused),
            ("failed", row.failed),
        )
        if count
    )
    return f"{row.state}, {row.completed} of {row.max_trials} done, {row.live} live{others}{best}"


def _is_over(row: SweepRow) -> bool:
    return SweepState(row.state).is_terminal


def _eta(row: SweepRow, seconds: float) -> str:
    """Time left at the pace so far; nothing before two trials have ended."""
    ended = row.trials - row.live - row.paused
    if ended < 2 or _is_over(row):
        return ""
    if row.started_at is not None:
        import datetime as dt

        seconds = (dt.datetime.now(dt.UTC) - row.started_at).total_seconds()
    return f", about {duration(seconds / ended * (row.max_trials - ended))} left"


def _print_end(platform: Platform, sweep_id: SweepId) -> None:
    snapshot = platform.trial_store.load(sweep_id)
    sweep = snapshot.sweep
    took = (
        f" after {duration((sweep.ended_at - sweep.started_at).total_seconds())}"
        if sweep.ended_at and sweep.started_at
        else ""
    )
    click.echo(f"\n{sweep_id} {sweep.state}{took}: {sweep.reason}\n")
    columns, rows = leaderboard(snapshot, limit=10)
    print_table(columns, rows)
    for line in search_lines(search_report(snapshot)):
        click.echo(line)
    click.echo(f"\nmore:   sweepworks show {sweep_id}   |   sweepworks export {sweep_id} --csv")
    hint = "" if platform.webserver_url else "   (after `sweepworks up`)"
    click.echo(f"the UI: {platform.ui_url}/assets/sweep?view=partitions&partition={sweep_id}{hint}")
    if sweep.dagster_run_id:
        click.echo(f"        {platform.ui_url}/runs/{sweep.dagster_run_id}")
