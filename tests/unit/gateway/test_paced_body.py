"""Whoever stalls in the midst of a body is told so; whoever is only slow is not."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.errors import TooSlow
from gateway.paced_body import PacedBody

Part = tuple[float, int]  # seconds until it comes, and its bytes


def read(parts: list[Part], *, seconds: float = 0.1, at_a_time: int = 100) -> int:
    """Reads a body to its end; how many bytes came."""
    left = list(parts)

    async def receive() -> dict[str, Any]:
        wait, size = left.pop(0)
        await asyncio.sleep(wait)
        return {"type": "http.request", "body": bytes(size), "more_body": bool(left)}

    async def whole() -> int:
        paced = PacedBody(receive, seconds=seconds, at_a_time=at_a_time)
        came = 0
        while True:
            message = await paced()
            came += len(message["body"])
            if not message["more_body"]:
                return came

    return asyncio.run(whole())


def test_a_body_that_comes_is_passed_on() -> None:
    assert read([(0, 10), (0, 500), (0, 0)]) == 510


@pytest.mark.parametrize(
    "parts",
    [
        [(0, 10), (0.3, 10)],
        [(0.3, 10)],
        [(0.04, 10)] * 5,  # always something, and never enough
        [(0.01, 100), (0.3, 1)],
    ],
)
def test_a_body_that_does_not_come_is_given_up(parts: list[Part]) -> None:
    with pytest.raises(TooSlow):
        read(parts)


def test_a_large_body_may_take_longer_than_a_small_one() -> None:
    assert read([(0.06, 100)] * 5) == 500


def test_what_we_do_meanwhile_is_not_the_senders_time() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def slow_reader(paced: Callable[[], Awaitable[Any]]) -> None:
        for _ in range(3):
            await paced()
            await asyncio.sleep(0.1)

    asyncio.run(slow_reader(PacedBody(receive, seconds=0.1)))


def test_after_the_body_nothing_is_hurried() -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.2)
        return {"type": "http.disconnect"}

    async def wait_for_the_end() -> Any:
        empty = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def first_then_slow() -> dict[str, Any]:
            return next(empty, None) or await receive()

        paced = PacedBody(first_then_slow, seconds=0.05)
        await paced()
        return await paced()

    assert asyncio.run(wait_for_the_end()) == {"type": "http.disconnect"}
