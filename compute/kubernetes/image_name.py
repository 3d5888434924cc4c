"""Names of container images, as Docker and Kubernetes read them. Pure."""

import re
from dataclasses import dataclass

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_DOCKER_HUB = "docker.io"


@dataclass(frozen=True, slots=True)
class ImageName:
    """``registry/repository:tag@digest``; without a registry, it is Docker Hub's."""

    text: str  #: as it was written
    registry: str  #: host, with its port
    repository: str
    tag: str
    digest: str  #: ``sha256:…``; empty: none is given

    @classmethod
    def parse(cls, text: str) -> "ImageName":
        """Every text is some name; whether there is such an image the registry knows."""
        name, _, digest = text.partition("@")
        first, slash, rest = name.partition("/")
        if slash and (set(first) & set(".:") or first == "localhost"):
            registry, path = first, rest
        else:
            registry, path = _DOCKER_HUB, name
        repository, _, tag = path.partition(":")
        if registry in {_DOCKER_HUB, f"index.{_DOCKER_HUB}"}:
            registry = _DOCKER_HUB
            repository = repository if "/" in repository else f"library/{repository}"
        return cls(text, registry, repository, tag or "latest", digest)

    @property
    def is_pinned(self) -> bool:
        """Whether it is the same image for ever."""
        return _DIGEST.fullmatch(self.digest) is not None

    def pinned(self, digest: str) -> str:
        """The same image by a digest; without its tag, since some runtimes take only one of both."""
        name = self.text.partition("@")[0]
        folder, slash, last = name.rpartition("/")
        return f"{folder}{slash}{last.partition(':')[0]}@{digest}"
