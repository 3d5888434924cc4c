"""What a plan says of bytes that go cold, in sentences. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from retention.bytes_text import bytes_text
from sweeps.money import dollars


def cold_lines(summary: Mapping[str, Any]) -> list[str]:
    """A line for each class, and what cannot be done; none when the policy has nothing go cold."""
    cold: Mapping[str, Any] | None = summary.get("cold")  # plans of earlier versions have none
    if cold is None:
        return []
    lines = [
        f"{share['count']:,} files, {bytes_text(share['bytes'])}, go to {name.upper()}: "
        f"{_savings(share['saves_usd'], is_example=cold['has_example_prices'])}"
        for name, share in cold["classes"].items()
    ]
    if cold["warning"] is not None:
        lines.append(cold["warning"])
    elif not lines:
        lines.append("no file goes to a colder class")
    return lines


def _savings(saves_usd: float | None, *, is_example: bool) -> str:
    if saves_usd is None:
        return "the price book does not say what that saves"
    told = f"that saves {dollars(Decimal(str(saves_usd)))} a month"
    return f"{told} at the example prices that ship" if is_example else told
