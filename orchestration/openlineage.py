"""Sends events of OpenLineage over HTTP: each at least once, in bounded time, and nobody waits."""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from governance.lineage.openlineage import Event
from storage.lineage.openlineage import DueEvents

_TIMEOUT_SECONDS = 5.0  # for one answer
_MOST_SECONDS = 20.0  # for a look, which a sensor of Dagster's has 60 for
#: What a receiver says of itself, or of us, and not of the event: it is sent again.
_LATER = {401, 403, 404, 405, 408, 425, 429}

Post = Callable[[Event], None]


class EventRefused(Exception):
    """The receiver will not have this event, now or later."""


class ReceiverAway(Exception):
    """The receiver does not answer, or says to come again."""


class Outbox(Protocol):
    """See `storage.lineage.openlineage.OpenLineageOutbox`."""

    def due(self, *, limit: int = 50) -> Sequence[DueEvents]:
        """Events that are to be sent, the oldest first."""
        ...

    def mark(self, due: DueEvents, *, refusal: str | None = None) -> None:
        """They are not due any more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a look has done."""

    things: int  #: starts and ends that the receiver has now
    refused: Sequence[str]  #: a sentence for each that it will not have
    problem: str | None  #: why it ended before all was sent


def send_due(outbox: Outbox, post: Post, *, clock: Callable[[], float] = time.monotonic) -> Sent:
    """Send what is due, the oldest first, until the receiver is away or time is up.

    What was sent and not marked, since this process ended in between, is sent again.
    """
    give_up_at = clock() + _MOST_SECONDS
    n_sent, refused = 0, list[str]()
    while page := outbox.due():
        for due in page:
            if clock() >= give_up_at:
                return Sent(things=n_sent, refused=refused, problem="the rest is sent next time")
            try:
                for event in due.events:
                    post(event)
            except ReceiverAway as exc:
                return Sent(things=n_sent, refused=refused, problem=str(exc))
            except EventRefused as exc:
                refused.append(f"{due.subject}: {exc}")
                outbox.mark(due, refusal=str(exc))
            else:
                outbox.mark(due)
                n_sent += 1
    return Sent(things=n_sent, refused=refused, problem=None)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET without the event, and take the key along."""

    def redirect_request(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - it takes no heed
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def http_post(url: str, key: str | None = None) -> Post:
    """Sends one event to `url`, with `key` as a bearer token.

    The function raises `EventRefused` and `ReceiverAway`.
    """
    headers = {"Content-Type": "application/json"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"

    def post(event: Event) -> None:
        body = json.dumps(event).encode()
        request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310 - http or https, which the settings have checked
        try:
            with _OPENER.open(request, timeout=_TIMEOUT_SECONDS) as response:
                response.read(1)
        except urllib.error.HTTPError as exc:
            with exc:
                sentence = f"it answers {exc.code} {exc.reason}"
            if 400 <= exc.code < 500 and exc.code not in _LATER:
                raise EventRefused(sentence) from exc
            raise ReceiverAway(sentence) from exc
        except (
            OSError,
            ValueError,
            http.client.HTTPException,
        ) as exc:  # refused, timed out, or no HTTP
            raise ReceiverAway(f"it does not answer: {exc}") from exc

    return post
