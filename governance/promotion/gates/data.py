"""Whether data meets what is expected of it. Pure."""

from governance.promotion.gates.facts import DataState
from governance.promotion.gates.results import Criterion


def data_of(data: DataState) -> Criterion:
    """One version: that it was looked at, and what was found."""
    is_unchecked = data.has_passed is None and data.must_be_checked
    value = "passed" if data.has_passed else "nothing is expected of it"
    if data.has_passed is False:
        value = f"failed: {', '.join(data.failed[:5])}"
    elif is_unchecked:
        value = f"nobody has looked: `sweepworks data check {data.version}`"
    return Criterion(
        subject=f"dataset:{data.version}",
        asked="it meets what is expected of it",
        value=value,
        bound="passed",
        has_passed=data.has_passed is not False and not is_unchecked,
        evidence={"failed": list(data.failed), "used_by": data.used_by},
    )
