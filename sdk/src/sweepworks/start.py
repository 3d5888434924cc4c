"""`init`: which run this process is, and where it reports to."""

import base64
import contextlib
import json
import os
import re
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweepworks import environment as env
from sweepworks import places
from sweepworks.artifacts import Refused, expect
from sweepworks.checkpoints import MODES as CHECKPOINT_MODES
from sweepworks.clock import now
from sweepworks.connection import Connection, Unreachable, post_json
from sweepworks.console import Console, say
from sweepworks.provenance.capture import main_script
from sweepworks.provenance.work_tree import require_clean as check_clean
from sweepworks.run import Run
from sweepworks.spool import Spool
from sweepworks.system.sampler import DEFAULT_SECONDS
from sweepworks.values import Scalar, as_scalar, as_text, named

_BESIDE_FINISH_SECONDS = 5
_RUN = re.compile(r"[A-Za-z0-9._-]{1,200}")  # it becomes the name of a file
_current: Run | None = None


def init(
    experiment: str | None = None,
    params: Mapping[str, Scalar] | None = None,
    tags: Mapping[str, str] | None = None,
    *,
    require_clean: bool = False,
) -> Run:
    """The run of this process; a second call returns the same one, until that is finished.

    In a trial everything comes from the environment. Elsewhere a scratch run is made, tracked like
    any other; without a reachable gateway it is kept on disk for later.

    Of a trial on several nodes the process of rank 0 records. In the others the same calls do
    nothing, and nobody is told to stop; inputs and checkpoints can be read.

    Args:
        experiment: Of a scratch run; ``scratch`` by default.
        params: Of a scratch run; in a trial they are added to its configuration.
        tags: Names and values to search for.
        require_clean: Refuse to begin with code that no commit has as it is.

    Raises:
        NotClean: It is required, and the code is not; nothing is recorded.
    """
    global _current  # noqa: PLW0603 - one run a process
    is_trial = bool(os.environ.get(env.RUN_ID))
    if _current is not None and _current.is_finished:
        if is_trial:
            say(f"the trial {_current.id} is finished: nothing more is recorded of it")
        else:
            _current = None
    if _current is None:
        mode = os.environ.get(env.MODE, "online")
        if mode not in {"online", "offline", "disabled"}:
            raise ValueError(f"{env.MODE} is {mode!r}; write online, offline or disabled")
        if mode != "disabled" and (require_clean or os.environ.get(env.REQUIRE_CLEAN) == "1"):
            check_clean(_folder_of_code(main_script()) or Path())
        if is_trial:
            record = mode != "disabled" and not _is_follower()
            _current = _trial(params or {}, online=mode == "online", record=record)
        else:
            _current = _scratch(
                experiment,
                params or {},
                tags or {},
                online=mode == "online",
                record=mode != "disabled",
            )
        if tags:
            _current.tag(**{str(name): value for name, value in tags.items()})
    return _current


def _is_follower() -> bool:
    """Whether another process of the same attempt records."""
    return bool(os.environ.get(env.NODES)) and os.environ.get(env.RANK, "0") != "0"


def beside(pid: int) -> Run:
    """The trial of another process, for a reader of what that one writes.

    It waits for no decision, since its script cannot hear of any, and does not wait long at its end:
    what is in the spool by then is sent by the trial's controller.
    """
    os.environ[env.RUNGS] = ""
    os.environ[env.FINISH_TIMEOUT] = str(_BESIDE_FINISH_SECONDS)
    mode = os.environ.get(env.MODE, "online")
    return _trial({}, online=mode == "online", record=mode != "disabled", system_pid=pid)


def _trial(
    extra: Mapping[str, Scalar], *, online: bool, record: bool, system_pid: int | None = None
) -> Run:
    params = json.loads(os.environ.get(env.PARAMS) or "{}")
    url, token = os.environ.get(env.GATEWAY_URL), os.environ.get(env.RUN_TOKEN)
    return _run(
        os.environ[env.RUN_ID],
        attempt=os.environ.get(env.ATTEMPT_ID),
        params={**extra, **params},
        added={name: value for name, value in extra.items() if name not in params},
        seed=int(os.environ.get(env.SEED) or 0),
        connection=Connection(url, token) if online and url and token else None,
        record=record,
        system_pid=system_pid,
    )


