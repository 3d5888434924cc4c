"""Connections that are cut anywhere: every point is stored once, in order, whatever was lost."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from tests.cutting_proxy import Cut, CuttingProxy
from tests.integration.gateway.conftest import Platform, run_token

SCRIPT = """
import sweepworks
run = sweepworks.init()
for step in range(1000):
    run.log({"loss": step * 1.5, "lr": -step}, step=step)
    if step == 499:
        run.report(1, val_loss=0.25)
run.finish()
"""
_LINE = len(b"POST /api/v1/ingest HTTP/1.1\r\n")
_COLUMNS = 24 * 1000  # of the first flush: 500 points of two curves

CUTS = {
    "before anything": Cut(request=0),
    "after one byte": Cut(request=1),
    "in the request line": Cut(request=_LINE - 5),
    "after the request line": Cut(request=_LINE),
    "in the headers": Cut(request=_LINE + 40),
    "in the flush's header": Cut(request=-_COLUMNS - 20),
    "between header and columns": Cut(request=-_COLUMNS),
    "in the steps": Cut(request=-_COLUMNS + 8 * 500 + 3),
    "between two columns": Cut(request=-2 * 8 * 1000),
    "in the values": Cut(request=-8 * 400 - 5),
    "before the last byte": Cut(request=-1),
    "before the answer": Cut(answer=0),
    "in the status line": Cut(answer=9),
    "in the answer's headers": Cut(answer=60),
    "in the answer's body": Cut(answer=-5),
}


def run_script(platform: Platform, cut: Cut, folder: Path) -> tuple[str, CuttingProxy]:
    """A run whose first three connections are cut there; its name and the proxy."""
    run, _ = platform.scratch()
    parts = urlsplit(platform.url)
    proxy = CuttingProxy((str(parts.hostname), int(parts.port or 0)))
    proxy.cuts.extend([cut] * 3)
    with proxy.listening():
        environment = {
            "SWEEPWORKS_GATEWAY_URL": f"http://127.0.0.1:{proxy.port}",
            "SWEEPWORKS_RUN_ID": run,
            "SWEEPWORKS_RUN_TOKEN": run_token(run),
            "SWEEPWORKS_SPOOL_DIR": str(folder / run),
            "SWEEPWORKS_SYSTEM_SECONDS": "0",
            "SWEEPWORKS_PROVENANCE": "off",
        }
        subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, timeout=90, check=True, text=True
        )
    return run, proxy


def test_wherever_a_connection_is_cut_everything_is_stored_once(
    platform: Platform, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(5) as threads:  # most of their time they wait to try again
        ended = list(threads.map(lambda cut: run_script(platform, cut, tmp_path), CUTS.values()))

    for (where, cut), (run, proxy) in zip(CUTS.items(), ended, strict=True):
        assert proxy.made.count(cut) == 3, where
        for key, factor in (("loss", 1.5), ("lr", -1.0)):
            points = [(step, value) for step, _, value in platform.points(run, key)]
            assert points == [(step, step * factor) for step in range(1000)], where
        reports = platform.rows("SELECT resource_level FROM reports WHERE run_id = %s", run)
        assert reports == [(1,)], where
        assert platform.run(run)["run"]["state"] == "completed", where
        assert not list((tmp_path / run).glob("*")), f"{where}: something waits to be sent"
