"""Events of OpenLineage on their way to a receiver that is there, away, slow, or picky."""

import json
import threading
import time
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import jsonschema
import pytest

from orchestration import openlineage, sensors
from orchestration.openlineage import EventRefused, http_post, send_due
from orchestration.settings import InvalidSetting, Settings
from storage.artifacts.folder import ArtifactFolder
from storage.database import Pool, open_pool
from storage.lineage.openlineage import OpenLineageOutbox
from tests.integration.storage.lineage_world import LineageWorld
from tests.openlineage_schema import RUN_EVENT
from tests.plugins.postgres import Database


class Receiver:
    """An HTTP server that keeps what it gets, and answers as it is told."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.answers: list[int] = []  #: to be given first; then 201
        self.delay = 0.0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(receiver.delay)
                status = receiver.answers.pop(0) if receiver.answers else 201
                if status < 300:
                    receiver.events.append(json.loads(body))
                    receiver.keys.append(self.headers["Authorization"])
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", f"{receiver.url}/login")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                receiver.keys.append(self.headers["Authorization"])
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/v1/lineage"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def told(self) -> list[tuple[str, str]]:
        """Jobs and kinds of events, in order."""
        return [(event["job"]["name"], event["eventType"]) for event in self.events]


@pytest.fixture
def receiver() -> Generator[Receiver, None, None]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def pool(database: Database) -> Generator[Pool, None, None]:
    with open_pool(database.url, max_size=2) as pool:
        yield pool


@pytest.fixture
def world(pool: Pool, tmp_path: Path) -> LineageWorld:
    return LineageWorld(pool, ArtifactFolder(tmp_path))


@pytest.fixture
def outbox(pool: Pool) -> OpenLineageOutbox:
    return OpenLineageOutbox(pool)


def an_ended_run(world: LineageWorld) -> str:
    world.dataset("digits", 1, parents=(("raw", 1),))
    run = world.whole_run()
    world.artifact(run)
    world.artifact(run, "code/x.patch", b"patch")
    world.end(run)
    return run


def test_each_event_comes_once_valid_and_in_order(
    world: LineageWorld, outbox: OpenLineageOutbox, receiver: Receiver
) -> None:
    run = an_ended_run(world)
    live = world.run()

    first = send_due(outbox, http_post(receiver.url, "secret"))
    again = send_due(outbox, http_post(receiver.url, "secret"))

    for event in receiver.events:
        jsonschema.validate(event, RUN_EVENT)
    assert sorted(receiver.told) == sorted(
        [("register raw", "START"), ("register raw", "COMPLETE"), ("register digits", "START"),
         ("register digits", "COMPLETE"), ("scratch", "START"), ("scratch", "COMPLETE"), ("scratch", "START")]
    )  # fmt: skip
    (end,) = [
        e for e in receiver.events if (e["job"]["name"], e["eventType"]) == ("scratch", "COMPLETE")
    ]
    assert [one["name"] for one in end["inputs"]] == ["digits@1"]
    assert [one["name"] for one in end["outputs"]] == [f"artifact:{run}/model.pt"]
    starts = [e for e in receiver.events if e["run"]["runId"] == end["run"]["runId"]]
    assert [event["eventType"] for event in starts] == ["START", "COMPLETE"]
    assert set(receiver.keys) == {"Bearer secret"}
    assert (first.things, first.problem, again.things) == (5, None, 0)
    world.end(live, state="failed")
    assert send_due(outbox, http_post(receiver.url)).things == 1
    assert receiver.told[-1] == ("scratch", "FAIL")


@pytest.mark.parametrize("status", [500, 503, 429, 401, 404])
def test_what_a_receiver_did_not_take_is_sent_again(
    world: LineageWorld, outbox: OpenLineageOutbox, receiver: Receiver, status: int
) -> None:
    an_ended_run(world)
    receiver.answers = [201, 201, status]

    first = send_due(outbox, http_post(receiver.url))
    second = send_due(outbox, http_post(receiver.url))

    assert first.things == 1
    assert first.problem is not None
    assert str(status) in first.problem
    assert (second.things, second.problem) == (3, None)
    assert len(receiver.events) == 6


@pytest.mark.parametrize("status", [301, 302, 303, 307])
def test_a_redirection_takes_no_event(
    world: LineageWorld, outbox: OpenLineageOutbox, receiver: Receiver, status: int
) -> None:
    an_ended_run(world)
    receiver.answers = [status]

    sent = send_due(outbox, http_post(receiver.url, "key"))

    assert (sent.things, receiver.events, receiver.keys) == (0, [], [])
    assert str(status) in str(sent.problem)


def test_an_event_that_is_refused_holds_up_no_other(
    world: LineageWorld, outbox: OpenLineageOutbox, receiver: Receiver
) -> None:
    an_ended_run(world)
    receiver.answers = [422]

    sent = send_due(outbox, http_post(receiver.url))

    assert (sent.things, len(sent.refused), sent.problem) == (3, 1, None)
    assert world.rows("SELECT count(*) FROM openlineage_sent WHERE refusal IS NOT NULL") == [(1,)]
    assert send_due(outbox, http_post(receiver.url)).things == 0


def test_a_receiver_that_is_gone_or_slow_costs_bounded_time(
    world: LineageWorld,
    outbox: OpenLineageOutbox,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    an_ended_run(world)
    monkeypatch.setattr(openlineage, "_TIMEOUT_SECONDS", 0.2)
    receiver.delay = 1.0

    began = time.monotonic()
    slow = send_due(outbox, http_post(receiver.url))
    gone = send_due(outbox, http_post("http://127.0.0.1:9/"))

    assert time.monotonic() - began < 10
    assert (slow.things, gone.things) == (0, 0)
    assert slow.problem is not None
    assert gone.problem is not None


def test_time_is_up_some_time(world: LineageWorld, outbox: OpenLineageOutbox) -> None:
    an_ended_run(world)
    times = iter([0.0, 1.0, 2.0, 30.0])

    sent = send_due(outbox, lambda _: None, clock=lambda: next(times))

    assert (sent.things, sent.problem) == (2, "the rest is sent next time")


def test_a_process_that_ends_in_between_sends_again(
    world: LineageWorld, outbox: OpenLineageOutbox, receiver: Receiver
) -> None:
    world.run()
    post = http_post(receiver.url)

    class Killed(BaseException):
        pass

    def killed(event: Any) -> None:
        post(event)
        raise Killed

    with pytest.raises(Killed):
        send_due(outbox, killed)
    send_due(outbox, post)

    first, second = receiver.events
    assert first == second


def test_a_run_that_never_started_is_not_told(
    world: LineageWorld, outbox: OpenLineageOutbox
) -> None:
    run = world.run()
    world.rows("UPDATE runs SET started_at = NULL WHERE run_id = %s", run)
    world.end(run, state="cancelled")

    assert outbox.due() == []


def test_the_sensor_sends_when_an_address_is_set(
    world: LineageWorld,
    outbox: OpenLineageOutbox,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    an_ended_run(world)

    class Platform:
        openlineage = outbox

    monkeypatch.setattr(sensors, "platform", Platform)
    context = dg.build_sensor_context()
    monkeypatch.delenv("SWEEPWORKS_OPENLINEAGE_URL", raising=False)
    unset = sensors.openlineage_events(context)
    monkeypatch.setenv("SWEEPWORKS_OPENLINEAGE_URL", receiver.url)
    sent = sensors.openlineage_events(context)

    assert isinstance(unset, dg.SkipReason)
    assert isinstance(sent, dg.SkipReason)
    assert unset.skip_message == "SWEEPWORKS_OPENLINEAGE_URL is not set"
    assert sent.skip_message == "4 sent, 0 refused"


def test_settings_know_an_address_and_hide_the_key() -> None:
    settings = Settings.from_environment(
        {"SWEEPWORKS_OPENLINEAGE_URL": "https://m/api", "SWEEPWORKS_OPENLINEAGE_API_KEY": "hush"}
    )

    assert settings.openlineage_url == "https://m/api"
    assert settings.exported()["SWEEPWORKS_OPENLINEAGE_API_KEY"] == "hush"
    assert "hush" not in repr(settings)
    for bad in ("file:///etc/passwd", "m/api"):
        with pytest.raises(InvalidSetting):
            Settings.from_environment({"SWEEPWORKS_OPENLINEAGE_URL": bad})


def test_a_refusal_says_what_was_answered(receiver: Receiver) -> None:
    receiver.answers = [400]

    with pytest.raises(EventRefused, match="400"):
        http_post(receiver.url)({})
