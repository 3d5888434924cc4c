"""Names of sweeps, runs and attempts: the only module that builds or takes apart such a string.

A name is its own identifier. It is unique without asking the database, sorts by trial number, and
is short enough for a Kubernetes label (63 characters) and safe as a folder name.
"""

import base64
import re
from typing import NewType

TenantId = NewType("TenantId", str)
SweepId = NewType("SweepId", str)
RunId = NewType("RunId", str)
AttemptId = NewType("AttemptId", str)

MAX_SLUG_LENGTH = 30  # + 8 base32 + 5 digits + attempt suffix stays below 63
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SCRATCH = re.compile(r"scratch-[a-z2-7]{12}")
_ATTEMPT = re.compile(r"(?P<run>.+)-a(?P<number>[1-9][0-9]{0,3})")


def slug(text: str) -> str:
    """Lower-case letters, digits and single dashes of `text`, at most 30 characters."""
    dashed = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return dashed[:MAX_SLUG_LENGTH].rstrip("-") or "sweep"


def base32(entropy: bytes, length: int) -> str:
    """First `length` characters of `entropy` in lower-case base 32 (RFC 4648, without padding)."""
    return base64.b32encode(entropy).decode("ascii").lower().rstrip("=")[:length]


def sweep_id(experiment: str, *, entropy: bytes) -> SweepId:
    """Name of a new sweep: the experiment's slug and 8 characters from 5 bytes of `entropy`."""
    return SweepId(f"{slug(experiment)}-{base32(entropy, 8)}")


def run_id(sweep: SweepId, number: int) -> RunId:
    """Name of trial `number` (from 1) of a sweep. Twice the same call is twice the same run."""
    return RunId(f"{sweep}-{number:05d}")


def scratch_run_id(*, entropy: bytes) -> RunId:
    """Name of a run outside any sweep, 12 characters from 8 bytes of `entropy`."""
    return RunId(f"scratch-{base32(entropy, 12)}")


def is_scratch_run(text: str) -> bool:
    """Whether `text` is what `scratch_run_id` makes: scripts without a gateway make it, too."""
    return _SCRATCH.fullmatch(text) is not None


def attempt_id(run: RunId, number: int) -> AttemptId:
    """Name of execution `number` (from 1) of a run."""
    return AttemptId(f"{run}-a{number}")


def run_of(attempt: AttemptId) -> RunId:
    """The run that an attempt executes."""
    match = _ATTEMPT.fullmatch(attempt)
    if match is None:
        raise ValueError(f"{attempt!r} is not the name of an attempt")
    return RunId(match["run"])


def sweep_of(attempt: AttemptId) -> SweepId:
    """The sweep whose trial an attempt executes."""
    return SweepId(run_of(attempt).rpartition("-")[0])


def is_name(text: str) -> bool:
    """Whether `text` can be one of our names; checked before any of them becomes a path."""
    return _NAME.fullmatch(text) is not None
