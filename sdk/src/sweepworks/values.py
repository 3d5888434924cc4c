"""What the wire takes for a name, a number, a parameter; and making it of what scripts have."""

import math
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar, cast

MAX_KEY_CHARACTERS = 256
MAX_TEXT_CHARACTERS = 16_384  #: of a parameter or a tag; a script's own are cut there
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NAN = math.nan
_INT64 = 2**63
_SCALARS = (str, bool, int, float)

Scalar = str | int | float | bool
_T = TypeVar("_T")


class WireError(ValueError):
    """Bytes that are no flush, or a value that none can carry; the text says why."""


def check_key(value: object) -> str:
    """`value`, if it can be the name of a metric, a parameter or a tag.

    Raises:
        WireError: It cannot.
    """
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_KEY_CHARACTERS:
        raise WireError(f"a key is not 1 to {MAX_KEY_CHARACTERS} characters of text")
    if _CONTROL.search(value):
        raise WireError(f"the key {value[:40]!r} has control characters")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as exc:
        raise WireError(f"the key {value[:40]!r} is not valid Unicode") from exc
    return value


def are_keys(values: Collection[str]) -> bool:
    """Whether all of them can be keys, as `check_key` has it; in a tenth of the time."""
    text = "".join(values)
    return (
        all(values)
        and max(map(len, values), default=0) <= MAX_KEY_CHARACTERS
        # ASCII has no surrogates: only other text needs a look at each character.
        and (text.isascii() or text == text.encode("utf-8", "replace").decode())
        and not _CONTROL.search(text)
    )


def check_int64(value: object, name: str) -> int:
    """`value`, if it is an integer of 64 bits.

    Raises:
        WireError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not -_INT64 <= value < _INT64:
        raise WireError(f"{name} is no 64-bit integer")
    return value


def check_scalar(value: object) -> Scalar:
    """`value`, if it can be a parameter; its text made storable.

    Raises:
        WireError: It cannot.
    """
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        raise WireError("a parameter is an integer beyond 64 bits; send it as text")
    if isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise WireError("a parameter is no text, finite number, true or false")


def to_number(value: object, name: str) -> float:
    """A JSON number, or the text that stands for one which JSON lacks.

    Raises:
        WireError: It is neither.
    """
    if isinstance(value, str) and value in {"nan", "inf", "-inf"}:
        return float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise WireError(f"{name} is no number")
    try:
        return float(value)
    except OverflowError as exc:
        raise WireError(f"{name} is too large") from exc


def number_text(value: float) -> float | str:
    """A number as JSON can carry it."""
    if math.isfinite(value):
        return value
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def clean(text: str) -> str:
    """Text that PostgreSQL can keep: no NUL, no lone surrogate."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def as_scalar(value: object) -> Scalar:
    """Whatever a script calls a parameter, as the record keeps it.

    Scalars of numpy and torch are numbers, whatever else is no text, finite number or truth is
    its text: a parameter must not cost what else is sent.
    """
    if not isinstance(value, _SCALARS) and hasattr(value, "item"):
        try:
            value = cast("Any", value).item()
        except Exception:  # noqa: BLE001 - the script's own class; arrays of many elements
            return as_text(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        # Subclasses may print as they like; a JSON number beyond that is another elsewhere.
        return int(value) if -_INT64 <= value < _INT64 else as_text(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    return as_text(value)


def as_text(value: object) -> str:
    """Whatever a script calls a text, as the record keeps it."""
    try:
        text = str(value)
    except Exception:  # noqa: BLE001 - the script's own class; or an integer of 5,000 digits
        text = f"a {type(value).__name__}"
    return clean(text)[:MAX_TEXT_CHARACTERS]


def named(
    given: Mapping[Any, object],
    convert: Callable[[object], _T],
    *,
    leave_out: Callable[[str], None],
) -> dict[str, _T]:
    """What a script names, converted, without what no name can be; `leave_out` is told why."""
    kept: dict[str, _T] = {}
    for name, value in given.items():
        try:
            kept[check_key(name if isinstance(name, str) else as_text(name))] = convert(value)
        except WireError as exc:
            leave_out(str(exc))
    return kept


def are_plain(values: Mapping[Any, Any]) -> bool:
    """Whether all are numbers of Python's own, which nobody can change.

    One sum is cheaper than a look at every type, and tells as much: whatever else is in it makes it
    something else, or fails. From NaN, since then no scalar of numpy warns of its infinities.
    """
    try:
        return type(sum(values.values(), _NAN)) is float
    except Exception:  # noqa: BLE001 - values are the script's own; torch raises RuntimeError
        return False


def settled(value: Any) -> Any:
    """A value of a metric as it is now: arrays and tensors may change before they are stored.

    What lies on a GPU is copied there, since reading it would wait for the GPU. What is no
    number stays what it is.
    """
    try:
        if getattr(value, "is_cuda", False):
            return value.detach().clone() if value.numel() == 1 else value
        return float(value)
    except Exception:  # noqa: BLE001 - the script's own class; torch raises RuntimeError
        return value
