"""Sweeps of this home whose controllers are gone, or whose turn has come: whoever is there helps.

A killed controller leaves its attempts with what they were admitted with. Nobody else can tell
whether they live, so as long as nobody looks, others wait for a place that a dead one holds.
"""

import time
from collections.abc import Callable, Collection
from functools import partial

from orchestration.controllers import Controllers
from orchestration.platform import Platform
from orchestration.waiting_sweeps import start_due, tell_end
from sweeps.clock import SystemClock
from sweeps.controller import SweepController
from sweeps.errors import LauncherUnavailable, LeaseLost, RunsElsewhere, StorageUnavailable
from sweeps.ids import SweepId

_LOOK_SECONDS = 10.0
_MOST_TOLD = 20  # ends in one look: each is a few rows of Dagster's
_MOST_AT_ONCE = 3  # controllers that one look starts: each is a process of seconds of imports


class LeftSweeps:
    """Looks after all sweeps of the home that are under way, with nobody following them.

    Args:
        besides: Those that somebody here follows anyway.
    """

    def __init__(self, platform: Platform, *, besides: Collection[SweepId] = ()) -> None:
        self._platform = platform
        self._besides = frozenset(besides)
        self._look_at = 0.0
        self._controllers: dict[SweepId, Controllers] = {}
        self._told: set[str] = set()

    def look_if_due(self) -> list[str]:
        """As `look`, every ten seconds at most; nothing in between."""
        if time.monotonic() < self._look_at:
            return []
        self._look_at = time.monotonic() + _LOOK_SECONDS
        return self.look()

    def look(self) -> list[str]:
        """Bring back controllers that are gone, a few at a time; a sentence on each of them.

        Sweeps that have waited for others are started likewise, where no daemon does it. Of a sweep of which no controller can be started the attempts that are dead are ended. What
        does not answer now is left to the next look.
        """
        said: list[str] = []
        try:
            for sweep_id, holds in self._platform.claims.under_way():
                if sweep_id not in self._besides and len(said) < _MOST_AT_ONCE:
                    said += self._look_after(sweep_id, holds=holds)
            said += start_due(
                self._platform,
                partial(self._look_after, holds=False),
                besides=self._besides,
                most=_MOST_AT_ONCE,
            )
            for sweep_id in self._platform.claims.untold_ends(limit=_MOST_TOLD):
                said += self._try(sweep_id, partial(tell_end, self._platform, sweep_id))
        except StorageUnavailable as exc:
            said.append(f"cannot look after other sweeps now: {exc}")
        return said

    def _look_after(self, sweep_id: SweepId, *, holds: bool) -> list[str]:
        return self._try(sweep_id, partial(self._bring_back, sweep_id, holds=holds))

    def _try(self, sweep_id: SweepId, help_it: Callable[[], list[str]]) -> list[str]:
        try:
            return help_it()
        except StorageUnavailable:
            raise
        except Exception as exc:  # noqa: BLE001 - what ails that sweep must end nobody who only looks
            return self._once(f"{sweep_id}: cannot be looked after: {exc!r}")

    def _bring_back(self, sweep_id: SweepId, *, holds: bool) -> list[str]:
        if sweep_id not in self._controllers:
            self._controllers[sweep_id] = Controllers(self._platform, sweep_id)
        try:
            words = self._controllers[sweep_id].look_after()
        except RunsElsewhere:
            return []
        except LauncherUnavailable as exc:
            said = self._once(f"{sweep_id}: {exc}")
            if holds and (ended := self._end_dead(sweep_id)):
                said.append(f"{sweep_id}: ended {ended} attempts that are dead")
            return said
        return [f"{sweep_id}: {words}"] if words else []

    def _once(self, sentence: str) -> list[str]:
        if sentence in self._told:
            return []
        self._told.add(sentence)
        return [sentence]

    def _end_dead(self, sweep_id: SweepId) -> int:
        platform = self._platform
        controller = SweepController(
            sweep_id,
            store=platform.trial_store,
            launcher=platform.launcher,
            credentials=platform.credentials,
            desk=platform.desk,
            clock=SystemClock(),
            name="nobody: its controllers fail",
        )
        with platform.claims.try_starting(sweep_id) as is_ours:
            try:
                return controller.end_dead() if is_ours else 0
            except LeaseLost:
                return 0  # somebody goes on with it after all
            finally:
                controller.close()
