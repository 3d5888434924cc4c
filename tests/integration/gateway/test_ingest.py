"""Flushes over HTTP: stored once, acknowledged after the commit, refused with a reason."""

import concurrent.futures
import datetime as dt
import json
import math
import struct
import threading
import time
from pathlib import Path

import httpx
import pytest
from sweepworks.wire import ReportRecord, encode_flush

from retention.sealing import SealingRule
from retention.silence import SilenceRule
from storage.database import open_pool, transaction
from storage.sweeps.catalog import SweepCatalog
from sweeps.states import SweepRequest
from tests.factories import SWEEP
from tests.integration.gateway.conftest import (
    NOW_US,
    TOKEN,
    Platform,
    a_flush,
    bearer,
    listening,
    run_token,
    some_points,
    wait_for,
)
from tests.plugins.postgres import Database

TENTH_US = 100_000


def test_points_come_back_as_they_were_sent(platform: Platform) -> None:
    run, _token = platform.scratch()
    year = 365 * 86_400_000_000
    sent = [
        (-5, NOW_US, 0.1),
        (2**62, NOW_US + TENTH_US, -0.0),
        (0, NOW_US + 2 * TENTH_US, 5e-324),
        (1, NOW_US - 30 * year, 1.0),
        (2, NOW_US + 30 * year, 2.0),
    ]

    answer = platform.flush(a_flush(run, points={"loss": sent, "a/b c%": [(0, NOW_US, 7.0)]}))

    assert answer.status_code == 200
    assert answer.json() == {"acked": 1, "control": "continue", "refused": []}
    assert platform.points(run) == [list(row) for row in sorted(sent, key=lambda row: row[1])]
    assert platform.points(run, "a/b%20c%25") == [[0, NOW_US, 7.0]]
    keys = platform.get(f"/api/v1/runs/{run}/series").json()["series"]
    assert keys == [{"key": "a/b c%", "family": "user"}, {"key": "loss", "family": "user"}]


def test_times_are_kept_to_a_tenth_of_a_second(platform: Platform) -> None:
    run, _token = platform.scratch()
    sent = [(0, NOW_US + 199_999, 1.0), (1, NOW_US + 100_000, 2.0), (2, -1, 3.0)]

    platform.flush(a_flush(run, points={"loss": sent}))

    assert platform.points(run) == [
        [2, -TENTH_US, 3.0],
        [0, NOW_US + TENTH_US, 1.0],
        [1, NOW_US + TENTH_US, 2.0],
    ]


def test_values_that_are_not_finite_survive(platform: Platform) -> None:
    run, _token = platform.scratch()
    values = [math.nan, math.inf, -math.inf, 1.0]

    platform.flush(a_flush(run, points={"x": [(i, NOW_US + i, v) for i, v in enumerate(values)]}))

    assert [value for _, _, value in platform.points(run, "x")] == ["nan", "inf", "-inf", 1.0]
    ((stored,),) = platform.rows("SELECT count(*) FROM metric_points WHERE value = 'NaN'")
    assert stored == 1


def test_a_repeated_flush_is_acknowledged_and_not_stored_again(platform: Platform) -> None:
    run, _token = platform.scratch()
    flush = a_flush(run, points=some_points(100))

    answers = [platform.flush(flush) for _ in range(3)]

    assert [answer.json()["acked"] for answer in answers] == [1, 1, 1]
    assert len(platform.points(run)) == 100


def test_an_older_flush_after_a_newer_one_is_a_duplicate_and_gaps_are_fine(
    platform: Platform,
) -> None:
    run, _token = platform.scratch()

    for sequence in (1, 5, 3, 9):
        answer = platform.flush(a_flush(run, sequence, some_points(1, first=sequence)))
        assert answer.status_code == 200

    assert [step for step, _, _ in platform.points(run)] == [1, 5, 9]


