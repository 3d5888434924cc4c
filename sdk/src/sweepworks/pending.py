"""What goes into flushes besides points, a header's worth at a time."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sweepworks.clock import now_us
from sweepworks.values import Scalar, check_int64, check_key, number_text
from sweepworks.wire import ReportRecord

#: What the names and values of one flush may take; the wire's limit on a header is 4 MiB, and
#: the largest single thing, a report of `MAX_REPORT_VALUES`, takes 1.1 MB.
HEADER_BYTES = 3_000_000
MAX_REPORT_VALUES = 1_000


def checked_report(level: Any, values: Mapping[str, Any]) -> ReportRecord:
    """What a script reports of a level, now.

    Raises:
        ValueError: It cannot be a report.
    """
    whole = check_int64(int(level), "the level")
    if whole != level:
        raise ValueError(f"the level {level!r} is no whole number")
    numbers = {check_key(str(key)): _number(key, value) for key, value in values.items()}
    if whole < 0 or not 1 <= len(numbers) <= MAX_REPORT_VALUES:
        raise ValueError(f"report needs a level of 0 or more and 1 to {MAX_REPORT_VALUES} values")
    return ReportRecord(level=whole, values=numbers, time_us=now_us())


def _number(key: str, value: Any) -> float:
    try:
        return float(value)  # also what numpy and torch call a scalar
    except (TypeError, ValueError) as exc:
        raise ValueError(f"{key} is {value!r}, not a number") from exc


@dataclass(slots=True)
class Pending:
    """What was recorded since the last flush."""

    reports: list[ReportRecord] = field(default_factory=list[ReportRecord])
    params: dict[str, Scalar] = field(default_factory=dict[str, Scalar])
    tags: dict[str, str] = field(default_factory=dict[str, str])
    provenance: dict[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    finish: str | None = None
    message: str = ""
    beat: bool = False

    def is_empty(self) -> bool:
        """Whether there is nothing to say."""
        return not (self.has_records() or self.finish or self.beat)

    def has_records(self) -> bool:
        """Whether it has any of what belongs to the run's record."""
        return bool(self.reports or self.params or self.tags or self.provenance)

    def take(self, room: int = HEADER_BYTES) -> tuple["Pending", int]:
        """Move as much of it as a header has room for into another one.

        Returns:
            What was moved, and the bytes that are left of the room. How the run ended is not
            among it: that goes last.
        """
        part, self.beat = Pending(beat=self.beat), False
        while self.reports and room > 0:
            report = self.reports.pop(0)
            part.reports.append(report)
            room -= _json_bytes({key: number_text(v) for key, v in report.values.items()}) + 64
        for source, target in (
            (self.params, part.params),
            (self.tags, part.tags),
            (self.provenance, part.provenance),
        ):
            while source and room > 0:
                name = next(iter(source))
                target[name] = source.pop(name)  # pyright: ignore[reportArgumentType] - of one kind
                room -= _json_bytes([name, target[name]])
        return part, room


def _json_bytes(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
