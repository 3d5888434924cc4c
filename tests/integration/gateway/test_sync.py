"""Scripts without a gateway, and `sweepworks sync` afterwards."""

import dataclasses
import datetime as dt
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from sweepworks.frames import read_batches
from sweepworks.spool import Spool
from sweepworks.wire import decode_flush, encode_flush

from tests.integration.gateway.conftest import TOKEN, Platform, a_flush, bearer, wait_for

SCRIPT = """
import sys, sweepworks
run = sweepworks.init(
    "digits", params={"lr": 0.1, "layers": [1, 2], "name": "\\ud800x"}, tags={"team": "vision"}
)
for step in range(300):
    run.log({"loss": 1 / (step + 1), "nan": float("nan")}, step=step)
run.add_params({"depth": 3})
run.tag(fold=2)
open("model.bin", "wb").write(b"weights" * 1000)
run.log_artifact("model.bin", type="model")
open("model.bin", "wb").write(b"other")
run.log_artifact("model.bin", name="sub/other.bin")
for level in (1, 2, 3):
    run.report(level, val=level / 2)
print(run.id, run.seed)
"""
MANY = """
import sweepworks
run = sweepworks.init()
for level in range(300):
    run.log({"loss": float(level)}, step=level)
    run.report(level, val=float(level))
print(run.id)
"""
LARGE = """
import sweepworks
run = sweepworks.init()
for level in range(20):
    for step in range(100_000):
        run.log({"loss": 1.0}, step=100_000 * level + step)
    run.report(level, val=float(level))
print(run.id)
"""
WAITING = """
import sys, sweepworks
run = sweepworks.init()
run.report(1, val=0.5)
print("there", flush=True)
sys.stdin.read()
"""


class Bench:
    """A folder of scripts, and the command."""

    def __init__(self, folder: Path, platform: Platform) -> None:
        self.folder = folder
        self.spool = folder / "spool"
        self.platform = platform

    def script(self, text: str, *, mode: str = "offline", **variables: str) -> list[str]:
        """What it printed."""
        done = subprocess.run(
            [sys.executable, "-c", text],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self.environment(SWEEPWORKS_MODE=mode, **variables),
            check=False,
        )
        return done.stdout.split()

    def environment(self, **variables: str) -> dict[str, str]:
        return {
            **os.environ,
            "SWEEPWORKS_SYSTEM_SECONDS": "0",  # what is counted is what scripts log
            "SWEEPWORKS_HOME": str(self.folder),
            "SWEEPWORKS_GATEWAY_URL": self.platform.url,
            "SWEEPWORKS_TOKEN": TOKEN,
            **variables,
        }

    def start_sync(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "orchestration.cli", "sync", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(**variables),
            cwd=Path(__file__).parents[3],
        )

    def sync(self, *arguments: str, code: int = 0, **variables: str) -> dict[str, Any]:
        process = self.start_sync("--json", *arguments, **variables)
        output, words = process.communicate(timeout=60)
        assert process.returncode == code, f"{output}{words}"
        return json.loads(output)

    def files(self) -> list[Path]:
        return sorted(self.spool.glob("*"))

    def record(self, run: str) -> dict[str, Any]:
        return self.platform.run(run)

    def reports(self, run: str) -> list[tuple[Any, ...]]:
        return self.platform.rows(
            'SELECT resource_level, "values" FROM reports WHERE run_id = %s ORDER BY 1', run
        )


@pytest.fixture
def bench(platform: Platform, tmp_path: Path) -> Bench:
    return Bench(tmp_path, platform)


def fates(answer: dict[str, Any]) -> list[str]:
    return [file["fate"] for file in answer["files"]]


@pytest.mark.parametrize(
    ("ending", "state"), [("", "completed"), ("sys.exit('no data')", "failed")]
)
def test_what_an_offline_script_recorded_is_what_an_online_one_would(
    bench: Bench, ending: str, state: str
) -> None:
    began = dt.datetime.now(dt.UTC)
    online, _ = bench.script(SCRIPT + ending, mode="online")
    offline, seed = bench.script(SCRIPT + ending)
    ended = dt.datetime.now(dt.UTC)
    assert bench.platform.rows("SELECT count(*) FROM runs") == [(1,)]
    time.sleep(0.5)

    answer = bench.sync()

    assert fates(answer) == ["sent"]
    assert answer["good"]
    assert bench.files() == []
    wanted, found = bench.record(online), bench.record(offline)
    for part in ("params", "tags", "summary", "notices"):
        assert found[part] == wanted[part], part
    for name in ("experiment", "state", "reason", "created_by", "sweep_id"):
        assert found["run"][name] == wanted["run"][name], name
    assert found["run"]["state"] == state
    assert found["run"]["seed"] == int(seed)
    started_at, ended_at = (
        dt.datetime.fromisoformat(found["run"][name]) for name in ("started_at", "ended_at")
    )
    assert began < started_at < ended_at < ended, "times as they were, not as they were sent"
    key = ("name", "type", "sha256", "size_bytes")
    assert [[a[k] for k in key] for a in found["artifacts"]] == [
        [a[k] for k in key] for a in wanted["artifacts"]
    ]
    read = bench.platform.get(f"/api/v1/runs/{offline}/artifacts/model.bin")
    assert read.content == b"weights" * 1000
    for name in ("loss", "nan"):
        points = [[p[0], p[2]] for p in bench.platform.points(offline, name)]
        assert points == [[p[0], p[2]] for p in bench.platform.points(online, name)]
        assert len(points) == 300
    assert bench.reports(offline) == bench.reports(online)
    assert len(bench.reports(offline)) == 3


