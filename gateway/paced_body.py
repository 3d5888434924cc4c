"""A body that has to come: whoever stalls in the midst of one holds memory and a connection."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from gateway.errors import TooSlow

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

DEFAULT_SECONDS = 30.0
_AT_A_TIME = 1024 * 1024


class PacedBody:
    """The `receive` of a request, which waits so long for each MiB of its body, and for its end.

    Not for the whole of it: a file of gigabytes, or a large flush on a slow line, takes its time.
    """

    def __init__(self, receive: Receive, *, seconds: float, at_a_time: int = _AT_A_TIME) -> None:
        self._receive = receive
        self._seconds = self._left = seconds
        self._at_a_time = at_a_time
        self._came = 0
        self._is_whole = False

    async def __call__(self) -> Message:
        """The next part; when all have come, whatever the server says next.

        Raises:
            TooSlow: It did not come in time.
        """
        if self._is_whole:
            return await self._receive()
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._left):
                message = await self._receive()
        except TimeoutError as exc:
            raise TooSlow(
                f"the body does not come: {self._came} bytes in {self._seconds:g} s, "
                f"where {self._at_a_time} are the least"
            ) from exc
        self._left -= loop.time() - began  # not what we do with it meanwhile
        self._came += len(message.get("body", b""))
        if self._came >= self._at_a_time:
            self._came, self._left = 0, self._seconds
        self._is_whole = not message.get("more_body", False)
        return message
