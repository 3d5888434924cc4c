"""How a registry is told who asks."""

import ipaddress
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase


class Anonymous(AuthBase):
    """No credentials, also where a file of the user's home has some for the host."""

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request as it is."""
        return r


class Bearer(AuthBase):
    """A token of the registry's own."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request with the token."""
        r.headers["Authorization"] = f"Bearer {self._token}"
        return r


def is_local(netloc: str) -> bool:
    """Whether it is on this machine, where registries speak plain HTTP."""
    host = urlsplit(f"//{netloc}").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
