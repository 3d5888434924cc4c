"""What trials in a cluster cost: requests to the API server, and time.

From a decision to its Job, and from the end of a pod to its outcome in the database. The real controller, launcher and store on a real PostgreSQL. Pods sleep, and write down when they
end; their one report is stored for them when they are seen to run, as a gateway would. Decisions
and outcomes are timed on this machine's clock, ends on the node's: with clocks that differ, that
figure does. The floor, in the same run: Jobs that are made and read, one after the other.

Without the usual settings of a cluster (KUBECONFIG, SWEEPWORKS_K8S_*), or --url, it is the fake
cluster of the tests, in a process of its own, whose pods are no processes.

    python -m benchmarks.launch --json --trials 1000 --live 200
    KUBECONFIG=... python -m benchmarks.launch --json --image busybox:1.37 --namespace benchmark
"""

import argparse
import contextlib
import datetime as dt
import secrets
import statistics
import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from assets.sweep import BUSY_SECONDS, IDLE_SECONDS
from benchmarks import machine
from benchmarks.api_traffic import Request, Traffic, by_kind
from benchmarks.cluster import Cluster, cluster
from benchmarks.controller import Gateway, NoCredentials, database
from benchmarks.postgres import server
from benchmarks.timed_ports import TimedLauncher, TimedStore, Times
from compute.kubernetes import names
from compute.kubernetes.api import ClusterApi, Kind
from compute.kubernetes.connection import connect
from compute.kubernetes.launch_rate import BURST_SECONDS, LaunchRate
from compute.kubernetes.objects import label, time_of
from compute.kubernetes.placeholder_job import placeholder_job
from compute.kubernetes.pod_outcome import terminated
from governance.tenants import TenantDirectory
from orchestration.cluster.services import address_of, trial_launcher
from orchestration.cluster.tenant_policies import TenantPolicies
from storage.sweeps.catalog import SweepCatalog
from storage.sweeps.trials import PostgresTrialStore
from sweeps.background_suggester import make_suggester
from sweeps.clock import SystemClock
from sweeps.controller import SweepController
from sweeps.errors import TransientError
from sweeps.ids import AttemptId, SweepId, base32
from sweeps.objectives import Direction, Objective
from sweeps.spaces import Float, SearchSpace
from sweeps.specs import Limits, Resources, StrategySpec, SweepSpec, TrialSpec

_FLOOR_JOBS = 100
_REQUESTS_A_TICK = 3  # beyond one for each launch or stop
_TO_JOB_MS = 500
_TO_OUTCOME_MS = 3000
_TENANT = "default"
_OF_LAUNCHES_AND_STOPS = {"create jobs", "patch jobs"}


def a_spec(*, trials: int, live: int, seconds: float, is_fake: bool) -> SweepSpec:
    """A sweep of pods that sleep, and tell when they have woken up."""
    script = f"sleep {seconds:g}; date +%s.%N > /dev/termination-log"
    return SweepSpec(
        experiment="benchmark",
        owner="nobody",
        purpose="What does a trial in a cluster cost?",
        objective=Objective(metric="loss", direction=Direction.MINIMIZE),
        space=SearchSpace(parameters={"x": Float(low=0.0, high=1.0)}),
        limits=Limits(max_trials=trials, max_parallel=live),
        trial=TrialSpec(
            command=("sh", "-c", script),
            resources=Resources(cpu=0.01, memory_bytes=16 * 2**20),
            image=f"pretended:{seconds:g}" if is_fake else None,
        ),
        strategy=StrategySpec(name="random"),
    )


def run_controller(controller: SweepController) -> list[float]:
    """Until the sweep has ended, as its op does it; when each tick began, on the monotonic clock."""
    began: list[float] = []
    with contextlib.closing(controller):
        while True:
            began.append(time.monotonic())
            try:
                tick = controller.tick()
            except TransientError as exc:
                time.sleep(exc.retry_after_seconds)
                continue
            if tick.state.is_terminal:
                return [*began, time.monotonic()]
            time.sleep(BUSY_SECONDS if tick.progressed else IDLE_SECONDS)


