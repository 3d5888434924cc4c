"""Counters of this process, and their text for Prometheus."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Meters:
    """What the ingest route and the upkeep have done so far; each counter has one writer."""

    requests_by_status: dict[int, int] = field(default_factory=dict[int, int])
    points: int = 0  #: stored
    repeated: int = 0  #: flushes that had been stored before
    batches: int = 0  #: transactions
    refused: int = 0  #: parts of flushes that were left out
    sealed: int = 0  #: runs
    silent: int = 0  #: runs that were failed for their silence

    def count_request(self, status: int) -> None:
        """One more answer."""
        self.requests_by_status[status] = self.requests_by_status.get(status, 0) + 1

    def render(self, *, backlog_bytes: int, waiting: int) -> str:
        """All of them in Prometheus' text format."""
        lines = ["# TYPE sweepworks_ingest_requests_total counter"]
        lines += [
            f'sweepworks_ingest_requests_total{{status="{status}"}} {count}'
            for status, count in sorted(self.requests_by_status.items())
        ]
        counters = {
            "ingest_points_total": self.points,
            "ingest_repeated_flushes_total": self.repeated,
            "ingest_batches_total": self.batches,
            "ingest_refused_total": self.refused,
            "sealed_runs_total": self.sealed,
            "silent_runs_total": self.silent,
        }
        gauges = {"ingest_backlog_bytes": backlog_bytes, "ingest_waiting_flushes": waiting}
        for kind, values in (("counter", counters), ("gauge", gauges)):
            for name, value in values.items():
                lines += [f"# TYPE sweepworks_{name} {kind}", f"sweepworks_{name} {value}"]
        return "\n".join(lines) + "\n"
