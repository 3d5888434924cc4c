"""Looks at the cluster that trials run in, the way that a trial would meet it."""

import secrets
import time
from collections.abc import Iterator, Sequence

from compute.kubernetes.api import ClusterApi
from compute.kubernetes.connection import connect
from compute.kubernetes.inspection import ClusterInspection
from compute.kubernetes.node_api import NodeApi, NodesForbidden
from governance.cluster.pools import StoragePool
from orchestration.cluster.services import address_of, pod_logs, trial_launcher
from orchestration.cluster.settings import ClusterSettings
from orchestration.cluster.tenant_policies import TenantPolicies
from orchestration.findings import Finding
from sweeps import ids
from sweeps.errors import SweepsError
from sweeps.ids import SweepId
from sweeps.ports import AttemptStatus
from sweeps.specs import Resources
from sweeps.states import ExitReason
from sweeps.trials import LaunchRequest

_WORD = "sweepworks-check"
_LOOK_SECONDS = 0.5


def examine_cluster(
    settings: ClusterSettings,
    *,
    policies: TenantPolicies,
    tenant_id: str,
    image: str,
    gpus: int,
    wait_seconds: float,
) -> Iterator[Finding]:
    """Everything, in the order in which one thing needs the other; ends where no other makes sense.

    Args:
        tenant_id: In whose namespace.
        image: Of the test Job; empty: that of the settings.
        gpus: That the test Job asks for.
        wait_seconds: For the test Job; 0: none is made.
    """
    try:
        client = connect(address_of(settings))
        inspection = ClusterInspection(client)
        yield Finding(subject="API server", is_good=True, says=inspection.version())
        namespace = policies.namespace_of(tenant_id)
        yield _namespace(inspection, namespace)
        yield _access(inspection, namespace)
        yield from _options(inspection, namespace, has_queue=bool(policies.queue_of(tenant_id)))
        yield from _quotas(inspection, namespace)
        yield _gpus(inspection, settings)
        yield from _pools(NodeApi(client), policies.pods_of(tenant_id).pools)
        if wait_seconds:
            yield from _test_job(
                settings,
                ClusterApi(client),
                tenant_id,
                image,
                policies=policies,
                gpus=gpus,
                wait=wait_seconds,
            )
    except SweepsError as exc:
        yield Finding(
            subject="API server",
            is_good=False,
            says=str(exc),
            mend="is the address right, the server up, and are the credentials still good?",
        )


def _namespace(inspection: ClusterInspection, namespace: str) -> Finding:
    is_there = inspection.has_namespace(namespace)
    if is_there is None:
        says = f"{namespace}; these credentials may not see whether it is there"
        return Finding(subject="namespace", is_good=True, says=says)
    return Finding(
        subject="namespace",
        is_good=is_there,
        says=f"{namespace} {'is there' if is_there else 'is missing'}",
        mend="" if is_there else "`sweepworks tenants apply` makes it, with quotas and rights",
    )


def _access(inspection: ClusterInspection, namespace: str) -> Finding:
    missing = inspection.forbidden(namespace)
    return Finding(
        subject="access",
        is_good=not missing,
        says=f"may not {', '.join(missing)}" if missing else "all that is needed",
        mend=f"grant it in namespace {namespace}, as `sweepworks tenants render` shows it"
        if missing
        else "",
    )


def _options(
    inspection: ClusterInspection, namespace: str, *, has_queue: bool
) -> Iterator[Finding]:
    """What works for most sweeps without these rights."""
    for missing in inspection.missing_options(namespace, has_queue=has_queue):
        says = f"without {missing}"
        yield Finding(subject="access", is_good=True, says=says)


def _quotas(inspection: ClusterInspection, namespace: str) -> Iterator[Finding]:
    quotas = inspection.quotas(namespace)
    if not quotas:
        says = "these credentials may not see them" if quotas is None else "none"
        yield Finding(subject="quotas", is_good=True, says=says)
        return
    for quota in quotas:
        says = f"{quota.used} of {quota.hard} in use"
        yield Finding(subject=f"quota of {quota.resource}", is_good=True, says=says)


