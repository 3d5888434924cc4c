"""Records as JSON: field by field, times as text, numbers that JSON lacks as words."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, cast

from fastapi.responses import JSONResponse

from storage.json_numbers import json_number


def document(value: object) -> Any:
    """`value` made of what JSON has."""
    match value:
        case bool() | int() | None:
            return value
        case str():
            return str(value)
        case float():
            return json_number(value)
        case dt.datetime():
            return value.isoformat()
        case dt.timedelta():
            return value.total_seconds()
        case Mapping():
            items = cast("Mapping[object, object]", value).items()
            return {str(key): document(item) for key, item in items}
        case Sequence():
            return [document(item) for item in cast("Sequence[object]", value)]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {
                field.name: document(getattr(value, field.name))
                for field in dataclasses.fields(value)
            }
        case _:
            raise TypeError(f"{type(value).__name__} has no form in JSON")


def answer(value: object, *, status: int = 200) -> JSONResponse:
    """`value` as the body of an answer."""
    return JSONResponse(document(value), status_code=status)