def floor(api: ClusterApi, namespace: str, sweep_id: SweepId) -> dict[str, object]:
    """Jobs that never start, made and read one after the other by nobody who thinks."""
    made: list[float] = []
    read: list[float] = []
    for number in range(_FLOOR_JOBS):
        job = placeholder_job(
            f"{sweep_id}-floor-{number}",
            sweep_id=f"{sweep_id}-floor",
            installation=sweep_id,
            annotations={},
        )
        begun = time.perf_counter()
        api.create_job(namespace, job)
        middle = time.perf_counter()
        api.read_job(namespace, f"{sweep_id}-floor-{number}")
        made.append(middle - begun)
        read.append(time.perf_counter() - middle)
    return {
        "create_ms": percentiles(made),
        "get_ms": percentiles(read),
        "create_and_get_per_second": round(_FLOOR_JOBS / (sum(made) + sum(read)), 1),
    }


def ends(api: ClusterApi, namespace: str, selector: str) -> tuple[dict[AttemptId, float], int]:
    """When each pod has ended, and how many of them tell it to less than a second."""
    found: dict[AttemptId, float] = {}
    n_exact = 0
    for pod in api.list(Kind.PODS, namespace, selector=selector).items:
        ended = terminated(pod) or {}
        at = time_of(ended.get("finishedAt"))
        if at is None:
            continue
        attempt_id = AttemptId(label(pod, names.ATTEMPT))
        found[attempt_id] = at.timestamp()
        with contextlib.suppress(ValueError):  # a `date` that knows no %N
            found[attempt_id] = float(str(ended.get("message")).strip())
            n_exact += 1
    return found, n_exact


def requests_per_tick(began: Sequence[float], requests: Sequence[Request]) -> dict[str, object]:
    """Requests from each tick's beginning to the next one's, without launches and stops."""
    others = [r for r in requests if r.what not in _OF_LAUNCHES_AND_STOPS]
    times = [request.begun_at for request in others]
    counts = [bisect_left(times, end) - bisect_left(times, start) for start, end in pairwise(began)]
    return {
        "max": max(counts),
        "mean": round(statistics.mean(counts), 4),
        "ticks_with_any": sum(1 for n in counts if n),
        "in_the_loop": sum(1 for r in others if not r.is_in_background),
        "by_the_watches": sum(1 for r in others if r.is_in_background),
    }


def allowed(decided: Sequence[float], rate: float) -> list[float]:
    """When the rate allows each launch at the earliest, if they are decided at those times."""
    now = [decided[0]]
    bucket = LaunchRate(rate, clock=lambda: now[0])
    step = min(0.001, 0.1 / rate)
    found: list[float] = []
    for at in decided:
        now[0] = max(now[0], at)
        while not bucket.take():
            now[0] += step
        found.append(now[0])
    return found