def _gpus(inspection: ClusterInspection, settings: ClusterSettings) -> Finding:
    found = inspection.gpus(settings.gpu_resource)
    if found is None:
        says = "these credentials may not see nodes"
    elif not found:
        says = f"no node offers {settings.gpu_resource}"
    else:
        says = ", ".join(f"{n} x {model}" for model, n in sorted(found.items()))
    return Finding(subject="GPUs", is_good=True, says=says)


def _pools(nodes: NodeApi, pools: Sequence[StoragePool]) -> Iterator[Finding]:
    """Whether there are nodes near the storage pools of the tenant."""
    if not pools:
        return
    try:
        labels = nodes.all_labels().values()
    except NodesForbidden:
        for pool in pools:
            says = "these credentials may not see nodes"
            yield Finding(subject=f"storage pool {pool.name}", is_good=True, says=says)
        return
    for pool in pools:
        near = sum(pool.nodes.items() <= dict(of_node).items() for of_node in labels)
        wanted = ", ".join(f"{name}={value}" for name, value in pool.nodes.items())
        yield Finding(
            subject=f"storage pool {pool.name}",
            is_good=near > 0,
            says=f"{near or 'no'} node{'' if near == 1 else 's'} with {wanted}",
            mend=""
            if near
            else "correct `nodes` of the pool in the tenant file, or label the nodes",
        )


def _test_job(
    settings: ClusterSettings,
    api: ClusterApi,
    tenant_id: str,
    image: str,
    *,
    policies: TenantPolicies,
    gpus: int,
    wait: float,
) -> Iterator[Finding]:
    """A Job from its making to its log to its removal, by what makes trials' Jobs."""
    sweep_id = SweepId(f"check-{ids.base32(secrets.token_bytes(5), 8)}")
    run_id = ids.run_id(sweep_id, 1)
    request = LaunchRequest(
        attempt_id=ids.attempt_id(run_id, 1),
        run_id=run_id,
        sweep_id=sweep_id,
        command=("sh", "-c", f"echo {_WORD}"),
        environment={},
        resources=Resources(cpu=0.05, memory_bytes=64 * 2**20, gpu=gpus),
        source_dir="",
        image=image,
        tenant_id=tenant_id,
    )
    launcher = trial_launcher(settings, api, lambda _: tenant_id, policies=policies)
    namespace = policies.namespace_of(tenant_id)
    try:
        launcher.launch(request)
        yield Finding(subject="test Job", is_good=True, says=f"{request.attempt_id} was made")
        give_up_at = time.monotonic() + wait
        status: AttemptStatus | None = None
        while time.monotonic() < give_up_at and (status is None or status.exit is None):
            time.sleep(_LOOK_SECONDS)
            status = launcher.poll(sweep_id, [request.attempt_id]).get(request.attempt_id)
        yield _ended(status, wait)
        if status is not None and status.exit is not None:
            logs = pod_logs(settings, api, lambda _: tenant_id, policies=policies)
            log = logs.read(request.attempt_id, "stdout", offset=0, limit=10_000)
            has_word = _WORD.encode() in log
            says = "is read" if has_word else f"lacks what was printed: {log[:200]!r}"
            yield Finding(subject="test Job's log", is_good=has_word, says=says)
    except SweepsError as exc:
        yield Finding(subject="test Job", is_good=False, says=str(exc))
    finally:
        launcher.close()
        is_removed = api.delete_job(namespace, request.attempt_id)
    says = "is removed" if is_removed else "was gone already"
    yield Finding(subject="test Job", is_good=True, says=says)


def _ended(status: AttemptStatus | None, wait: float) -> Finding:
    if status is None or status.exit is None:
        why = status.waits_for if status is not None else "the cluster does not show it"
        return Finding(
            subject="test Job",
            is_good=False,
            says=f"has not ended after {wait:g} s: {why or 'it runs'}",
            mend="look at it with kubectl describe, or wait longer with --wait",
        )
    if status.exit.reason is ExitReason.COMPLETED:
        says = f"ran on {status.node or 'a node'}, image {status.image or 'unknown'}"
        return Finding(subject="test Job", is_good=True, says=says)
    return Finding(
        subject="test Job",
        is_good=False,
        says=f"{status.exit.reason}: {status.exit.message}",
        mend="the image needs `sh`, and has to run as user 1000",
    )
