"""From a sweep file to a submission: read, checked against tenants, named."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sweepworks.provenance.git import GitFailed
from sweepworks.provenance.work_tree import NotClean, require_clean, work_tree

from compute.kubernetes.pod_checks import check_pods, image_of
from compute.kubernetes.trial_images import TrialImages
from governance.budgets.forecasts import Forecast
from governance.tenants import TenantDirectory
from orchestration.launch_notes import launch_notes
from orchestration.people import person
from orchestration.platform import Platform
from orchestration.settings import InvalidSetting, Settings
from storage.sweeps.submission_checks import check_policies, policy_notes
from storage.tenant_file import TenantFile
from storage.text_files import read_text
from sweeps import ids
from sweeps.errors import PermanentError
from sweeps.graveyard.resemblance import Resemblance
from sweeps.ids import SweepId, TenantId
from sweeps.specs import SweepSpec, as_document
from sweeps.sweep_files import key_lines, parse_document, parse_text

_MOST_DIFFERING = 50  # names that are kept


class DirtyWorkTree(PermanentError):
    """Code that no commit has as it is, where the sweep file asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A checked sweep, ready to be written down."""

    sweep_id: SweepId
    spec: SweepSpec
    source_dir: str
    created_by: str
    code: Mapping[str, object]  #: state of the work tree that `source_dir` is in
    image: str | None = None  #: of its trials, by the digest that was looked up
    source: str = "sweep"  #: what its file is called, for messages
    lines: Mapping[str, int] = field(default_factory=dict[str, int])  #: of its keys in that file


def submission(
    *,
    file: Path | None = None,
    document: Mapping[str, object] | None = None,
    after: Sequence[str] = (),
    source_dir: str = "",
    entropy: bytes | None = None,
) -> Submission:
    """A checked submission from a file, or from the content of one.

    Args:
        after: Sweeps that it waits for besides those that the file names.

    Raises:
        InvalidSweepFile: Everything that is wrong with it.
        UnknownTenant: No tenant file declares its tenant.
        AccessDenied: Its owner is not a member of the tenant.
        DirtyWorkTree: It asks for code that a commit has as it is, and there is other code.
        LaunchRejected: There is no such image.
        LauncherUnavailable: The registry of its image does not answer.
    """
    lines: Mapping[str, int] = {}
    if file is not None:
        spec, text = read_file(file)
        folder, lines = str(file.resolve().parent), key_lines(text, source=str(file))
    else:
        spec, folder = tenants().check(document or {}), source_dir
        _check_pods(spec, source="sweep")
    spec = _with_after(spec, after)
    folder = folder or str(Path.cwd())
    return Submission(
        sweep_id=ids.sweep_id(spec.experiment, entropy=entropy or secrets.token_bytes(5)),
        spec=spec,
        source_dir=folder,
        created_by=person(),
        code=_code(Path(folder), must_be_clean=spec.provenance.require_clean),
        image=_image(spec),
        source="sweep" if file is None else str(file),
        lines=lines,
    )


def submission_of(
    spec: SweepSpec, *, sweep_id: SweepId, source_dir: str, created_by: str
) -> Submission:
    """A submission of a sweep that the platform itself has made, with the state of its code.

    Raises:
        LaunchRejected: There is no such image.
        LauncherUnavailable: The registry of its image does not answer.
    """
    return Submission(
        sweep_id=sweep_id,
        spec=spec,
        source_dir=source_dir,
        created_by=created_by,
        code=_code(Path(source_dir), must_be_clean=False),
        image=_image(spec),
    )


def _with_after(spec: SweepSpec, after: Sequence[str]) -> SweepSpec:
    """The sweep with others to wait for; what the file says of one of them counts."""
    known = {awaited.sweep_id for awaited in spec.after}
    more = [name for name in dict.fromkeys(after) if name not in known]
    if not more:
        return spec
    document = as_document(spec)
    return parse_document({**document, "after": [*document["after"], *more]}, source="--after")


def _image(spec: SweepSpec) -> str | None:
    return image_of(spec, _images())


def _check_pods(spec: SweepSpec, *, source: str) -> None:
    check_pods(spec, _images(), tenants=tenants(), source=source)


def _images() -> TrialImages | None:
    cluster = Settings.from_environment().cluster
    return None if cluster is None else cluster.images


def _code(folder: Path, *, must_be_clean: bool) -> Mapping[str, object]:
    """The work tree's state now: trials say of themselves what they found when they began."""
    try:
        tree = require_clean(folder) if must_be_clean else work_tree(folder)
    except NotClean as exc:
        raise DirtyWorkTree(f"{exc}; or leave provenance.require_clean out") from exc
    except GitFailed as exc:
        return {"commit": None, "is_dirty": None, "trouble": str(exc)}
    differing = tree.differing
    return {
        "commit": tree.commit,
        "branch": tree.branch,
        "is_dirty": bool(differing),
        "differing": differing[:_MOST_DIFFERING],
    }


