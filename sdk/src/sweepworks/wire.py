"""The wire format of a flush, both directions; the description is docs/wire.md."""

import json
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sweepworks.values import (
    Scalar,
    WireError,
    are_keys,
    check_int64,
    check_key,
    check_scalar,
    clean,
    number_text,
    to_number,
)

MEDIA_TYPE = "application/x-sweepworks-flush"
MAX_BYTES = 16 * 1024 * 1024
_MAGIC = b"SWF1"
_MAX_HEADER_BYTES = 4 * 1024 * 1024
_SECTION = re.compile(r"[a-z_]{1,32}")
_WRITER = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRecord:
    """A resource level reached."""

    level: int
    values: Mapping[str, float]
    time_us: int  #: microseconds since 1970 UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class Flush:
    """One request.

    `steps`, `times` and `values` are buffers of n little-endian int64, int64 and float64, series
    after series in the order of `series`, then of `system`; `numpy.frombuffer` wraps them without a
    copy.
    """

    writer: str
    sequence: int
    run: str
    attempt: str | None = None
    series: Mapping[str, int] = field(default_factory=dict[str, int])  #: points of each key
    #: The same of the family `system`: what the SDK measures by itself.
    system: Mapping[str, int] = field(default_factory=dict[str, int])
    steps: bytes | memoryview = b""
    times: bytes | memoryview = b""
    values: bytes | memoryview = b""
    reports: Sequence[ReportRecord] = ()
    params: Mapping[str, Scalar] = field(default_factory=dict[str, Scalar])
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    #: What the run was made of, by section; the first of each counts.
    provenance: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict[str, Mapping[str, Any]]
    )
    beat: bool = False
    dropped: int = 0  #: metric points that the writer had to leave out so far
    finish: str | None = None  #: ``completed`` or ``failed``
    message: str = ""

    @property
    def n_points(self) -> int:
        """How many points it carries."""
        return len(self.values) // 8


def encode_flush(flush: Flush) -> bytes:
    """The binary form."""
    header: dict[str, Any] = {
        "writer": flush.writer,
        "sequence": flush.sequence,
        "run": flush.run,
        "attempt": flush.attempt,
        "series": dict(flush.series),
        "reports": [
            {
                "level": report.level,
                "values": {key: number_text(value) for key, value in report.values.items()},
                "time": report.time_us,
            }
            for report in flush.reports
        ],
        "beat": flush.beat,
    }
    if flush.system:
        header["system"] = dict(flush.system)
    if flush.dropped:
        header["dropped"] = flush.dropped
    if flush.params:
        header["params"] = dict(flush.params)
    if flush.tags:
        header["tags"] = dict(flush.tags)
    if flush.provenance:
        header["provenance"] = {name: dict(part) for name, part in flush.provenance.items()}
    if flush.finish is not None:
        header["finish"], header["message"] = flush.finish, flush.message
    # Lone surrogates, which a script can put into any string, must not break the connection.
    text = json.dumps(header, ensure_ascii=False).encode("utf-8", "replace")
    return b"".join(
        [_MAGIC, struct.pack("<I", len(text)), text, flush.steps, flush.times, flush.values]
    )


def decode_flush(body: bytes) -> Flush:
    """A flush from its binary form.

    Raises:
        WireError: It is malformed.
    """
    if len(body) < 8 or body[:4] != _MAGIC:
        raise WireError("the body does not begin with SWF1 and a length")
    (length,) = struct.unpack_from("<I", body, 4)
    if length > _MAX_HEADER_BYTES or 8 + length > len(body):
        raise WireError(f"the header's length {length} does not fit the body's {len(body)}")
    header = _json_object(body[8 : 8 + length])
    series, system = _counts(_object(header, "series")), _counts(_object(header, "system"))
    points = sum(series.values()) + sum(system.values())
    columns = memoryview(body)[8 + length :]
    if len(columns) != 24 * points:
        raise WireError(f"{points} points need {24 * points} bytes, {len(columns)} came")
    cut = 8 * points
    return _flush(header, series, system, columns[:cut], columns[cut : 2 * cut], columns[2 * cut :])


