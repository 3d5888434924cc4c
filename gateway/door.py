"""What a process needs to know who comes: tokens, the key that signs sessions, the clock."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from storage.token_store import TokenStore
from sweeps.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """For everything that asks for a token or a session."""

    tokens: TokenStore
    clock: Clock
    key: bytes
    public_url: str | None = None  #: where browsers find us, when it is not where we listen

    @property
    def is_public_by_tls(self) -> bool:
        """Whether what is in front of us speaks TLS: then browsers keep cookies to it."""
        return (self.public_url or "").startswith("https://")


async def _door(request: Request) -> Door:
    return cast("Door", request.app.state.services)


#: For signatures of routes that only ask who comes.
GivenDoor = Annotated[Door, Depends(_door)]
