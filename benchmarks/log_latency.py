"""What `log` costs a training loop: `python -m benchmarks.log_latency --json`.

Each call is timed alone, the timer's own 0.05 µs included. The floor is an append to a bare deque
in the same loop; the peers are wandb (offline) and mlflow (asynchronous, local file store), where
they are installed. The slow-down is that of a loop of 1 ms steps, in blocks that log and blocks
that do not, one after the other; the gateway is dead meanwhile.
"""

import argparse
import contextlib
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import numpy as np
from sweepworks.connection import Connection
from sweepworks.run import Run
from sweepworks.spool import Spool
from sweepworks.wire import decode_flush
from threadpoolctl import threadpool_limits

from benchmarks.machine import show

Log = Callable[[Mapping[str, float], int], None]

_ONE = {"loss": 0.5}
_TEN = {f"metric_{n}": float(n) for n in range(10)}
_STEP_SECONDS = 1e-3
_BLOCK_STEPS = 50
_DEAD = "http://127.0.0.1:9"  # the discard port: nobody listens


def percentiles_us(nanoseconds: list[int]) -> dict[str, float]:
    """p50, p99 and the greatest, in microseconds."""
    p50, p99 = np.percentile(nanoseconds, [50, 99])
    return {"p50": float(p50) / 1e3, "p99": float(p99) / 1e3, "max": max(nanoseconds) / 1e3}


def time_calls(
    log: Log, values: Mapping[str, float], calls: int, *, work: Callable[[], None] | None = None
) -> dict[str, float]:
    """Microseconds of each call, with `work` before it."""
    clock = time.perf_counter_ns
    took: list[int] = []
    for step in range(calls):
        if work is not None:
            work()
        began = clock()
        log(values, step)
        took.append(clock() - began)
    return percentiles_us(took)


def void(_: object) -> None:
    """Forget a result."""


def training_step() -> Callable[[], None]:
    """About a millisecond of numpy on this machine."""
    size = 8
    while True:
        matrix = np.random.default_rng(0).random((size, size))
        began = time.perf_counter()
        for _ in range(20):
            void(matrix @ matrix)
        if (time.perf_counter() - began) / 20 >= _STEP_SECONDS:
            return lambda: void(matrix @ matrix)
        size = int(size * 1.2) + 1


def slow_down(log: Log, work: Callable[[], None], *, blocks: int) -> dict[str, float]:
    """How much longer a block takes that logs ten metrics a step: median of pairs."""

    def block(*, logs: bool) -> float:
        began = time.perf_counter()
        for step in range(_BLOCK_STEPS):
            work()
            if logs:
                log(_TEN, step)
        return time.perf_counter() - began

    pairs = [(block(logs=False), block(logs=True)) for _ in range(blocks)]
    share = statistics.median(logging / silent - 1 for silent, logging in pairs)
    again = [(block(logs=False), block(logs=False)) for _ in range(blocks)]
    noise = statistics.median(second / first - 1 for first, second in again)
    return {"share": share, "share_of_nothing": noise}


def _serve(pipe: Pipe) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            flush = decode_flush(self.rfile.read(int(self.headers["Content-Length"])))
            body = b'{"acked": %d, "control": "continue"}' % flush.sequence
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pipe.send(server.server_port)
    server.serve_forever()


@contextlib.contextmanager
def gateway() -> Iterator[str]:
    """A gateway in a process of its own that takes everything at once."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


@contextlib.contextmanager
def sweepworks_run(url: str) -> Iterator[Log]:
    """`run.log` of a trial that reports to `url`."""
    with tempfile.TemporaryDirectory(prefix="swb-") as folder:
        run = Run(
            run_id="bench-aaaaaaaa-00001",
            attempt_id=None,
            params={},
            seed=0,
            connection=Connection(url, "token"),
            spool=Spool.create(Path(folder), "bench"),
            writer="bench",
            finish_seconds=0.1 if url == _DEAD else 60.0,
        )
        yield run.log
        run.finish()


@contextlib.contextmanager
def wandb_run() -> Iterator[Log]:
    """Wandb without a network."""
    import wandb  # pyright: ignore[reportMissingImports]

    with tempfile.TemporaryDirectory(prefix="swb-") as folder:
        settings = wandb.Settings(silent=True, x_disable_stats=True)
        run: Any = wandb.init(mode="offline", dir=folder, settings=settings)
        yield lambda values, step: run.log(dict(values), step=step)
        run.finish()


@contextlib.contextmanager
def mlflow_run() -> Iterator[Log]:
    """Mlflow's asynchronous calls on a local SQLite store."""
    import mlflow  # pyright: ignore[reportMissingImports]

    with tempfile.TemporaryDirectory(prefix="swb-") as folder:
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        with mlflow.start_run():
            yield lambda values, step: mlflow.log_metrics(values, step=step, synchronous=False)
            mlflow.flush_async_logging()


def peer(open_run: Callable[[], contextlib.AbstractContextManager[Log]], calls: int) -> object:
    """A peer's percentiles, or why there are none."""
    try:
        with open_run() as log:
            return time_calls(log, _ONE, calls)
    except ImportError as exc:
        return f"not measured: {exc}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--calls", type=int, default=200_000, help="of the tight loops")
    parser.add_argument("--steps", type=int, default=5_000, help="of the loops that train")
    parser.add_argument("--peer-calls", type=int, default=2_000)
    arguments = parser.parse_args()
    threadpool_limits(1)  # else the numpy work of a step depends on who else is busy
    work = training_step()
    bare: deque[object] = deque()
    figures: dict[str, Any] = {
        "floor_append_us": time_calls(lambda values, _: bare.append(values), _ONE, arguments.calls),
    }
    bare.clear()
    with gateway() as url:
        for name, values in (("one", _ONE), ("ten", _TEN)):
            with sweepworks_run(url) as log:
                figures[f"tight_{name}_us"] = time_calls(log, values, arguments.calls)
            with sweepworks_run(url) as log:
                figures[f"training_{name}_us"] = time_calls(log, values, arguments.steps, work=work)
    with sweepworks_run(_DEAD) as log:
        figures["training_dead_us"] = time_calls(log, _TEN, arguments.steps, work=work)
        figures["slow_down_dead"] = slow_down(log, work, blocks=arguments.steps // _BLOCK_STEPS)
    figures["wandb_us"] = peer(wandb_run, arguments.peer_calls)
    figures["mlflow_us"] = peer(mlflow_run, arguments.peer_calls)
    figures["ratio_to_floor_p50"] = (
        figures["tight_one_us"]["p50"] / figures["floor_append_us"]["p50"]
    )
    show(figures, as_json=arguments.json)


if __name__ == "__main__":
    main()
