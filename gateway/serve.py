"""`python -m gateway.serve`: the gateway as a process, which ends in order when it is asked to.

It is asked by SIGTERM or SIGINT, or by the end of its input when that is a pipe: whoever started it
may die without a word, and the pipe ends all the same.
"""

import argparse
import datetime as dt
import gc
import logging
import os
import signal
import socket
import stat
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

import uvicorn

from compute.kubernetes.trial_images import TrialImages
from gateway.app import Gateway
from gateway.assembly import GatewayConfiguration, open_gateway
from gateway.workers import listen, run_workers
from retention.silence import SilenceRule
from storage.artifacts.location import location_in
from storage.points.series_registry import DEFAULT_MAX_SERIES
from sweeps.errors import PermanentError, SweepsError

_LOOPBACK = "127.0.0.1"
_GRACE_SECONDS = 10  # for requests that are being answered
_MINIMUM_KEY_BYTES = 32
_SWITCH_SECONDS = 0.0005
_GARBAGE_OBJECTS = 20_000
_LEAST_SILENCE = dt.timedelta(minutes=2)

logger = logging.getLogger(__name__)


class InvalidConfiguration(PermanentError):
    """A variable of the environment that is missing or makes no sense."""


def configuration_from(environment: Mapping[str, str]) -> GatewayConfiguration:
    """The configuration in `environment`.

    Raises:
        InvalidConfiguration: Something is missing or makes no sense.
        InvalidLocation: There can be no artifacts where they are to be.
    """
    missing = [
        name
        for name in ("SWEEPWORKS_DATABASE_URL", "SWEEPWORKS_SIGNING_KEY", "SWEEPWORKS_ARTIFACTS")
        if not environment.get(name)
    ]
    if missing:
        raise InvalidConfiguration(f"set {', '.join(missing)}: the gateway needs them")
    try:
        key = bytes.fromhex(environment["SWEEPWORKS_SIGNING_KEY"])
    except ValueError:
        key = b""
    if len(key) < _MINIMUM_KEY_BYTES:
        raise InvalidConfiguration(
            "SWEEPWORKS_SIGNING_KEY is not a key; write at least 64 hexadecimal digits"
        )
    max_series = environment.get("SWEEPWORKS_MAX_SERIES") or str(DEFAULT_MAX_SERIES)
    if not max_series.isdecimal() or int(max_series) < 1:
        raise InvalidConfiguration(
            f"SWEEPWORKS_MAX_SERIES is {max_series!r}; write how many metrics a run may have"
        )
    silent_minutes = environment.get("SWEEPWORKS_SILENT_MINUTES")
    tenants = environment.get("SWEEPWORKS_TENANTS")
    expectations = environment.get("SWEEPWORKS_EXPECTATIONS")
    return GatewayConfiguration(
        database_url=environment["SWEEPWORKS_DATABASE_URL"],
        signing_key=key,
        artifacts=location_in(environment),
        tenants_file=Path(tenants).expanduser().absolute() if tenants else None,
        images=_trial_images(environment),
        expectations=Path(expectations).expanduser().absolute() if expectations else None,
        token=environment.get("SWEEPWORKS_TOKEN") or None,
        max_series=int(max_series),
        public_url=environment.get("SWEEPWORKS_PUBLIC_URL") or None,
        silence=SilenceRule(after=_minutes(silent_minutes)) if silent_minutes else SilenceRule(),
    )


def _trial_images(environment: Mapping[str, str]) -> TrialImages | None:
    if environment.get("SWEEPWORKS_LAUNCHER") != "kubernetes":
        return None
    try:
        return TrialImages.from_environment(environment, base=Path.cwd())
    except ValueError as exc:
        raise InvalidConfiguration(str(exc)) from exc


def _minutes(text: str) -> dt.timedelta:
    try:
        minutes = dt.timedelta(minutes=float(text))
    except (ValueError, OverflowError):
        minutes = dt.timedelta()
    if minutes < _LEAST_SILENCE:
        raise InvalidConfiguration(
            f"SWEEPWORKS_SILENT_MINUTES is {text!r}; write after how many minutes without a sign "
            "of life a run outside sweeps has failed, 2 or more: scripts say every minute that "
            "they live"
        )
    return minutes


def server_for(gateway: Gateway, *, host: str, port: int) -> uvicorn.Server:
    """A server that has not started yet."""
    return uvicorn.Server(
        uvicorn.Config(
            gateway,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # nothing here depends on where a request comes from
            ws="none",
            lifespan="on",
            timeout_keep_alive=75,  # scripts flush every few seconds, over one connection
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )


def at_end_of_input(stop: Callable[[], None]) -> None:
    """Stop when standard input ends, if it is a pipe or a socket."""
    mode = os.fstat(0).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return  # a terminal, or /dev/null in a container: nobody holds the other end

    def watch() -> None:
        while os.read(0, 4096):
            pass
        logger.info("the input has ended")
        stop()

    threading.Thread(target=watch, name="stdin", daemon=True).start()


def _tune_for_many_requests() -> None:
    """For a process that answers a thousand requests a second, most of them within one of its threads.

    A batch is stored in a thread of its own. When its answer comes from the database, it must not
    wait the usual 5 ms for the event loop to let it go on. And what is there at the start stays: to
    look for garbage in it at every few hundred flushes holds up all of them.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE_OBJECTS, 10, 10)


def _serve(arguments: argparse.Namespace) -> int:
    # A process of its own, so it reads its own environment.
    configuration = configuration_from(os.environ)  # noqa: TID251 - see above
    was_asked = threading.Event()
    server: uvicorn.Server | None = None

    def stop() -> None:
        was_asked.set()
        if server is not None:
            server.should_exit = True

    # uvicorn has its own handlers while it serves, and raises a signal again when it has shut down;
    # that must not look like a crash. One that comes before is not to be lost either.
    _on_signals(stop)
    with open_gateway(configuration) as gateway:
        server = server_for(gateway, host=arguments.host, port=arguments.port or 0)
        at_end_of_input(stop)
        _tune_for_many_requests()
        inherited = None if arguments.socket is None else [socket.socket(fileno=arguments.socket)]
        if not was_asked.is_set():
            server.run(sockets=inherited)
        return 0 if server.started or was_asked.is_set() else 1


def _on_signals(stop: Callable[[], None]) -> None:
    def handler(_number: int, _frame: FrameType | None) -> None:
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handler)


def _serve_by_workers(arguments: argparse.Namespace) -> int:
    stopping = threading.Event()
    _on_signals(stopping.set)
    configuration_from(os.environ)  # noqa: TID251 - one sentence, before each worker says it
    at_end_of_input(stopping.set)
    with listen(arguments.host, arguments.port) as listener:
        return run_workers(listener, arguments.workers, must_stop=stopping.is_set)


def main() -> int:
    """Serve until asked to end; 1 when that cannot begin."""
    parser = argparse.ArgumentParser(prog="python -m gateway.serve", description=__doc__)
    parser.add_argument("--host", default=_LOOPBACK)
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--port", type=int)
    place.add_argument("--socket", type=int, help="descriptor of a socket that listens: a worker's")
    parser.add_argument("--workers", type=int, default=1, choices=range(1, 65), metavar="N")
    arguments = parser.parse_args()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        return _serve(arguments) if arguments.workers == 1 else _serve_by_workers(arguments)
    except (SweepsError, OSError) as exc:
        sys.stderr.write(f"the gateway cannot start: {exc}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
