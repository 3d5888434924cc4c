"""A courier, scripts in processes of their own, and a gateway that is not always there."""

import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from pathlib import Path

import pytest

from compute.spool_courier import SpoolCourier
from sweeps.ids import AttemptId, TenantId
from tests.fake_gateway import FakeGateway

RUN = "demo-abcdefgh-00001"
FIRST, SECOND = AttemptId(f"{RUN}-a1"), AttemptId(f"{RUN}-a2")
TENANT = TenantId("default")
SCRIPT = """
import os, sys, sweepworks
run = sweepworks.init()
run.log({"loss": 0.25}, step=1)
run.report(1, val=0.5)
if sys.argv[1] == "dies":
    os._exit(9)
run.finish()
"""

pytestmark = pytest.mark.integration


class Credentials:
    """Of a gateway that is where a test says."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[AttemptId] = []

    def for_attempt(self, tenant_id: TenantId, attempt_id: AttemptId) -> Mapping[str, str]:
        self.asked.append(attempt_id)
        return {"SWEEPWORKS_GATEWAY_URL": self.url, "SWEEPWORKS_RUN_TOKEN": "token"}


@pytest.fixture
def gateway() -> Generator[FakeGateway, None, None]:
    made = FakeGateway()
    yield made
    made.close()


def run_script(folder: Path, how: str, *, attempt: AttemptId = FIRST) -> None:
    """Runs it with no gateway in reach."""
    subprocess.run(
        [sys.executable, "-c", SCRIPT, how],
        check=how != "dies",
        env={
            **os.environ,
            "SWEEPWORKS_RUN_ID": RUN,
            "SWEEPWORKS_ATTEMPT_ID": attempt,
            "SWEEPWORKS_GATEWAY_URL": "http://127.0.0.1:1",
            "SWEEPWORKS_RUN_TOKEN": "token",
            "SWEEPWORKS_SPOOL_DIR": str(folder),
            "SWEEPWORKS_FINISH_TIMEOUT": "0.1",
        },
    )


def wait_until_sent(courier: SpoolCourier, attempt: AttemptId = FIRST) -> None:
    deadline = time.monotonic() + 20
    while courier.unsent(TENANT, [attempt]):
        assert time.monotonic() < deadline, "not sent"
        time.sleep(0.02)


@pytest.mark.parametrize("how", ["ends", "dies"])
def test_what_a_script_left_is_brought_to_the_gateway(
    tmp_path: Path, gateway: FakeGateway, how: str
) -> None:
    run_script(tmp_path, how)
    courier = SpoolCourier(tmp_path, credentials=Credentials(gateway.url))

    assert courier.unsent(TENANT, [FIRST]) == {FIRST}
    wait_until_sent(courier)

    assert [r.level for flush in gateway.flushes for r in flush.reports] == [1]
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_unsent_where_nothing_was_left(tmp_path: Path) -> None:
    courier = SpoolCourier(tmp_path / "none", credentials=Credentials("http://127.0.0.1:1"))

    assert not courier.unsent(TENANT, [FIRST, SECOND])


def test_a_gateway_that_comes_back_gets_everything(tmp_path: Path, gateway: FakeGateway) -> None:
    run_script(tmp_path, "ends")
    credentials = Credentials("http://127.0.0.1:1")
    courier = SpoolCourier(tmp_path, credentials=credentials)
    assert courier.unsent(TENANT, [FIRST])
    time.sleep(0.3)
    assert courier.unsent(TENANT, [FIRST]) == {FIRST}

    credentials.url = gateway.url
    wait_until_sent(courier)

    assert gateway.flushes[-1].finish == "completed"


def test_an_earlier_attempts_words_are_sent_in_its_own_name(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    run_script(tmp_path, "dies", attempt=FIRST)
    credentials = Credentials(gateway.url)

    wait_until_sent(SpoolCourier(tmp_path, credentials=credentials), SECOND)

    assert credentials.asked == [FIRST]
    assert {flush.attempt for flush in gateway.flushes} == {FIRST}


def test_two_couriers_send_it_once(tmp_path: Path, gateway: FakeGateway) -> None:
    run_script(tmp_path, "ends")
    couriers = [SpoolCourier(tmp_path, credentials=Credentials(gateway.url)) for _ in range(2)]

    for courier in couriers:
        courier.unsent(TENANT, [FIRST])
    for courier in couriers:
        wait_until_sent(courier)

    assert len(gateway.flushes) == len({flush.sequence for flush in gateway.flushes})
    assert [r.level for flush in gateway.flushes for r in flush.reports] == [1]