def test_two_writers_of_a_run_count_for_themselves(platform: Platform) -> None:
    run, _token = platform.scratch()

    for writer in ("rank-0", "rank-1"):
        for sequence in (1, 2):
            points = some_points(1, first=sequence, key=writer)
            assert platform.flush(a_flush(run, sequence, points, writer=writer)).status_code == 200

    assert len(platform.points(run, "rank-0")) == len(platform.points(run, "rank-1")) == 2


def test_many_runs_at_once_lose_nothing_and_store_nothing_twice(platform: Platform) -> None:
    runs = [platform.scratch() for _ in range(8)]

    def script(run: str, token: str) -> None:
        with httpx.Client(base_url=platform.url, trust_env=False, timeout=20) as client:
            for sequence in range(1, 21):
                body = encode_flush(a_flush(run, sequence, some_points(50, first=sequence * 50)))
                headers = {**bearer(token), "Content-Type": "application/x-sweepworks-flush"}
                for _ in range(2):  # each one twice, as a client would that lost the answer
                    answer = client.post("/api/v1/ingest", content=body, headers=headers)
                    assert answer.status_code == 200

    with concurrent.futures.ThreadPoolExecutor(8) as scripts:
        list(scripts.map(lambda item: script(*item), runs))

    ((n, distinct),) = platform.rows(
        "SELECT count(*), count(DISTINCT (series_id, step)) FROM metric_points"
    )
    assert (n, distinct) == (8 * 20 * 50, 8 * 20 * 50)
    metrics = platform.client.get("/metrics").text
    assert f"sweepworks_ingest_points_total {8 * 20 * 50}" in metrics
    assert 'sweepworks_ingest_requests_total{status="200"} 320' in metrics
    assert "sweepworks_ingest_backlog_bytes 0" in metrics


def test_the_same_flush_at_the_same_moment_is_stored_once(platform: Platform) -> None:
    run, token = platform.scratch()
    body = encode_flush(a_flush(run, points=some_points(10)))
    headers = {**bearer(token), "Content-Type": "application/x-sweepworks-flush"}

    def send() -> int:
        url = f"{platform.url}/api/v1/ingest"
        return httpx.post(url, content=body, headers=headers, trust_env=False).status_code

    with concurrent.futures.ThreadPoolExecutor(6) as clients:
        statuses = [done.result() for done in [clients.submit(send) for _ in range(6)]]

    assert statuses == [200] * 6
    assert len(platform.points(run)) == 10


def test_a_report_carries_the_objective_of_its_sweep(platform: Platform) -> None:
    (run,) = platform.trials()
    reports = [
        ReportRecord(level=1, values={"score": 0.5, "loss": math.nan}, time_us=NOW_US),
        ReportRecord(level=2, values={"loss": 1.0}, time_us=NOW_US),
        ReportRecord(level=3, values={"score": math.inf}, time_us=NOW_US),
    ]

    platform.flush(a_flush(run, reports=reports))
    platform.flush(
        a_flush(run, 2, reports=[ReportRecord(level=1, values={"score": 9.0}, time_us=0)])
    )

    rows = platform.rows(
        'SELECT resource_level, sweep_id, value, "values" FROM reports ORDER BY resource_level'
    )
    assert rows == [
        (1, SWEEP, 0.5, {"score": 0.5, "loss": "nan"}),
        (2, SWEEP, None, {"loss": 1.0}),
        (3, SWEEP, math.inf, {"score": "inf"}),
    ]


