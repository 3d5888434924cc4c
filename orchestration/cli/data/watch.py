"""How far long work on data is, on stderr, where somebody looks."""

import contextlib
import sys
import threading
from collections.abc import Generator

from storage.datasets.registration import Watch


class _Silent:
    def begin(self, what: str, n_bytes: int) -> None:
        pass

    def advance(self, n_bytes: int) -> None:
        pass


@contextlib.contextmanager
def watching(*, quiet: bool) -> Generator[Watch, None, None]:
    """A bar for each thing that is done, or nothing."""
    if quiet or not sys.stderr.isatty():
        yield _Silent()
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("  {task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        lock = threading.Lock()

        class Bars:
            def __init__(self) -> None:
                self._bar: object = None

            def begin(self, what: str, n_bytes: int) -> None:
                self._bar = bars.add_task(what, total=n_bytes)

            def advance(self, n_bytes: int) -> None:
                with lock:  # several threads hash
                    bars.advance(self._bar, n_bytes)  # pyright: ignore[reportArgumentType]  begun before

        yield Bars()
