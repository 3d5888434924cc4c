"""What a plot asks for, from the parameters of a request."""

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from gateway.errors import InvalidRequest
from retention.resolution import Axis, Viewport
from sweeps import ids
from sweeps.errors import RunNotFound
from sweeps.ids import RunId

MOST_RUNS, MOST_KEYS, MOST_CURVES = 200, 20, 400
DEFAULT_PIXELS = 800
_TENTHS = 10
_FARTHEST = 2**60

#: What a script logs, and what is measured beside it.
Family = Literal["user", "system"]
Pixels = Annotated[int, Field(ge=1, le=4000)]
End = Annotated[float | None, Field(allow_inf_nan=False)]


async def _given(
    axis: Axis | None = None,
    pixels: Pixels | None = None,
    low: Annotated[End, Query(alias="from")] = None,
    high: Annotated[End, Query(alias="to")] = None,
) -> Viewport | None:
    if axis is None and pixels is None and low is None and high is None:
        return None
    return viewport(axis or Axis.STEP, low, high, pixels or DEFAULT_PIXELS)


#: What a request's parameters say of a plot; None when they say nothing.
GivenViewport = Annotated[Viewport | None, Depends(_given)]


class SeriesQuery(BaseModel):
    """Curves for one plot. `from` and `to` are steps, or seconds of the axis."""

    model_config = ConfigDict(populate_by_name=True)

    runs: list[str]
    keys: list[str]
    family: Family = "user"
    axis: Axis = Axis.STEP
    low: End = Field(default=None, alias="from")
    high: End = Field(default=None, alias="to")
    pixels: Pixels = DEFAULT_PIXELS


def viewport(axis: Axis, low: float | None, high: float | None, pixels: int) -> Viewport:
    """The part of an axis that is seen.

    Raises:
        InvalidRequest: It is empty, or beyond all that is.
    """
    scale = 1 if axis is Axis.STEP else _TENTHS
    ends = [end * scale for end in (low, high) if end is not None]
    if any(abs(end) > _FARTHEST for end in ends):
        raise InvalidRequest("`from` and `to` are beyond what a curve can have")
    if len(ends) == 2 and ends[0] > ends[1]:
        raise InvalidRequest("`from` is behind `to`")
    return Viewport(
        axis=axis,
        pixels=pixels,
        low=None if low is None else math.floor(low * scale),
        high=None if high is None else math.ceil(high * scale),
    )


def asked_runs(names: Sequence[str]) -> list[RunId]:
    """Those runs, each once.

    Raises:
        InvalidRequest: There are none, or too many.
        RunNotFound: One of them cannot be a name.
    """
    runs = list(dict.fromkeys(names))
    if not 1 <= len(runs) <= MOST_RUNS:
        raise InvalidRequest(f"a plot has 1 to {MOST_RUNS} runs, not {len(runs)}")
    for run in runs:
        if not ids.is_name(run):
            raise RunNotFound(run[:80])
    return [RunId(run) for run in runs]


def asked_keys(names: Sequence[str], *, n_runs: int) -> list[str]:
    """Those keys, each once.

    Raises:
        InvalidRequest: There are none, or too many for that many runs.
    """
    keys = list(dict.fromkeys(names))
    if not 1 <= len(keys) <= MOST_KEYS:
        raise InvalidRequest(f"a plot has 1 to {MOST_KEYS} keys, not {len(keys)}")
    if len(keys) * n_runs > MOST_CURVES:
        raise InvalidRequest(
            f"{n_runs} runs with {len(keys)} keys are {len(keys) * n_runs} curves; "
            f"a plot shows at most {MOST_CURVES}, so ask for fewer runs or keys"
        )
    if any("\x00" in key for key in keys):
        raise InvalidRequest("a key has no NUL")
    return keys