def test_the_objective_may_follow_what_else_was_reported_of_a_level(platform: Platform) -> None:
    (run,) = platform.trials()

    def told(level: int, **values: float) -> ReportRecord:
        return ReportRecord(level=level, values=values, time_us=NOW_US)

    platform.flush(a_flush(run, 1, reports=[told(1, loss=1.0), told(2, loss=2.0)]))
    platform.flush(a_flush(run, 2, reports=[told(1, score=0.5), told(1, score=0.7)]))
    platform.flush(a_flush(run, 3, reports=[told(1, score=0.9, other=3.0), told(3, a=1.0)]))
    platform.rows("UPDATE reports SET decision = 'continue', sequence = 1 WHERE resource_level = 2")
    platform.flush(a_flush(run, 4, reports=[told(2, score=0.1), told(3, score=0.3, a=7.0)]))

    rows = platform.rows('SELECT resource_level, value, "values" FROM reports ORDER BY 1')
    assert rows == [
        (1, 0.5, {"loss": 1.0, "score": 0.5}),
        (2, None, {"loss": 2.0}),
        (3, 0.3, {"a": 1.0, "score": 0.3}),
    ]


def test_a_decision_is_null_until_the_search_has_decided(platform: Platform) -> None:
    (run,) = platform.trials()
    path = f"/api/v1/runs/{run}/decision?level=1"
    report = ReportRecord(level=1, values={"score": 0.5}, time_us=NOW_US)

    before = platform.get(path, token=run_token(run)).json()
    platform.flush(a_flush(run, reports=[report]))
    undecided = platform.get(path, token=run_token(run)).json()
    platform.rows("UPDATE reports SET decision = 'stop', sequence = 1")
    platform.rows("UPDATE run_activity SET control = 'stop'")
    decided = platform.get(path, token=run_token(run)).json()
    answer = platform.flush(a_flush(run, 2, beat=True))

    assert (before, undecided) == ({"decision": None}, {"decision": None})
    assert decided == {"decision": "stop"}
    assert answer.json()["control"] == "stop"


def test_a_beat_beside_the_flushes_is_a_sign_of_life(platform: Platform) -> None:
    run, other = platform.trials(2)
    platform.rows("UPDATE run_activity SET last_seen_at = now() - interval '1 hour'")
    path, silence = f"/api/v1/runs/{run}/beat", "SELECT now() - last_seen_at FROM run_activity"

    def beat(as_run: str) -> httpx.Response:
        return platform.client.post(path, json={}, headers=bearer(run_token(as_run)))

    answer, foreign = beat(run), beat(other)
    platform.rows("UPDATE run_activity SET control = 'pause'")
    paused = beat(run)

    assert (answer.status_code, answer.json()) == (200, {"control": "continue"})
    assert foreign.status_code == 403
    assert paused.json() == {"control": "pause"}
    (lives,) = platform.rows(f"{silence} WHERE run_id = '{run}'")
    (silent,) = platform.rows(f"{silence} WHERE run_id = '{other}'")
    assert lives[0].total_seconds() < 60
    assert silent[0].total_seconds() > 3000


def test_scripts_of_a_cancelled_sweep_are_told_to_stop(platform: Platform) -> None:
    (run,) = platform.trials()
    SweepCatalog(platform.pool).request(SWEEP, SweepRequest.CANCEL)

    answer = platform.flush(a_flush(run, beat=True))
    decision = platform.get(f"/api/v1/runs/{run}/decision?level=1", token=run_token(run))

    assert answer.json()["control"] == "stop"
    assert decision.json() == {"decision": "stop"}


def test_params_are_set_once_and_tags_as_often_as_one_likes(platform: Platform) -> None:
    run, _token = platform.scratch(params={"lr": 0.1}, tags={"team": "a"})

    first = platform.flush(a_flush(run, 1, params={"depth": 3, "lr": 0.1}, tags={"team": "b"}))
    second = platform.flush(a_flush(run, 2, params={"depth": 4, "name": "x"}, tags={"team": "c"}))

    assert first.json()["refused"] == []
    assert [part["what"] for part in second.json()["refused"]] == ["param 'depth'"]
    record = platform.run(run)
    assert record["params"] == {"lr": 0.1, "depth": 3, "name": "x"}
    assert record["tags"] == {"team": "c"}


