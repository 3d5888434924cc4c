"""What the policies have against a sweep, as far as that is known without starting services."""

import dataclasses
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from orchestration.cluster.tenant_policies import TenantPolicies
from orchestration.home_status import status
from orchestration.platform import Platform
from orchestration.policy_files import FilePolicies, NoPolicyFiles
from orchestration.settings import Settings
from orchestration.supervisor.status import SupervisorState
from storage.policy_store import CurrentPolicies, DefaultPolicies
from storage.sweeps.submission_checks import policy_notes, policy_problems
from storage.tenant_file import TenantFile
from sweeps.errors import InvalidSweepFile, Problem, SweepsError
from sweeps.specs import SweepSpec


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLook:
    """What came of a look at the policies."""

    problems: list[Problem] = dataclasses.field(default_factory=list[Problem])
    notes: list[str] = dataclasses.field(default_factory=list[str])  #: that keep nobody back
    unchecked: str | None = None  #: why nobody could look
    by_files: str | None = None  #: that files were looked at, and why not what is applied

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

    Where there is no installation yet, policy files in the working folder would hold, else the
    defaults that ship. One whose services are stopped is not started for this: only by such files
    can anybody say what it goes by.

    Args:
        lines: Of the keys of its file, from 1.
        session: Opens the platform; not called where that would start services.
    """
    if settings.is_embedded and not settings.home.databases_file.exists():
        return _look_at_files(spec, settings=settings, lines=lines, otherwise=DefaultPolicies())
    try:
        if settings.is_embedded and not _is_ready(settings):
            why = "the services are not running; --forecast starts them"
            return _look_at_files(spec, settings=settings, lines=lines, why=why)
        with session() as platform:
            return look_on_platform(platform, spec, lines=lines)
    except SweepsError as exc:
        return _look_at_files(spec, settings=settings, lines=lines, why=str(exc))


def _look_at_files(
    spec: SweepSpec,
    *,
    settings: Settings,
    lines: Mapping[str, int],
    why: str = "there is no installation yet",
    otherwise: CurrentPolicies | None = None,
) -> PolicyLook:
    """Hold `spec` to the policy files of the working folder.

    Args:
        why: Nobody looks at what is applied.
        otherwise: What holds where there are no files; None: nobody knows.
    """
    by_files: str | None = None
    try:
        try:
            policies: CurrentPolicies = FilePolicies()
        except NoPolicyFiles:
            if otherwise is None:
                return PolicyLook(unchecked=why)
            policies = otherwise
        else:
            by_files = (
                f"policies were checked by the files at hand, {', '.join(policies.paths)}, and not by "
                f"what is applied: {why}"
            )
        is_elsewhere = _is_admitted_by_kueue(settings, spec.tenant)
    except SweepsError as exc:
        return PolicyLook(unchecked=f"{why}; and the files at hand cannot be gone by: {exc}")
    problems = policy_problems(spec, policies=policies, lines=lines, is_elsewhere=is_elsewhere)
    return PolicyLook(problems=problems, by_files=by_files)


def _is_admitted_by_kueue(settings: Settings, tenant_id: str) -> bool:
    """As the platform would say, by the tenant file. `LauncherUnavailable` while that has mistakes."""
    if settings.cluster is None:
        return False
    tenants = TenantFile(settings.tenants_file)
    return bool(TenantPolicies(settings.cluster, tenants.read).queue_of(tenant_id))


def look_on_platform(
    platform: Platform, spec: SweepSpec, *, lines: Mapping[str, int]
) -> PolicyLook:
    """Everything that an installation says of `spec`, budgets aside: its policies and its sweeps.

    Raises:
        StorageUnavailable: The database does not answer.
    """
    is_elsewhere = platform.is_admitted_by_kueue(spec.tenant)
    policies = platform.policies
    problems = policy_problems(spec, policies=policies, lines=lines, is_elsewhere=is_elsewhere)
    return PolicyLook(
        problems=[*problems, *platform.waits.problems(spec, line=lines.get("after"))],
        notes=policy_notes(spec, policies=policies),
    )


def _is_ready(settings: Settings) -> bool:
    found = status(settings)
    return (
        found.is_running
        and found.supervisor is not None
        and found.supervisor.state is SupervisorState.READY
    )