def submit(platform: Platform, submitted: Submission, *, by_platform: bool = False) -> Forecast:
    """Write a submission down; gives what it will cost, as far as anybody can tell.

    Raises:
        InvalidSetting: Its trials would have nowhere to report to.
        InvalidSweepFile: It does not comply with the policies, or waits for what it cannot; everything
            at once.
        DatasetNotFound: It names a dataset that there is none of.
        DatasetRefused: One that no sweep may start on now.
        OverBudget: No trial of it could ever start.
    """
    if platform.services.gateway_url is None:
        raise InvalidSetting(
            "SWEEPWORKS_GATEWAY_URL",
            "",
            hint="trials report to a gateway: start one with `sweepworks gateway`, and set the "
            "variable to its address",
        )
    forecast = check_policies(
        submitted.sweep_id,
        submitted.spec,
        policies=platform.policies,
        waits=platform.waits,
        budgets=platform.budget_gate,
        source=submitted.source,
        lines=submitted.lines,
        is_elsewhere=platform.is_admitted_by_kueue(submitted.spec.tenant),
        by_platform=by_platform,
    )
    datasets = platform.data_gate.pin(
        submitted.spec.trial.data, tenant_id=TenantId(submitted.spec.tenant)
    )
    platform.catalog.submit(
        submitted.sweep_id,
        submitted.spec,
        source_dir=submitted.source_dir,
        created_by=submitted.created_by,
        datasets=datasets,
        code=submitted.code,
        image=submitted.image,
    )
    return forecast


def notes(platform: Platform, submitted: Submission) -> list[str]:
    """What there is to say of a submission, and keeps nothing from being submitted."""
    spec = submitted.spec
    return [
        *launch_notes(spec, platform.settings),
        *policy_notes(spec, policies=platform.policies),
    ]


def resemblances(platform: Platform, submitted: Submission) -> list[Resemblance]:
    """Sweeps that have searched much of this one already; after it was written down."""
    datasets = platform.trial_store.load(submitted.sweep_id).datasets
    return platform.graveyard.resembling(submitted.spec, [str(one) for one in datasets])


def check_file(file: Path) -> SweepSpec:
    """The sweep in `file`, with its tenant's defaults.

    Raises:
        InvalidSweepFile: Everything that is wrong with it, also when it cannot be read.
        UnknownTenant: No tenant file declares its tenant.
        AccessDenied: Its owner is not a member of the tenant.
    """
    return read_file(file)[0]


def read_file(file: Path) -> tuple[SweepSpec, str]:
    """The sweep in `file`, and its text. Raises what `check_file` does."""
    text = read_text(file, hint="give the path of a sweep file; `sweepworks init` writes one")
    first = parse_text(text, source=str(file))
    tenant = tenants().admit(first.tenant, owner=first.owner)
    spec = parse_text(text, source=str(file), defaults=tenant.defaults)
    _check_pods(spec, source=str(file))
    return spec, text


def tenants() -> TenantDirectory:
    """Tenants of this installation; without a tenant file, only `default`."""
    return TenantFile(Settings.from_environment().tenants_file).read()