def test_only_a_sign_of_training_counts_as_life(platform: Platform) -> None:
    run, _token = platform.scratch()
    last_seen = "SELECT last_seen_at FROM run_activity WHERE run_id = %s"
    (before,) = platform.rows(last_seen, run)

    platform.flush(a_flush(run, 1, tags={"a": "b"}))
    (after_tags,) = platform.rows(last_seen, run)
    platform.flush(a_flush(run, 2, beat=True))
    (after_beat,) = platform.rows(last_seen, run)

    assert before == after_tags
    assert after_beat > after_tags


def test_summaries_hold_last_least_greatest_and_count(platform: Platform) -> None:
    run, _token = platform.scratch()
    nan = math.nan
    first = {"x": [(0, NOW_US, 3.0), (2, NOW_US, nan), (1, NOW_US, -1.0)], "n": [(0, NOW_US, nan)]}
    second = {"x": [(1, NOW_US, 9.0)], "y": [(0, NOW_US, math.inf)], "n": [(1, NOW_US, 4.0)]}

    platform.flush(a_flush(run, 1, first))
    platform.flush(a_flush(run, 2, second))

    assert platform.run(run)["summary"] == {
        "x": {"last": "nan", "step": 2, "min": -1.0, "max": 9.0, "at_best": None, "count": 4},
        "y": {"last": "inf", "step": 0, "min": None, "max": None, "at_best": None, "count": 1},
        "n": {"last": 4.0, "step": 1, "min": 4.0, "max": 4.0, "at_best": None, "count": 2},
    }


def test_a_script_ends_its_scratch_run_and_the_run_is_sealed(platform: Platform) -> None:
    run, _token = platform.scratch()
    assert platform.run(run)["run"]["state"] == "running"

    platform.flush(a_flush(run, 1, some_points(1), finish="failed", message="out of patience"))

    record = wait_for(lambda: (r := platform.run(run)["run"])["sealed_at"] and r)
    assert (record["state"], record["reason"]) == ("failed", "out of patience")
    late = platform.flush(a_flush(run, 2, some_points(1)))
    assert late.status_code == 409
    assert "sealed" in late.json()["error"]
    assert len(platform.points(run)) == 1


def test_a_silent_scratch_run_fails_and_its_script_is_told_why_nothing_more_is_stored(
    database: Database, tmp_path: Path
) -> None:
    rules = {
        "silence": SilenceRule(after=dt.timedelta(minutes=5)),
        "sealing": SealingRule(lost_grace=dt.timedelta(0)),
    }
    with listening(database, tmp_path, **rules) as platform:
        silent, lives = platform.scratch()[0], platform.scratch()[0]
        (trial,) = platform.trials()
        assert platform.flush(a_flush(silent, 1, some_points(3))).status_code == 200
        platform.rows(
            "UPDATE run_activity SET last_seen_at = now() - interval '6 minutes'"
            " WHERE run_id = ANY(%s)",
            [silent, trial],
        )

        record = wait_for(lambda: (r := platform.run(silent)["run"])["sealed_at"] and r)
        late = platform.flush(a_flush(silent, 2, some_points(3, first=3)))
        again = platform.flush(a_flush(silent, 1, some_points(3)))

        assert record["state"] == "failed"
        assert record["reason"].startswith("silent since 20")
        assert late.status_code == 409
        assert late.json()["error"] == (
            f"run '{silent}' is sealed (failed: {record['reason']}), cannot be written to"
        )
        assert again.json()["acked"] == 1, "it is stored; its answer may have been lost"
        assert len(platform.points(silent)) == 3
        assert [platform.run(run)["run"]["state"] for run in (lives, trial)] == ["running"] * 2
        assert "sweepworks_silent_runs_total 1" in platform.client.get("/metrics").text