def test_again_changes_nothing(bench: Bench) -> None:
    (run,) = bench.script(MANY)

    first = bench.sync("--keep")
    wait_for(lambda: bench.record(run)["run"]["sealed_at"])
    again = bench.sync("--keep")
    for ack in bench.spool.glob("*.ack"):
        ack.unlink()  # what was acknowledged is not known any more
    unknown = bench.sync("--keep")
    last = bench.sync()

    assert [fates(answer) for answer in (first, again, unknown, last)] == [["sent"]] * 4
    assert first["files"][0]["batches"] >= 300
    assert [answer["files"][0]["batches"] for answer in (again, last)] == [0, 0]
    assert bench.files() == []
    assert len(bench.platform.points(run)) == 300
    assert len(bench.reports(run)) == 300
    assert bench.sync()["files"] == []


@pytest.mark.slow
def test_a_sync_that_is_killed_is_followed_by_one_that_ends_it(bench: Bench) -> None:
    (run,) = bench.script(LARGE)
    count = "SELECT count(*) FROM metric_points"
    killed = bench.start_sync()
    wait_for(lambda: bench.platform.rows(count) >= [(200_000,)])
    killed.kill()
    killed.communicate()
    assert bench.platform.rows(count) < [(2_000_000,)]

    answer = bench.sync()

    assert fates(answer) == ["sent"]
    assert bench.platform.rows(count) == [(2_000_000,)]
    assert bench.platform.rows("SELECT count(DISTINCT step) FROM metric_points") == [(2_000_000,)]
    assert [row[0] for row in bench.reports(run)] == list(range(20))
    assert bench.record(run)["run"]["state"] == "completed"


def test_an_interrupted_online_run_goes_on_where_it_was(bench: Bench) -> None:
    text = """
import sys, sweepworks, time
run = sweepworks.init()
run.report(1, val=0.5)
time.sleep(0.5)
run._recorder._sender._connection._port = 1  # the gateway is gone
run._recorder._sender._connection.close()
for level in (2, 3):
    run.log({"loss": 1.0})
    run.report(level, val=0.5)
print(run.id)
"""
    (run,) = bench.script(text, mode="online", SWEEPWORKS_FINISH_TIMEOUT="0.5")
    assert len(bench.reports(run)) == 1

    answer = bench.sync()

    assert fates(answer) == ["sent"]
    assert answer["files"][0]["batches"] >= 2
    assert [row[0] for row in bench.reports(run)] == [1, 2, 3]
    assert bench.record(run)["run"]["state"] == "completed"


def test_what_is_damaged_is_said_and_skipped_and_the_others_are_sent(bench: Bench) -> None:
    runs = [bench.script(MANY)[0] for _ in range(2)]
    (damaged,) = bench.spool.glob(f"{runs[0]}-*.spool")
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 0xFF
    damaged.write_bytes(content)

    answer = bench.sync(code=1)
    by_run = {file["run"]: file for file in answer["files"]}

    assert by_run[runs[0]]["fate"] == "corrupt"
    assert by_run[runs[0]]["unstored"] == [
        f"{damaged} is damaged in its midst; nothing of it is sent"
    ]
    assert by_run[runs[1]]["fate"] == "sent"
    assert bench.files() == [damaged]
    assert damaged.read_bytes() == bytes(content)


@pytest.mark.parametrize("zeros", [False, True])
def test_a_last_batch_that_was_cut_is_left_out_and_said(bench: Bench, zeros: bool) -> None:
    (run,) = bench.script(MANY)
    (path,) = bench.files()
    content = path.read_bytes()
    path.write_bytes(content[:-20] + (bytes(4096) if zeros else b""))

    process = bench.start_sync()
    said, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    assert "its last batch was cut short and is left out" in said
    assert len(bench.reports(run)) == 300
    assert bench.record(run)["run"]["state"] == "running", "how it ended was in the last one"
    assert bench.files() == []


