"""Looks at an installation from the outside in, and never stops at the first trouble."""

import importlib.metadata
import platform as machine
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from orchestration.findings import Finding
from orchestration.platform import Platform, open_platform
from orchestration.settings import Settings
from sweeps.errors import SweepsError

_PACKAGES = (
    "sweepworks-platform", "sweepworks", "dagster", "dagster-postgres", "psycopg", "scikit-optimize",
)  # fmt: skip
_LITTLE_DISK_BYTES = 2 * 10**9


def examine() -> list[Finding]:
    """Everything, in the order in which one thing needs the other."""
    findings = [_python(), *_versions()]
    try:
        settings = Settings.from_environment()
    except SweepsError as exc:
        return [
            *findings,
            Finding(
                subject="settings", is_good=False, says=str(exc), mend="unset it, or correct it"
            ),
        ]
    findings += [_disk(settings.home.folder), _tenants(), _gpus(settings), _spool(settings)]
    try:
        with open_platform() as platform:
            findings += [_home(platform), _database(platform), _gateway(platform)]
    except SweepsError as exc:
        if not settings.is_embedded:
            mend = "is the server up, and SWEEPWORKS_DATABASE_URL right?"
        elif settings.home.supervisor_log.exists():
            mend = f"look at {settings.home.supervisor_log}, then try again"
        else:
            mend = (
                f"set SWEEPWORKS_HOME to a folder that can be written; it is {settings.home.folder}"
            )
        findings.append(Finding(subject="services", is_good=False, says=str(exc), mend=mend))
    return findings


def _python() -> Finding:
    version = sys.version_info
    return Finding(
        subject="python",
        is_good=(3, 11) <= version < (3, 14),
        says=f"{machine.python_version()} on {machine.system()} {machine.machine()}, {sys.executable}",
        mend="" if (3, 11) <= version < (3, 14) else "use Python 3.11, 3.12 or 3.13",
    )


def _versions() -> list[Finding]:
    findings: list[Finding] = []
    for name in _PACKAGES:
        try:
            says, good = importlib.metadata.version(name), True
        except importlib.metadata.PackageNotFoundError:
            says, good = "not installed", False
        mend = "" if good else "make install"
        findings.append(Finding(subject=name, is_good=good, says=says, mend=mend))
    return findings


def _disk(folder: Path) -> Finding:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    good = free >= _LITTLE_DISK_BYTES
    return Finding(
        subject="disk",
        is_good=good,
        says=f"{free / 10**9:.1f} GB free at {existing}",
        mend="" if good else "free some space, or set SWEEPWORKS_HOME to another disk",
    )


def _tenants() -> Finding:
    from orchestration.submission import tenants

    try:
        names = sorted(tenants().tenants)
    except SweepsError as exc:
        return Finding(subject="tenants", is_good=False, says=str(exc), mend="correct the file")
    return Finding(subject="tenants", is_good=True, says=", ".join(["default", *names]))


def _gpus(settings: Settings) -> Finding:
    from compute.gpu_slots import local_devices

    devices = local_devices() if settings.gpus is None else tuple(settings.gpus.split(","))
    says = f"{len(devices)} ({', '.join(devices)})" if any(devices) else "none; trials use the CPU"
    return Finding(subject="gpus", is_good=True, says=says)


def _spool(settings: Settings) -> Finding:
    from orchestration.left_spools import look_at

    folder = settings.home.spool
    try:
        left = look_at(folder)
    except OSError as exc:
        return Finding(
            subject="spool", is_good=False, says=str(exc), mend=f"make {folder} readable"
        )
    mend = "" if left.n_left == 0 else "`sweepworks sync` sends it, and says what is in the way"
    return Finding(subject="spool", is_good=left.n_left == 0, says=f"{folder}: {left}", mend=mend)


def _home(platform: Platform) -> Finding:
    kind = (
        "embedded"
        if (platform.settings.home.folder / "supervisor.json").exists()
        else "servers by URL"
    )
    return Finding(subject="home", is_good=True, says=f"{platform.settings.home.folder}, {kind}")


def _database(platform: Platform) -> Finding:
    from storage.edition import database_edition

    return _attempt("database", lambda: str(database_edition(platform.pool)), "is it up?")


def _gateway(platform: Platform) -> Finding:
    url = platform.services.gateway_url
    if url is None:
        return Finding(
            subject="gateway",
            is_good=False,
            says="no address",
            mend="set SWEEPWORKS_GATEWAY_URL; without it scripts keep their metrics on disk",
        )

    def answers() -> str:
        with urllib.request.urlopen(f"{url}/healthz", timeout=5) as response:  # noqa: S310 - our own address
            return f"{url} answers {response.status}"

    return _attempt("gateway", answers, f"look at {platform.settings.home.logs / 'gateway.log'}")


def _attempt(subject: str, look: Callable[[], str], mend: str) -> Finding:
    try:
        return Finding(subject=subject, is_good=True, says=look())
    except (SweepsError, urllib.error.URLError, OSError) as exc:
        return Finding(subject=subject, is_good=False, says=str(exc), mend=mend)