@pytest.mark.parametrize("sign", ["points", "beat", "sync"])
def test_a_run_that_was_given_up_lives_again_when_it_is_heard_of(
    sign: str, database: Database, tmp_path: Path
) -> None:
    rules = {"silence": SilenceRule(after=dt.timedelta(minutes=5))}
    with listening(database, tmp_path, **rules) as platform:
        body = {"run": f"scratch-{'a' * 12}", "seed": 7}
        run, _token = platform.scratch(**body)
        platform.flush(a_flush(run, 1, some_points(3)))
        platform.rows("UPDATE run_activity SET last_seen_at = now() - interval '6 minutes'")
        lost = wait_for(lambda: (r := platform.run(run)["run"])["state"] == "failed" and r)
        time.sleep(0.2)  # more looks
        assert lost["sealed_at"] is None

        match sign:
            case "points":
                assert platform.flush(a_flush(run, 2, some_points(3, first=3))).status_code == 200
            case "beat":
                headers = bearer(run_token(run))
                beaten = platform.client.post(f"/api/v1/runs/{run}/beat", headers=headers)
                assert beaten.status_code == 200
            case _:
                again = platform.client.post("/api/v1/runs", json=body, headers=bearer(TOKEN))
                assert again.status_code == 200
        heard_of = platform.run(run)["run"]
        platform.flush(a_flush(run, 3, some_points(1, first=9), finish="completed"))

        assert (heard_of["state"], heard_of["ended_at"], heard_of["reason"]) == (
            "running",
            None,
            "",
        )
        assert platform.run(run)["run"]["state"] == "completed"
        assert wait_for(lambda: platform.run(run)["run"]["sealed_at"])


def test_silence_while_no_gateway_was_there_means_nothing(
    database: Database, tmp_path: Path
) -> None:
    rules = {"silence": SilenceRule(after=dt.timedelta(minutes=5))}
    with listening(database, tmp_path, **rules) as platform:
        run, _token = platform.scratch()
    with open_pool(database.url) as pool, transaction(pool) as connection:
        for table in ("run_activity", "gateway_activity"):
            connection.execute(f"UPDATE {table} SET last_seen_at = now() - interval '1 hour'")  # pyright: ignore[reportArgumentType]  names above

    with listening(database, tmp_path, **rules) as platform:
        wait_for(lambda: platform.rows("SELECT since FROM gateway_gaps"))
        time.sleep(0.5)  # several looks

        assert platform.run(run)["run"]["state"] == "running"


def test_a_trials_state_is_not_the_scripts_business(platform: Platform) -> None:
    (run,) = platform.trials()

    platform.flush(a_flush(run, finish="completed"))

    assert platform.run(run)["run"]["state"] == "running"
    assert platform.rows("SELECT finished_at IS NOT NULL FROM writers") == [(True,)]


def test_a_sealed_run_in_a_batch_does_not_stop_the_others(platform: Platform) -> None:
    runs = [platform.scratch()[0] for _ in range(6)]
    platform.seal(runs[2])
    gate = threading.Barrier(6)

    def send(run: str) -> int:
        gate.wait()
        headers = {
            **bearer(run_token(run)),
            "Content-Type": "application/x-sweepworks-flush",
        }
        body = encode_flush(a_flush(run, points=some_points(3)))
        url = f"{platform.url}/api/v1/ingest"
        return httpx.post(url, content=body, headers=headers, trust_env=False).status_code

    with concurrent.futures.ThreadPoolExecutor(6) as scripts:
        statuses = list(scripts.map(send, runs))

    assert statuses == [200, 200, 409, 200, 200, 200]
    assert platform.rows("SELECT count(*) FROM metric_points") == [(15,)]


def test_the_json_form_says_the_same(platform: Platform) -> None:
    run, token = platform.scratch()
    body = {
        "writer": "curl",
        "sequence": 1,
        "run": run,
        "series": {"loss": [[0, NOW_US, 1.5], [1, NOW_US + TENTH_US, "nan"]]},
        "beat": True,
    }

    answer = platform.post(json.dumps(body).encode(), token=token, media_type="application/json")

    assert answer.status_code == 200
    assert platform.points(run) == [[0, NOW_US, 1.5], [1, NOW_US + TENTH_US, "nan"]]


