"""What was looked at, whether it is good, and how to mend it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at."""

    subject: str
    is_good: bool
    says: str
    mend: str = ""