def _scratch(
    experiment: str | None,
    params: Mapping[str, Scalar],
    tags: Mapping[str, str],
    *,
    online: bool,
    record: bool,
) -> Run:
    url, token = places.client()
    console = Console()
    described: dict[str, Any] = {
        "run": f"scratch-{base64.b32encode(secrets.token_bytes(8)).decode().lower()[:12]}",
        "seed": secrets.randbits(32),
        "experiment": experiment,
        "params": named(params, as_scalar, leave_out=console.leave_out),
        "tags": named(tags, as_text, leave_out=console.leave_out),
        "script": as_text(sys.argv[0]) if sys.argv else "",
    }
    connection = None
    if online and record and url and token:
        try:
            with contextlib.closing(Connection(url, token)) as asking:
                opened = _opened(*post_json(asking, "/api/v1/runs", described))
        except Unreachable as exc:
            say(f"the gateway does not answer ({exc}); this run is kept on disk")
        except Refused as exc:
            say(f"the gateway refuses a run: {exc}; it is kept on disk")
        else:
            described |= {"run": opened.run, "seed": opened.seed}
            connection = Connection(url, opened.token)
            say(f"scratch run {opened.run}")
    elif online and record:
        say("no gateway is known here (`sweepworks up` starts one); this run is kept on disk")
    return _run(
        described["run"],
        attempt=None,
        params=params,
        added={},
        seed=described["seed"],
        connection=connection,
        record=record,
        note={**described, "started_at": now()},
    )


@dataclass(frozen=True, slots=True)
class _Opened:
    """A scratch run that the gateway has made."""

    run: str
    seed: int
    token: str


def _opened(status: int, answer: dict[str, Any]) -> _Opened:
    """Raises Unreachable or Refused when there is none."""
    # 200: it was made, and the answer lost.
    made = expect(status, answer, "run", "seed", "token", good=(200, 201))
    run, seed, token = made["run"], made["seed"], made["token"]
    is_run = isinstance(run, str) and _RUN.fullmatch(run)
    is_token = isinstance(token, str) and token.isascii() and token.isprintable()
    if not is_run or not is_token or type(seed) is not int:
        raise Unreachable("what it says of the run makes no sense")
    return _Opened(run, seed, token)


def _run(
    run_id: str,
    *,
    attempt: str | None,
    params: Mapping[str, Scalar],
    added: Mapping[str, Scalar],
    seed: int,
    connection: Connection | None,
    record: bool,
    note: Mapping[str, object] | None = None,
    system_pid: int | None = None,
) -> Run:
    checkpoints = os.environ.get(env.CHECKPOINTS) or "rungs"
    if checkpoints not in CHECKPOINT_MODES:
        raise ValueError(f"{env.CHECKPOINTS} is {checkpoints!r}; write rungs, all or none")
    writer = f"{secrets.token_hex(8)}"
    script = main_script() if system_pid is None else None  # a reader is not what it reads of
    rungs = tuple(int(rung) for rung in (os.environ.get(env.RUNGS) or "").split(",") if rung)
    max_resource = os.environ.get(env.MAX_RESOURCE)
    run = Run(
        run_id=run_id,
        attempt_id=attempt,
        params=params,
        seed=seed,
        connection=connection,
        spool=_spool(f"{run_id}-{writer}", note) if record else None,
        writer=writer,
        rungs=rungs,
        max_resource=int(max_resource) if max_resource else None,
        checkpoints=checkpoints,
        decision_timeout=float(os.environ.get(env.DECISION_TIMEOUT) or 2.0),
        flush_seconds=float(os.environ.get(env.FLUSH_SECONDS) or 2.0),
        finish_seconds=float(os.environ.get(env.FINISH_TIMEOUT) or 30.0),
        spool_bytes=int(float(os.environ.get(env.SPOOL_MEGABYTES) or 512) * 1_000_000),
        system_seconds=float(os.environ.get(env.SYSTEM_SECONDS) or DEFAULT_SECONDS),
        system_pid=system_pid,
        code_folder=_code_folder(script),
        script=script,
    )
    if added:
        run.add_params(added)
    return run


def _code_folder(script: Path | None) -> Path | None:
    mode = os.environ.get(env.PROVENANCE) or "on"
    if mode not in {"on", "off"}:
        raise ValueError(f"{env.PROVENANCE} is {mode!r}; write on or off")
    if mode == "off":
        return None
    return _folder_of_code(script)


def _folder_of_code(script: Path | None) -> Path | None:
    if source := os.environ.get(env.SOURCE_DIR):
        return Path(source)
    if script is not None:
        return script.parent
    try:
        return Path.cwd()
    except OSError:  # it was removed
        return None


def _spool(name: str, note: Mapping[str, object] | None) -> Spool | None:
    """A file to record in; None, and said, where there is no place for one.

    Args:
        note: Of which the run can be made where it is not known yet.
    """
    reasons: list[str] = []
    for folder in places.spool_folders():
        try:
            return Spool.create(folder, name, note=note)
        except OSError as exc:
            reasons.append(f"{folder}: {exc.strerror}")
    say(f"nothing is recorded, since no folder can be written: {'; '.join(reasons)}")
    return None