def _header(run: str, **changes: object) -> bytes:
    header = {"writer": "w", "sequence": 1, "run": run, "series": {}, "beat": True, **changes}
    return json.dumps(header).encode()


def _body(header: bytes, columns: bytes = b"") -> bytes:
    return b"SWF1" + struct.pack("<I", len(header)) + header + columns


MALFORMED = {
    "nothing": lambda run: b"",
    "another magic": lambda run: b"SWF2" + _body(_header(run))[4:],
    "a header longer than the body": lambda run: b"SWF1" + struct.pack("<I", 2**31) + b"{}",
    "invalid UTF-8": lambda run: _body(b'{"writer": "\xff\xfe"}'),
    "no JSON": lambda run: _body(b"{"),
    "a list": lambda run: _body(b"[]"),
    "nested JSON": lambda run: _body(b"[" * 100_000),
    "a number of 10000 digits": lambda run: _body(b'{"sequence": ' + b"9" * 10_000 + b"}"),
    "too few points": lambda run: _body(_header(run, series={"x": 2}), bytes(24)),
    "too many points": lambda run: _body(_header(run, series={"x": 1}), bytes(48)),
    "half a point": lambda run: _body(_header(run, series={"x": 1}), bytes(23)),
    "a negative count": lambda run: _body(_header(run, series={"x": -1, "y": 1})),
    "an enormous count": lambda run: _body(_header(run, series={"x": 2**62})),
    "a count that is a list": lambda run: _body(_header(run, series={"x": []})),
    "a key of 1 MB": lambda run: _body(_header(run, series={"x" * 1_000_000: 0})),
    "a key with NUL": lambda run: _body(_header(run, series={"x\x00": 0})),
    "a lone surrogate": lambda run: _body(_header(run, series={"\ud800": 0})),
    "a list of series": lambda run: _body(_header(run, series=[["x", 0]])),
    "sequence 0": lambda run: _body(_header(run, sequence=0)),
    "sequence 2**63": lambda run: _body(_header(run, sequence=2**63)),
    "a writer with a slash": lambda run: _body(_header(run, writer="a/b")),
    "an attempt with NUL": lambda run: _body(_header(run, attempt="a\x00")),
    "an unknown finish": lambda run: _body(_header(run, finish="perhaps")),
    "a finish that is a list": lambda run: _body(_header(run, finish=[])),
    "a report value that is a list": lambda run: _body(
        _header(run, reports=[{"level": 1, "values": {"x": []}, "time": 0}])
    ),
    "a report of year 300000": lambda run: _body(
        _header(run, reports=[{"level": 1, "values": {}, "time": 2**63 - 1}])
    ),
    "a param that no float holds": lambda run: _body(_header(run, params={"x": 10**400})),
    "a param beyond 64 bits": lambda run: _body(_header(run, params={"x": 2**63})),
    "a param that is NaN": lambda run: _body(_header(run, params={"x": math.nan})),
    "a time beyond all calendars": lambda run: _body(
        _header(run, series={"x": 1}), struct.pack("<qqd", 0, 2**63 - 1, 1.0)
    ),
}


def test_what_is_malformed_is_refused_with_a_reason_and_stores_nothing(platform: Platform) -> None:
    run, token = platform.scratch()

    answers = {name: platform.post(make(run), token=token) for name, make in MALFORMED.items()}

    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(
        MALFORMED, 422
    )
    assert all(answer.json()["error"] for answer in answers.values())
    assert platform.rows("SELECT count(*) FROM writers") == [(0,)]
    assert platform.flush(a_flush(run, points=some_points(1))).status_code == 200


