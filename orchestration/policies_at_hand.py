"""What the policies have against a sweep, as far as that is known without starting services."""

import dataclasses
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from orchestration.home_status import status
from orchestration.platform import Platform
from orchestration.settings import Settings
from orchestration.supervisor.status import SupervisorState
from storage.policy_store import DefaultPolicies
from storage.sweeps.submission_checks import policy_problems
from sweeps.errors import InvalidSweepFile, Problem, SweepsError
from sweeps.specs import SweepSpec


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLook:
    """What came of a look at the policies."""

    problems: list[Problem] = dataclasses.field(default_factory=list[Problem])
    unchecked: str | None = None  #: why nobody could look

    def require_none(self, *, source: str) -> None:
        """Raise `InvalidSweepFile` with all problems, if there are any."""
        if self.problems:
            raise InvalidSweepFile(source, self.problems)


def look_at_policies(
    spec: SweepSpec,
    *,
    settings: Settings,
    lines: Mapping[str, int],
    session: Callable[[], AbstractContextManager[Platform]],
) -> PolicyLook:
    """Hold `spec` to the policies of the installation, budgets aside.

    Where there is no installation yet, the defaults that ship would hold. One whose services are
    stopped is not started for this: nobody can say what it goes by.

    Args:
        lines: Of the keys of its file, from 1.
        session: Opens the platform; not called where that would start services.
    """
    if settings.is_embedded and not settings.home.databases_file.exists():
        return PolicyLook(problems=policy_problems(spec, policies=DefaultPolicies(), lines=lines))
    try:
        if settings.is_embedded and not _is_ready(settings):
            return PolicyLook(unchecked="the services are not running; --forecast starts them")
        with session() as platform:
            return PolicyLook(problems=platform_problems(platform, spec, lines=lines))
    except SweepsError as exc:
        return PolicyLook(unchecked=str(exc))


def platform_problems(
    platform: Platform, spec: SweepSpec, *, lines: Mapping[str, int]
) -> list[Problem]:
    """Everything that the policies of an installation have against `spec`, budgets aside.

    Raises:
        StorageUnavailable: The database does not answer.
    """
    is_elsewhere = platform.is_admitted_by_kueue(spec.tenant)
    return policy_problems(spec, policies=platform.policies, lines=lines, is_elsewhere=is_elsewhere)


def _is_ready(settings: Settings) -> bool:
    found = status(settings)
    return (
        found.is_running
        and found.supervisor is not None
        and found.supervisor.state is SupervisorState.READY
    )
