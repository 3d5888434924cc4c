"""Forms of pages: their fields, once the request is let in.

A form counts only when a page of ours sends it: whoever is let in by a session is asked where the
request comes from, as with everything that changes something.
"""

from urllib.parse import parse_qs

from fastapi import Request

from gateway.errors import InvalidRequest

_MOST_FIELDS = 10


async def fields_of(request: Request) -> dict[str, str]:
    """The first value of each field; an empty one is not there.

    Raises:
        InvalidRequest: There are more fields than any of our forms has.
    """
    text = (await request.body()).decode("utf-8", errors="replace")
    try:
        form = parse_qs(text, max_num_fields=_MOST_FIELDS)
    except ValueError as exc:
        raise InvalidRequest("this form has too many fields") from exc
    return {name: values[0] for name, values in form.items()}
