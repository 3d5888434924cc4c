"""What this gateway has done, for Prometheus; of all its workers when it has several."""

import os
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead  # pyright: ignore[reportUnknownVariableType] - not typed

#: Read by prometheus_client when it is imported: the folder in which workers count together.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Meters:
    """Counters of the ingest route and of the upkeep."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self.requests = Counter(
            "sweepworks_ingest_requests", "Flushes answered", ["status"], registry=registry
        )
        self.points = Counter("sweepworks_ingest_points", "Points stored", registry=registry)
        self.repeated = Counter(
            "sweepworks_ingest_repeated_flushes", "Flushes stored before", registry=registry
        )
        self.refused = Counter(
            "sweepworks_ingest_refused", "Parts of flushes left out", registry=registry
        )
        self.batch_seconds = Histogram(
            "sweepworks_ingest_batch_seconds",
            "Time that a batch takes to be stored",
            buckets=_SECONDS,
            registry=registry,
        )
        self.sealed = Counter("sweepworks_sealed_runs", "Runs sealed", registry=registry)
        self.silent = Counter(
            "sweepworks_silent_runs", "Runs failed for their silence", registry=registry
        )
        self.deleted_blobs = Counter(
            "sweepworks_deleted_blobs", "Files deleted that nothing refers to", registry=registry
        )
        self.deleted_blob_bytes = Counter(
            "sweepworks_deleted_blob_bytes", "Bytes of deleted files", registry=registry
        )
        # Workers that have ended hold nothing.
        self.backlog_bytes = Gauge(
            "sweepworks_ingest_backlog_bytes",
            "Bytes of flushes in memory",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.waiting = Gauge(
            "sweepworks_ingest_waiting_flushes",
            "Flushes that no batch has taken yet",
            multiprocess_mode="livesum",
            registry=registry,
        )

    def render(self) -> bytes:
        """All of them in Prometheus' text format."""
        registry = self._registry
        if SHARED_FOLDER in os.environ:  # noqa: TID251 - what the library itself goes by
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        return generate_latest(registry)


def forget_worker(pid: int, folder: Path) -> None:
    """Drop the gauges of a worker that has ended; what it counted stays."""
    mark_process_dead(pid, str(folder))  # pyright: ignore[reportUnknownMemberType] - not typed
