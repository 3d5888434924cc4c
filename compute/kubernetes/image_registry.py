"""Which image a tag means now: asked of its registry (OCI distribution specification, HTTP API v2).

The libraries for it either make no use of time limits or bring a client for pushing along; what is
needed is one HEAD, and a token for it.
"""

import hashlib
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests
import urllib3.exceptions
from requests.auth import AuthBase, HTTPBasicAuth
from requests.utils import parse_dict_header

from compute.kubernetes.image_name import ImageName
from compute.kubernetes.registry_auth import Anonymous, Bearer, is_local
from compute.kubernetes.registry_credentials import credentials_of
from sweeps.errors import LauncherUnavailable, LaunchRejected

_ACCEPT = (  # lists first: their digest is the same on every kind of node
    "application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)
_TIMEOUT_SECONDS = (3, 10)  # to connect, and between two bytes
_MOST_BYTES = 4 << 20  # of a manifest; registries take no larger ones
_HUB = {"docker.io": "registry-1.docker.io"}


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes  #: at most a byte more than is taken


class ImageRegistry:
    """Looks tags up.

    Args:
        credentials_file: A Docker configuration for private registries.
    """

    def __init__(self, credentials_file: Path | None = None) -> None:
        self._credentials_file = credentials_file

    def digest_of(self, image: ImageName) -> str:
        """``sha256:…`` of what the image's tag means now.

        Raises:
            LaunchRejected: There is no such image, or it may not be read.
            LauncherUnavailable: The registry does not answer, or not now.
            UnreadableCredentials: The file of credentials is none.
        """
        try:
            with requests.Session() as session:
                return self._ask(session, image)
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as exc:
            raise LauncherUnavailable(
                f"the registry {image.registry} does not answer: {type(exc).__name__}"
            ) from exc

    def _ask(self, session: requests.Session, image: ImageName) -> str:
        scheme = "http" if is_local(image.registry) else "https"
        host = _HUB.get(image.registry, image.registry)
        url = f"{scheme}://{host}/v2/{image.repository}/manifests/{image.tag}"
        auth: AuthBase = Anonymous()
        answer = self._send(session, "HEAD", url, auth)
        if answer.status == http.client.UNAUTHORIZED:
            auth = self._authorised(session, image, answer.headers.get("WWW-Authenticate", ""))
            answer = self._send(session, "HEAD", url, auth)
        _check(answer, image)
        digest = answer.headers.get("Docker-Content-Digest", "")
        if ImageName.parse(image.pinned(digest)).is_pinned:
            return digest
        answer = self._send(session, "GET", url, auth)  # a registry that tells no digest
        _check(answer, image)
        if len(answer.content) > _MOST_BYTES:
            raise LaunchRejected(f"the manifest of {image.text} is no manifest: it is too long")
        return f"sha256:{hashlib.sha256(answer.content).hexdigest()}"

    def _send(
        self,
        session: requests.Session,
        method: str,
        url: str,
        auth: AuthBase,
        *,
        query: Mapping[str, str] | None = None,
    ) -> _Answer:
        with session.request(
            method,
            url,
            params=query,
            headers={"Accept": _ACCEPT},
            auth=auth,
            timeout=_TIMEOUT_SECONDS,
            stream=True,  # nobody knows how long it is
            allow_redirects=True,
        ) as answer:
            content = answer.raw.read(_MOST_BYTES + 1, decode_content=True)
            return _Answer(answer.status_code, answer.headers, content)

    def _authorised(self, session: requests.Session, image: ImageName, challenge: str) -> AuthBase:
        """What opens the repository for reading, as the registry's challenge says."""
        pair = credentials_of(self._credentials_file, image.registry, image.repository)
        basic = HTTPBasicAuth(*pair) if pair is not None else Anonymous()
        kind, _, said = challenge.partition(" ")
        if kind.lower() != "bearer":
            return basic
        asked = parse_dict_header(said)
        realm = str(asked.get("realm") or "")
        if urlsplit(realm).scheme != "https" and not is_local(urlsplit(realm).netloc):
            raise LaunchRejected(f"the registry {image.registry} wants a password over plain HTTP")
        query = {"scope": asked.get("scope") or f"repository:{image.repository}:pull"}
        if service := asked.get("service"):
            query["service"] = service
        answer = self._send(session, "GET", realm, basic, query=query)
        _check(answer, image)
        document = json.loads(answer.content)
        return Bearer(str(document.get("token") or document.get("access_token") or ""))


def _check(answer: _Answer, image: ImageName) -> None:
    match answer.status:
        case http.client.OK:
            return
        case http.client.NOT_FOUND:
            raise LaunchRejected(f"there is no image {image.text}: {image.registry} has not got it")
        case http.client.UNAUTHORIZED | http.client.FORBIDDEN:
            raise LaunchRejected(
                f"the registry {image.registry} does not let {image.repository} be read; give "
                "credentials with SWEEPWORKS_K8S_REGISTRY_CONFIG, a file as `docker login` "
                "writes it"
            )
        case status:
            raise LauncherUnavailable(f"the registry {image.registry} answers {status}")
