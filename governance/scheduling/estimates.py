"""When those who wait will start, if everybody takes as long as is expected."""

import math

import numpy as np

from governance.scheduling.dimensions import Floats
from governance.scheduling.order import Line
from governance.scheduling.releases import Releases
from governance.scheduling.room import Scope


def estimate_starts(line: Line, *, now: float) -> Floats:
    """Seconds since 1970 for each of them; infinite: nobody can tell.

    In every scope the amounts of all in front are added up; the start is when so much will have
    become free. Who waits for those who wait themselves is told when, at their mean length, that
    many rounds have passed.
    """
    starts = np.full(len(line.trials), now)
    seconds = np.array(
        [math.nan if bunch.seconds is None else bunch.seconds for bunch in line.bunches]
    )
    members: dict[Scope, list[int]] = {}
    for row, bunch in enumerate(line.bunches):
        for scope in bunch.scopes.all:
            members.setdefault(scope, []).append(row)
    for scope, rows in members.items():
        is_member = np.zeros(len(line.bunches), dtype=np.bool_)
        is_member[rows] = True
        here = np.flatnonzero(is_member[line.bunch_of])  # by place
        took = seconds[line.bunch_of[here]]
        releases = Releases(scope)
        for index in range(line.demands.shape[1]):
            if scope.bounds(index):
                amounts = line.demands[here, index]
                at = _starts(scope, index, amounts, took, releases=releases, now=now)
                starts[here] = np.maximum(starts[here], at)
    return starts


def _starts(
    scope: Scope, index: int, amounts: Floats, seconds: Floats, *, releases: Releases, now: float
) -> Floats:
    """Start of each as far as one dimension of one scope goes."""
    starts = np.full(len(amounts), now)
    wanting = np.flatnonzero(amounts)
    if not len(wanting):
        return starts
    short = np.cumsum(amounts[wanting]) - scope.free(index)
    if short[-1] <= 0:
        return starts
    ends, released = releases.of(index)
    at = np.searchsorted(released, short)
    found = np.where(short <= 0, now, np.append(ends, math.inf)[at])
    beyond = (at == len(ends)) & (short > 0)
    if beyond.any() and scope.limit[index] > 0:
        begin = float(ends[-1]) if len(ends) else now  # infinite when any is unknown
        found[beyond] = _in_rounds(
            short[beyond] - (released[-1] if len(released) else 0.0),
            limit=scope.limit[index],
            begin=max(begin, now),
            seconds=seconds[wanting],
        )
    starts[wanting] = np.maximum(found, now)
    return starts


def _in_rounds(short: Floats, *, limit: float, begin: float, seconds: Floats) -> Floats:
    """Starts of those who wait for others who wait."""
    if np.isnan(seconds).any():
        return np.full(len(short), math.inf)
    return begin + np.ceil(np.maximum(short, 0) / limit) * float(seconds.mean())