def decode_json_flush(body: bytes) -> Flush:
    """A flush from its JSON form.

    Raises:
        WireError: It is malformed.
    """
    header = _json_object(body)
    families: dict[str, dict[str, int]] = {"series": {}, "system": {}}
    steps: list[int] = []
    times: list[int] = []
    values: list[float] = []
    for family, counts in families.items():
        for key, points in _object(header, family).items():
            rows = _sequence(points, f"{family} {key[:40]!r}")
            counts[check_key(key)] = len(rows)
            for row in rows:
                if not isinstance(row, list) or len(cast("list[object]", row)) != 3:
                    raise WireError(f"a point of {key[:40]!r} is not [step, microseconds, value]")
                step, time_us, value = cast("list[object]", row)
                steps.append(check_int64(step, "step"))
                times.append(check_int64(time_us, "time"))
                values.append(to_number(value, "value"))
    n = len(values)
    return _flush(
        header,
        families["series"],
        families["system"],
        struct.pack(f"<{n}q", *steps),
        struct.pack(f"<{n}q", *times),
        struct.pack(f"<{n}d", *values),
    )


def _flush(
    header: Mapping[str, object],
    series: Mapping[str, int],
    system: Mapping[str, int],
    steps: bytes | memoryview,
    times: bytes | memoryview,
    values: bytes | memoryview,
) -> Flush:
    writer, run, attempt = header.get("writer"), header.get("run"), header.get("attempt")
    sequence = check_int64(header.get("sequence"), "sequence")
    if not isinstance(writer, str) or not _WRITER.fullmatch(writer):
        raise WireError("writer is not 1 to 64 of A-Z a-z 0-9 _ -")
    if sequence < 1:
        raise WireError("sequence is below 1")
    if not isinstance(run, str) or not (attempt is None or isinstance(attempt, str)):
        raise WireError("run or attempt is no text")
    finish = header.get("finish")
    if finish is not None and finish not in ("completed", "failed"):
        raise WireError("finish is neither completed nor failed")
    return Flush(
        writer=writer,
        sequence=sequence,
        run=run,
        attempt=attempt,
        series=series,
        system=system,
        steps=steps,
        times=times,
        values=values,
        reports=[_report(item) for item in _sequence(header.get("reports", []), "reports")],
        params={check_key(k): check_scalar(v) for k, v in _object(header, "params").items()},
        tags={check_key(k): clean(str(v)) for k, v in _object(header, "tags").items()},
        provenance=_provenance(_object(header, "provenance")),
        beat=header.get("beat") is True,
        dropped=max(0, check_int64(header.get("dropped", 0), "dropped")),
        finish=cast("str | None", finish),
        message=clean(str(header.get("message", "")))[:2000],
    )


def _provenance(sections: Mapping[str, object]) -> Mapping[str, Mapping[str, Any]]:
    for name in sections:
        if not _SECTION.fullmatch(name):
            raise WireError(f"the section {name[:40]!r} is not 1 to 32 of a-z _")
        _object(sections, name)
    return cast("Mapping[str, Mapping[str, Any]]", sections)


def _json_object(text: bytes) -> Mapping[str, object]:
    try:
        value = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as exc:  # bad UTF-8, bad JSON, an integer of 5,000 digits
        raise WireError(f"the header is no JSON in UTF-8: {exc}") from exc
    if not isinstance(value, dict):
        raise WireError("the header is no JSON object")
    return cast("Mapping[str, object]", value)


def _object(header: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = header.get(name, {})
    if not isinstance(value, dict):
        raise WireError(f"{name} is no object")
    return cast("Mapping[str, object]", value)


def _sequence(value: object, name: str) -> list[object]:
    if not isinstance(value, list):
        raise WireError(f"{name} is no list")
    return cast("list[object]", value)


def _counts(series: Mapping[str, object]) -> Mapping[str, int]:
    """Points of each key, checked all at once; one by one only to say which of them is wrong."""
    if series and set(map(type, series.values())) == {int} and are_keys(series):
        counts = cast("Mapping[str, int]", series)
        if min(counts.values()) >= 0 and max(counts.values()) < 2**63:
            return counts
    for key, count in series.items():
        if check_int64(count, f"the count of {check_key(key)[:40]!r}") < 0:
            raise WireError(f"the count of {key[:40]!r} is negative")
    return cast("Mapping[str, int]", series)


def _report(item: object) -> ReportRecord:
    if not isinstance(item, dict):
        raise WireError("a report is no object")
    record = cast("Mapping[str, object]", item)
    level = check_int64(record.get("level"), "level")
    if level < 0:
        raise WireError("a report's level is negative")
    return ReportRecord(
        level=level,
        values={check_key(k): to_number(v, "value") for k, v in _object(record, "values").items()},
        time_us=check_int64(record.get("time"), "time"),
    )