def test_a_living_script_is_left_alone(bench: Bench) -> None:
    script = subprocess.Popen(
        [sys.executable, "-c", WAITING],
        env=bench.environment(SWEEPWORKS_MODE="offline"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert script.stdout is not None
    script.stdout.readline()

    alive = bench.sync()
    script.communicate()
    afterwards = bench.sync()

    assert fates(alive) == ["live"]
    assert fates(afterwards) == ["sent"]


def test_what_the_gateway_does_not_know_is_refused_by_name(bench: Bench) -> None:
    spool = Spool.create(bench.spool, f"demo-abcdefgh-00001-{'0' * 16}")
    spool.append(1, b"SWF1", durable=True)
    spool.close()

    answer = bench.sync(code=1)

    assert fates(answer) == ["refused"]
    assert answer["files"][0]["unstored"] == ["there is no run 'demo-abcdefgh-00001'"]
    assert bench.files() == [spool.path]


def test_the_name_of_another_run_is_not_taken_over(bench: Bench) -> None:
    (run,) = bench.script(MANY)
    bench.sync("--keep")
    (path,) = bench.spool.glob("*.spool")
    batches = list(read_batches(path))
    path.unlink()
    impostor = Spool.create(bench.spool, path.stem, note={"run": run, "seed": 1})
    impostor.append(1000, batches[0][1], durable=True)
    impostor.close()

    answer = bench.sync(code=1)

    assert fates(answer) == ["refused"]
    assert "is another one" in answer["files"][0]["unstored"][0]


def test_what_comes_when_the_run_is_sealed_is_set_aside_and_the_reason_said(bench: Bench) -> None:
    (run,) = bench.script(MANY)
    (path,) = bench.files()
    first = bench.sync("--keep")
    wait_for(lambda: bench.record(run)["run"]["sealed_at"])
    (*_, (last, batch)) = read_batches(path)
    more = dataclasses.replace(decode_flush(batch), sequence=last + 1)
    spool = Spool.adopt(path)
    assert spool is not None
    spool.append(last + 1, encode_flush(more), durable=True)
    spool.close()

    late = bench.sync(code=1)

    assert (fates(first), fates(late)) == (["sent"], ["refused"])
    sealed, kept = late["files"][0]["unstored"]
    assert sealed == (
        f"nothing more of this run is stored: run '{run}' is sealed (completed), cannot be "
        "written to"
    )
    assert kept == f"the rest is kept in {path.with_suffix('.refused')}"
    assert [sequence for sequence, _ in read_batches(path.with_suffix(".refused"))] == [last + 1]


def test_a_gateway_that_is_away_costs_nothing(bench: Bench) -> None:
    for _ in range(2):
        bench.script(MANY)
    before = bench.files()

    answer = bench.sync(code=1, SWEEPWORKS_GATEWAY_URL="http://127.0.0.1:1")

    assert fates(answer) == ["waiting"] * 2
    assert "Connection refused" in answer["files"][0]["unstored"][0]
    assert bench.files() == before


def test_a_folder_that_is_not_there_is_wrong_usage(bench: Bench) -> None:
    process = bench.start_sync(str(bench.folder / "nowhere"))
    _, words = process.communicate(timeout=60)

    assert process.returncode == 2
    assert "does not exist" in words


def test_a_run_that_names_itself_is_made_once(platform: Platform) -> None:
    body = {"run": "scratch-abcdefghijkl", "seed": 5, "params": {"lr": 1}, "experiment": "e"}
    other = platform.token_of("other")

    def ask(token: str = TOKEN, **changes: Any) -> tuple[int, dict[str, Any]]:
        answer = platform.client.post(
            "/api/v1/runs", json={**body, **changes}, headers=bearer(token)
        )
        return answer.status_code, answer.json()

    first, again = ask(), ask(params={"lr": 2})
    flushed = platform.flush(a_flush(body["run"], 7), token=again[1]["token"])

    assert [status for status, _ in (first, again)] == [201, 200]
    assert {k: first[1][k] for k in ("run", "seed", "watermarks")} == {
        "run": body["run"],
        "seed": 5,
        "watermarks": {},
    }
    assert flushed.status_code == 200
    assert ask()[1]["watermarks"] == {"writer-1": 7}
    assert platform.run(body["run"])["params"] == {"lr": 1}
    assert ask(seed=6)[0] == 409
    assert ask(other)[0] == 409, "another tenant's is as good as another one"
    assert ask(seed=None)[0] == 422
    assert ask(run="demo-abcdefgh-00001")[0] == 422
    assert platform.rows("SELECT count(*) FROM experiments") == [(1,)]


def test_a_clock_that_is_ahead_makes_no_future(platform: Platform) -> None:
    body = {
        "run": "scratch-abcdefghijkl",
        "seed": 5,
        "started_at": "2999-01-01T00:00:00+00:00",
        "ended_at": "2001-01-01T00:00:00+00:00",
    }
    platform.client.post("/api/v1/runs", json=body, headers=bearer(TOKEN))
    platform.flush(a_flush(body["run"], finish="completed"))

    (row,) = platform.rows("SELECT started_at <= now(), ended_at = started_at FROM runs")
    assert row == (True, True)


def test_a_token_is_given_for_a_run_of_ones_own(platform: Platform) -> None:
    (trial,) = platform.trials()
    path = f"/api/v1/runs/{trial}/token"

    mine = platform.client.post(path, headers=bearer(TOKEN))
    theirs = platform.client.post(path, headers=bearer(platform.token_of("other")))
    run_token = platform.client.post(path, headers=bearer(mine.json()["token"]))

    assert platform.flush(a_flush(trial), token=mine.json()["token"]).status_code == 200
    assert [answer.status_code for answer in (mine, theirs, run_token)] == [201, 404, 401]
