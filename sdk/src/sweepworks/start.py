"""`init`: which run this process is, and where it reports to."""

import contextlib
import json
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from sweepworks import environment as env
from sweepworks.checkpoints import MODES as CHECKPOINT_MODES
from sweepworks.connection import Connection, Unreachable, post_json
from sweepworks.run import Run
from sweepworks.spool import Spool, spool_folders
from sweepworks.values import Scalar, as_scalar, as_text, named

_current: Run | None = None


def init(
    experiment: str | None = None,
    params: Mapping[str, Scalar] | None = None,
    tags: Mapping[str, str] | None = None,
) -> Run:
    """The run of this process; a second call returns the same one, until that is finished.

    In a trial everything comes from the environment. Elsewhere a scratch run is made, tracked like
    any other; without a reachable gateway it is kept on disk for later.

    Args:
        experiment: Of a scratch run; ``scratch`` by default.
        params: Of a scratch run; in a trial they are added to its configuration.
        tags: Names and values to search for.
    """
    global _current  # noqa: PLW0603 - one run a process
    is_trial = bool(os.environ.get(env.RUN_ID))
    if _current is not None and _current.is_finished:
        if is_trial:
            _say(f"the trial {_current.id} is finished: nothing more is recorded of it")
        else:
            _current = None
    if _current is None:
        mode = os.environ.get(env.MODE, "online")
        if mode not in {"online", "offline", "disabled"}:
            raise ValueError(f"{env.MODE} is {mode!r}; write online, offline or disabled")
        if is_trial:
            _current = _trial(params or {}, online=mode == "online", record=mode != "disabled")
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


def _trial(extra: Mapping[str, Scalar], *, online: bool, record: bool) -> Run:
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
    )


def _scratch(
    experiment: str | None,
    params: Mapping[str, Scalar],
    tags: Mapping[str, str],
    *,
    online: bool,
    record: bool,
) -> Run:
    url, token = _client()
    described = {
        "experiment": experiment,
        "params": named(params, as_scalar, leave_out=_leave_out),
        "tags": named(tags, as_text, leave_out=_leave_out),
        "script": sys.argv[0] if sys.argv else "",
    }
    if online and record and url and token:
        try:
            with contextlib.closing(Connection(url, token)) as connection:
                status, answer = post_json(connection, "/api/v1/runs", described)
        except Unreachable as exc:
            _say(f"the gateway does not answer ({exc}); this run is kept on disk")
        else:
            if status == 201:
                run_id = str(answer["run"])
                _say(f"scratch run {run_id}")
                return _run(
                    run_id,
                    attempt=None,
                    params=params,
                    added={},
                    seed=int(answer["seed"]),
                    connection=Connection(url, str(answer["token"])),
                    record=True,
                )
            _say(f"the gateway refuses a run: {answer.get('error', status)}; it is kept on disk")
    elif online and record:
        _say("no gateway is known here (`sweepworks up` starts one); this run is kept on disk")
    return _run(
        f"scratch-{secrets.token_hex(6)}",
        attempt=None,
        params=params,
        added=params,
        seed=secrets.randbits(32),
        connection=None,
        record=record,
    )


def _run(
    run_id: str,
    *,
    attempt: str | None,
    params: Mapping[str, Scalar],
    added: Mapping[str, Scalar],
    seed: int,
    connection: Connection | None,
    record: bool,
) -> Run:
    checkpoints = os.environ.get(env.CHECKPOINTS) or "rungs"
    if checkpoints not in CHECKPOINT_MODES:
        raise ValueError(f"{env.CHECKPOINTS} is {checkpoints!r}; write rungs, all or none")
    writer = f"{secrets.token_hex(8)}"
    rungs = tuple(int(rung) for rung in (os.environ.get(env.RUNGS) or "").split(",") if rung)
    max_resource = os.environ.get(env.MAX_RESOURCE)
    run = Run(
        run_id=run_id,
        attempt_id=attempt,
        params=params,
        seed=seed,
        connection=connection,
        spool=_spool(f"{run_id}-{writer}") if record else None,
        writer=writer,
        rungs=rungs,
        max_resource=int(max_resource) if max_resource else None,
        checkpoints=checkpoints,
        decision_timeout=float(os.environ.get(env.DECISION_TIMEOUT) or 2.0),
        flush_seconds=float(os.environ.get(env.FLUSH_SECONDS) or 2.0),
        finish_seconds=float(os.environ.get(env.FINISH_TIMEOUT) or 30.0),
        spool_bytes=int(float(os.environ.get(env.SPOOL_MEGABYTES) or 512) * 1_000_000),
    )
    if added:
        run.add_params(added)
    return run


def _spool(name: str) -> Spool | None:
    """A file to record in; None, and said, where there is no place for one."""
    reasons: list[str] = []
    for folder in spool_folders(os.environ.get(env.SPOOL_DIR) or _home_spool()):
        try:
            return Spool.create(folder, name)
        except OSError as exc:
            reasons.append(f"{folder}: {exc.strerror}")
    _say(f"nothing is recorded, since no folder can be written: {'; '.join(reasons)}")
    return None


def _client() -> tuple[str | None, str | None]:
    """Address and token of a gateway: from the environment, else from the nearest home."""
    url, token = os.environ.get(env.GATEWAY_URL), os.environ.get(env.API_TOKEN)
    if url and token:
        return url, token
    found = _client_file()
    return (found.get("gateway_url"), found.get("token")) if found else (None, None)


def _client_file() -> dict[str, Any] | None:
    home = _home()
    if home is not None:
        with contextlib.suppress(OSError, ValueError):
            document = json.loads((home / "client.json").read_text(encoding="utf-8"))
            return cast("dict[str, Any]", document) if isinstance(document, dict) else None
    return None


def _home() -> Path | None:
    if given := os.environ.get(env.HOME):
        return Path(given)
    here = Path.cwd()
    return next(
        (p / ".sweepworks" for p in (here, *here.parents) if (p / ".sweepworks").is_dir()), None
    )


def _home_spool() -> str | None:
    home = _home()
    return None if home is None else str(home / "spool")


def _leave_out(why: str) -> None:
    _say(f"left out: {why}")


def _say(sentence: str) -> None:
    print(f"sweepworks: {sentence}", file=sys.stderr, flush=True)  # noqa: T201 - for the person at the console
