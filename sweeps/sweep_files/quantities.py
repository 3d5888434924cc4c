"""Quantities with a unit: lengths of time, memory, cores, money, hours of GPUs."""

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.reading import Reader, shown

_DURATION = r"(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+(?:\.[0-9]+)?)s)?"
_LONGEST = 3650 * 86400  # ten years, in seconds
_MEMORY = r"([0-9]+(?:\.[0-9]+)?)([kKMGT]|[KMGT]i)?"
_MOST_BYTES = 2**60
_UNITS = {
    "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip
_PLAIN = r"[0-9]{1,10}(?:\.[0-9]{0,9})?"  # amount of dollars, also within quotes
_CPU = r"([0-9]+(?:\.[0-9]+)?)(m)?"
_LEAST_CORES, _MOST_CORES = 0.001, 10_000
_MOST_GPU_HOURS = 10**9


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time: `1h30m`, or a number of seconds."""

    def read(self, reader: Reader, path: Path, value: object) -> dt.timedelta | None:
        """The length, a millisecond to ten years."""
        seconds = _number(value)
        if isinstance(value, str) and (match := re.fullmatch(_DURATION, value)):
            days, hours, minutes, rest = (float(part or 0) for part in match.groups())
            seconds = days * 86400 + hours * 3600 + minutes * 60 + rest
        if seconds is None or not 0.001 <= seconds <= _LONGEST:
            hint = "write for example 30m, 1h30m, 90s or 2d, more than nothing"
            reader.problem(path, f"{shown(value)} is no length of time", hint)
            return None
        return dt.timedelta(seconds=seconds)

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        number = {"type": "number", "minimum": 0.001, "maximum": _LONGEST}
        text = {"type": "string", "pattern": f"^(?=.){_DURATION}$"}
        return {"anyOf": [number, text], "examples": ["30m", "1h30m", "90s"]}


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes, or a Kubernetes quantity such as `512Mi`."""

    def read(self, reader: Reader, path: Path, value: object) -> int | None:
        """Bytes."""
        count = _number(value)
        if isinstance(value, str) and (match := re.fullmatch(_MEMORY, value)):
            count = float(match[1]) * _UNITS.get(match[2] or "", 1)
        if count is None or not 0 <= count <= _MOST_BYTES:
            reader.problem(path, f"{shown(value)} is no size", "write for example 512Mi or 2Gi")
            return None
        return round(count)

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        number = {"type": "number", "minimum": 0, "maximum": _MOST_BYTES}
        text = {"type": "string", "pattern": f"^{_MEMORY}$"}
        return {"anyOf": [number, text], "examples": ["512Mi", "2Gi"]}


@dataclass(frozen=True, slots=True)
class Cpu:
    """Cores, or a Kubernetes quantity such as `500m`."""

    def read(self, reader: Reader, path: Path, value: object) -> float | None:
        """Cores."""
        cores = _number(value)
        if isinstance(value, str) and (match := re.fullmatch(_CPU, value)):
            cores = float(match[1]) / (1000 if match[2] else 1)
        if cores is None or not _LEAST_CORES <= cores <= _MOST_CORES:
            reader.problem(path, f"{shown(value)} is no number of cores", "write 1, 0.5 or 500m")
            return None
        return float(cores)

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        number = {"type": "number", "minimum": _LEAST_CORES, "maximum": _MOST_CORES}
        text = {"type": "string", "pattern": f"^{_CPU}$"}
        return {"anyOf": [number, text], "examples": [1, "500m"]}


@dataclass(frozen=True, slots=True)
class Dollars:
    """An amount of money, as it is written up to so many decimals: a tenth of a cent if not told."""

    least: Decimal | int = Decimal("0.001")
    most: int = 10**9
    decimals: int = 3

    def read(self, reader: Reader, path: Path, value: object) -> Decimal | None:
        """The amount."""
        amount = _written(reader, path, value)
        if amount is None or not self.least <= amount <= self.most:
            message = f"{shown(value)} is no amount of dollars"
            reader.problem(path, message, "write for example 5 or 12.50, a number without a sign")
            return None
        step = Decimal(1).scaleb(-self.decimals)
        rounded = amount.quantize(step)
        if amount and not rounded:  # nothing is another thing than very little
            message = f"{shown(value)} is less than {step:f}"
            hint = f"write {step:f} or more, or 0 where nothing is meant"
            reader.problem(path, message, hint)
            return None
        return rounded.normalize() + 0

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        number = {"type": "number", "minimum": float(self.least), "maximum": self.most}
        text = {"type": "string", "pattern": f"^{_PLAIN}$"}
        return {"anyOf": [number, text], "examples": [5]}


@dataclass(frozen=True, slots=True)
class GpuHours:
    """Hours of one GPU each."""

    least: float = 0.001

    def read(self, reader: Reader, path: Path, value: object) -> float | None:
        """The hours."""
        hours = _number(value)
        if hours is None or not self.least <= hours <= _MOST_GPU_HOURS:
            message = f"{shown(value)} is no number of GPU-hours"
            reader.problem(path, message, "write for example 8 or 0.5")
            return None
        return float(hours)

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        bounds = {"minimum": self.least, "maximum": _MOST_GPU_HOURS}
        return {"type": "number", **bounds, "examples": [8]}


def _number(value: object) -> float | int | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _written(reader: Reader, path: Path, value: object) -> Decimal | None:
    """A number to its last digit, for which a float may have no room; None: it is none."""
    number = _number(value)
    text = (reader.spelled(path, value) or "") if number is not None else value
    is_plain = isinstance(text, str) and re.fullmatch(_PLAIN, text) is not None
    exact = Decimal(str(text)) if is_plain else None
    if number is not None and exact is None:  # such as 1e2
        exact = Decimal(str(number))
    return exact if exact is not None and exact.is_finite() else None