def test_every_truncation_of_a_flush_is_refused(platform: Platform) -> None:
    run, token = platform.scratch()
    body = encode_flush(a_flush(run, points=some_points(3)))

    statuses = {
        platform.post(body[:end], token=token).status_code for end in range(0, len(body), 7)
    }

    assert statuses == {422}
    assert platform.rows("SELECT count(*) FROM metric_points") == [(0,)]


def test_text_that_a_database_cannot_keep_is_mended(platform: Platform) -> None:
    run, token = platform.scratch()
    header = _header(run, params={"p": "a\x00b"}, tags={"t": "\ud800"}, message="\x00")

    answer = platform.post(_body(header), token=token)

    assert answer.status_code == 200, answer.text
    assert platform.run(run)["params"] == {"p": "a\ufffdb"}


@pytest.mark.parametrize("announced", [True, False])
def test_too_large_a_body_is_not_read(platform: Platform, announced: bool) -> None:
    _run, token = platform.scratch()
    chunk = bytes(1024 * 1024)
    content = bytes(17 * 2**20) if announced else (chunk for _ in range(17))

    answer = platform.client.post("/api/v1/ingest", content=content, headers=bearer(token))

    assert answer.status_code == 413


def test_tokens_that_are_missing_forged_expired_or_foreign_open_nothing(
    platform: Platform,
) -> None:
    run, token = platform.scratch()
    _other, other_token = platform.scratch()
    body = encode_flush(a_flush(run, points=some_points(1)))
    kind, claims, signature = token.split(".")

    statuses = {
        "missing": platform.client.post("/api/v1/ingest", content=body).status_code,
        "empty": platform.post(body, token="x").status_code,
        "expired": platform.post(body, token=run_token(run, seconds=-1)).status_code,
        "another key": platform.post(body, token=run_token(run, key=bytes(32))).status_code,
        "changed": platform.post(body, token=f"{kind}.{claims[:-2]}AA.{signature}").status_code,
        "unsigned": platform.post(body, token=f"{kind}.{claims}.").status_code,
        "another run": platform.post(body, token=other_token).status_code,
        "another tenant": platform.post(body, token=run_token(run, tenant="them")).status_code,
        "no such run": platform.flush(a_flush("scratch-aaaaaaaaaaaa")).status_code,
        "an API token": platform.post(body, token=platform.token_of("default")).status_code,
    }

    assert statuses == {
        "missing": 401,
        "empty": 401,
        "expired": 401,
        "another key": 401,
        "changed": 401,
        "unsigned": 401,
        "another run": 403,
        "another tenant": 404,
        "no such run": 404,
        "an API token": 401,
    }
    assert platform.rows("SELECT count(*) FROM metric_points") == [(0,)]


def test_only_post_is_understood(platform: Platform) -> None:
    answer = platform.client.get("/api/v1/ingest")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


def test_an_outage_of_the_database_is_answered_with_503_and_mends_itself(
    platform: Platform,
) -> None:
    run, _token = platform.scratch()
    assert platform.flush(a_flush(run, 1, some_points(5))).status_code == 200

    with platform.database_away():
        away = platform.flush(a_flush(run, 2, some_points(5, first=5)))
        health = platform.client.get("/healthz")
        life = platform.client.get("/livez")

    assert away.status_code == 503
    assert int(away.headers["retry-after"]) >= 1
    assert health.status_code == 503
    assert life.status_code == 200  # nothing that a new process would mend
    wait_for(lambda: platform.flush(a_flush(run, 2, some_points(5, first=5))).status_code == 200)
    assert [step for step, _, _ in platform.points(run)] == list(range(10))


def test_more_than_fits_is_answered_with_429(database, tmp_path) -> None:
    with listening(database, tmp_path, backlog_bytes=16_000) as platform:
        run, _token = platform.scratch()

        small = platform.flush(a_flush(run, 1, some_points(5)))
        large = platform.flush(a_flush(run, 2, some_points(500)))

    assert small.status_code == 200
    assert large.status_code == 429
    assert large.headers["retry-after"] == "1"