def launch_rate(made: Sequence[float], *, live: int, configured: float) -> dict[str, object]:
    """What was configured, and what was reached while places were free and Jobs were wanted."""
    burst = max(round(configured * BURST_SECONDS), 1)
    in_a_second = max(bisect_left(made, at + 1.0) - n for n, at in enumerate(made))
    first_fill = made[burst : min(live, len(made))]
    seconds = first_fill[-1] - first_fill[0] if len(first_fill) > 1 else 0.0
    return {
        "configured_per_second": configured,
        "burst": burst,
        "reached_per_second": round((len(first_fill) - 1) / seconds, 2) if seconds else None,
        "most_in_a_second": in_a_second,
    }


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """In milliseconds."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {f"p{n}": round(cuts[n - 1] * 1000, 1) for n in (50, 95, 99)}


def measure(where: Cluster, *, trials: int, live: int, seconds: float) -> dict[str, object]:
    """Every figure of one run."""
    sweep_id = SweepId(f"benchmark-{base32(secrets.token_bytes(5), 8)}")
    settings = replace(where.settings, installation=sweep_id)
    client = connect(address_of(settings))
    api = ClusterApi(client)
    namespace = settings.namespace_of(_TENANT)
    selector = names.selector(installation=sweep_id)
    try:
        bare = floor(api, namespace, sweep_id)
        requests_before = where.requests() or {}
        traffic, times = Traffic(client), Times()
        with server() as server_url, database(server_url) as pool:
            spec = a_spec(trials=trials, live=live, seconds=seconds, is_fake=where.is_fake)
            SweepCatalog(pool).submit(sweep_id, spec, source_dir="", created_by="benchmark")
            policies = TenantPolicies(settings, TenantDirectory)
            launching = trial_launcher(settings, api, lambda _: _TENANT, policies=policies)
            launcher = TimedLauncher(launching, Gateway(pool, sweep_id), times)
            begun = time.monotonic()
            with contextlib.closing(launching):
                began = run_controller(
                    SweepController(
                        sweep_id,
                        store=TimedStore(PostgresTrialStore(pool), times),
                        launcher=launcher,
                        credentials=NoCredentials(),
                        clock=SystemClock(),
                        name="benchmark",
                        make_suggester=make_suggester,
                    )
                )
            took = time.monotonic() - begun
            snapshot = PostgresTrialStore(pool).load(sweep_id)
        requests = traffic.requests()
        counted = where.requests()
        ended_at, n_exact = ends(api, namespace, selector)
    finally:
        clear(api, namespace, selector)
    done = sum(trial.state == "completed" for trial in snapshot.trials)
    if done != trials or len(times.made) != trials:
        raise SystemExit(f"{done} of {trials} trials have completed: {snapshot.sweep.reason}")
    order = sorted(times.made, key=lambda attempt_id: times.made[attempt_id])
    decided = [times.decided[a] for a in order]
    to_job = [
        max(times.made[a] - at, 0.0)
        for a, at in zip(order, allowed(decided, settings.launches_per_second), strict=True)
    ]
    to_outcome = [times.recorded[a] - ended_at[a] for a in order if a in ended_at]
    figures: dict[str, object] = {
        "trials": trials,
        "live_wanted": live,
        "live_most": launcher.most_live,
        "seconds": round(took, 1),
        "pods": f"pretended, no processes, {seconds:g} s each"
        if where.is_fake
        else f"{settings.image}, sleep {seconds:g}",
        "server": "tests.fake_cluster in a process of its own" if where.is_fake else "real",
        "ticks": len(began) - 1,
        "requests_per_tick": requests_per_tick(began, requests),
        "requests": by_kind(requests),
        "requests_counted_by_the_server": counted
        and {what: n - requests_before.get(what, 0) for what, n in counted.items()},
        "launch_rate": launch_rate(
            [times.made[a] for a in order], live=live, configured=settings.launches_per_second
        ),
        "ticks_that_the_rate_ended": launcher.n_refused,
        "decision_to_job_ms": percentiles(to_job),
        "decision_to_job_with_the_wait_for_the_rate_ms": percentiles(
            [times.made[a] - at for a, at in zip(order, decided, strict=True)]
        ),
        "pod_end_to_outcome_ms": percentiles(to_outcome),
        "pod_ends_known_to_the_millisecond": n_exact,
        "floor": bare,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
    }
    return {**figures, "goals": goals(figures)}


def goals(figures: Mapping[str, object]) -> dict[str, bool]:
    """What is promised, and whether it held."""
    per_tick, to_job, to_outcome = (
        figures[name]
        for name in ("requests_per_tick", "decision_to_job_ms", "pod_end_to_outcome_ms")
    )
    assert isinstance(per_tick, dict)
    assert isinstance(to_job, dict)
    assert isinstance(to_outcome, dict)
    return {
        f"at most {_REQUESTS_A_TICK} requests a tick": per_tick["max"] <= _REQUESTS_A_TICK,
        f"decision to Job, p95 below {_TO_JOB_MS} ms": to_job["p95"] < _TO_JOB_MS,
        f"pod end to outcome, p95 below {_TO_OUTCOME_MS} ms": to_outcome["p95"] < _TO_OUTCOME_MS,
    }


def clear(api: ClusterApi, namespace: str, selector: str) -> None:
    """Nothing of it is left."""
    for job in api.list(Kind.JOBS, namespace, selector=selector).items:
        api.delete_job(namespace, job["metadata"]["name"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--live", type=int, default=200, help="trials at a time")
    parser.add_argument("--seconds", type=float, default=15.0, help="that a pod lives")
    parser.add_argument("--rate", type=float, help="launches a second; else as configured")
    parser.add_argument("--url", help="of an API server that asks for no credentials")
    parser.add_argument("--image", help="with sh, sleep and date; needed on a real cluster")
    parser.add_argument("--namespace", help="needed on a real cluster")
    arguments = parser.parse_args()
    with cluster(
        url=arguments.url,
        image=arguments.image,
        namespace=arguments.namespace,
        rate=arguments.rate,
    ) as where:
        figures = measure(
            where, trials=arguments.trials, live=arguments.live, seconds=arguments.seconds
        )
    machine.show(figures, as_json=arguments.json)


if __name__ == "__main__":
    main()
