"""A bar on stderr for work that takes its time."""

import contextlib
import sys
from collections.abc import Callable, Generator


@contextlib.contextmanager
def progress(what: str, total_bytes: int) -> Generator[Callable[[int], None], None, None]:
    """Where there is a screen; call what it gives with the bytes that are done."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(what, total=total_bytes)
        yield lambda n_bytes: bars.advance(bar, n_bytes)
