"""Sweeps that have waited for others: started where no daemon does it, and told of to Dagster.

That their turn has come, or that they have failed, is in the rows by then.
"""

from collections.abc import Callable, Collection

from orchestration.dagster_outages import dagster_outages
from orchestration.platform import Platform
from orchestration.starting import report_failed
from sweeps.ids import SweepId


def start_due(
    platform: Platform,
    look_after: Callable[[SweepId], list[str]],
    *,
    besides: Collection[SweepId],
    most: int,
) -> list[str]:
    """Start those whose turn has come, a few at a time; a sentence on each.

    With a daemon its sensor does so.

    Args:
        look_after: Starts the controller of one.
        besides: Those that somebody here follows anyway.

    Raises:
        StorageUnavailable: The database does not answer.
    """
    if platform.has_daemon:
        return []
    due = [name for name in platform.claims.due() if name not in besides]
    said: list[str] = []
    for sweep_id in due[:most]:
        said += look_after(sweep_id) or [f"{sweep_id}: what it waited for has ended; it starts"]
    return said


def tell_end(platform: Platform, sweep_id: SweepId) -> list[str]:
    """Let Dagster show one that has failed by the end of another; says so, unless somebody was faster.

    Raises:
        StorageUnavailable: One of the two databases does not answer.
    """
    reason = platform.claims.claim_end(sweep_id)
    if reason is None:
        return []
    with dagster_outages():
        report_failed(platform, sweep_id, reason)
    return [f"{sweep_id}: {reason}"]
