"""The fake that the controller's tests lean on keeps the promises of the real launchers."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from sweeps.ids import AttemptId, RunId, attempt_id
from sweeps.spaces import Configuration
from sweeps.specs import Resources
from sweeps.states import ExitReason
from sweeps.trials import Exit, LaunchRequest
from tests.contracts.launcher_contract import SWEEP, TrialLauncherContract
from tests.fakes import Behaviour, FakeClock, FakeLauncher

QUICK = Behaviour(duration=0.1)
BROKEN = replace(QUICK, exit=Exit(reason=ExitReason.SCRIPT_FAILED, code=3, message="boom"))
LONG = Behaviour(duration=60)
BEHAVIOURS = {"quick": QUICK, "broken": BROKEN, "long": LONG}


def request_for(number: int, behaviour: str) -> LaunchRequest:
    run_id = RunId(f"{SWEEP}-{number:05d}")
    return LaunchRequest(
        attempt_id=AttemptId(attempt_id(run_id, 1)),
        run_id=run_id,
        sweep_id=SWEEP,
        command=(behaviour,),
        environment={"SWEEPWORKS_PARAMS": f'{{"behaviour": "{behaviour}"}}'},
        resources=Resources(),
        source_dir="",
    )


def script(configuration: Configuration, attempt: int) -> Behaviour:
    return BEHAVIOURS[str(configuration["behaviour"])]


class TestFakeLauncher(TrialLauncherContract):
    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def sleep(self, clock: FakeClock) -> Callable[[float], None]:
        return clock.advance

    @pytest.fixture
    def launcher(self, clock: FakeClock) -> FakeLauncher:
        return FakeLauncher(clock, script=script, deliver=lambda *_: None)

    @pytest.fixture
    def quick(self) -> Callable[[int], LaunchRequest]:
        return lambda number: request_for(number, "quick")

    @pytest.fixture
    def broken(self) -> Callable[[int], LaunchRequest]:
        return lambda number: request_for(number, "broken")

    @pytest.fixture
    def long(self) -> Callable[[int], LaunchRequest]:
        return lambda number: request_for(number, "long")
