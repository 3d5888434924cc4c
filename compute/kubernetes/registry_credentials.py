"""Credentials of registries, from a file as ``docker login`` writes it."""

import base64
import binascii
import json
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from sweeps.errors import PermanentError

_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", "docker.io")


class UnreadableCredentials(PermanentError):
    """A file of credentials that is none."""


def credentials_of(file: Path | None, registry: str, repository: str) -> tuple[str, str] | None:
    """User and password for a repository; None when the file has none.

    The file is read anew each time, since credentials are rotated. The longest entry that the
    repository's name begins with counts, as for Kubernetes.

    Raises:
        UnreadableCredentials: The file is missing or no Docker configuration; its content is not
            told.
    """
    if file is None:
        return None
    try:
        document: Any = json.loads(file.read_text(encoding="utf-8"))
        entries = cast("dict[str, dict[str, Any]]", document.get("auths") or {})
        found = {_key(name): entry for name, entry in entries.items()}
    except (OSError, ValueError, AttributeError) as exc:
        raise UnreadableCredentials(
            f"{file} cannot be read as a Docker configuration ({type(exc).__name__}); "
            "SWEEPWORKS_K8S_REGISTRY_CONFIG names it"
        ) from exc
    whole = f"{registry}/{repository}"
    names = [name for name in found if whole == name or whole.startswith(f"{name}/")]
    return _pair(found[max(names, key=len)], file) if names else None


def _key(name: str) -> str:
    """Of an entry: host and path, without the scheme and the version of the API."""
    if name in _HUB_KEYS:
        return "docker.io"
    parts = urlsplit(name if "://" in name else f"//{name}")
    return (parts.netloc + parts.path).removesuffix("/").removesuffix("/v1").removesuffix("/v2")


def _pair(entry: dict[str, Any], file: Path) -> tuple[str, str] | None:
    if entry.get("username"):
        return str(entry["username"]), str(entry.get("password") or "")
    if not entry.get("auth"):
        return None  # a helper program has them, which is not run
    try:
        user, _, password = base64.b64decode(str(entry["auth"])).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError) as exc:
        raise UnreadableCredentials(f"an entry of {file} is not base64 of user:password") from exc
    return user, password
