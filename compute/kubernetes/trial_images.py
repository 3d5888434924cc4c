"""What the installation says about images of trials."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from compute.kubernetes.image_policy import ImagePolicy

_POLICY = "SWEEPWORKS_K8S_IMAGE_POLICY"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialImages:
    """Which images trials run, and which they may."""

    default: str = ""  #: of trials whose sweep names none
    policy: ImagePolicy = ImagePolicy.ANY  #: of images that are named by tags
    registry_config: Path | None = None  #: credentials of registries, as `docker login` writes them

    @classmethod
    def from_environment(cls, env: Mapping[str, str], *, base: Path) -> Self:
        """From the variables that begin with SWEEPWORKS_K8S_.

        Args:
            base: What a relative path is relative to.

        Raises:
            ValueError: There is no such policy; the text says what to write.
        """
        policy = env.get(_POLICY) or ImagePolicy.ANY
        if policy not in set(ImagePolicy):
            raise ValueError(f"{_POLICY} is {policy!r}; write {', '.join(ImagePolicy)}")
        config = env.get("SWEEPWORKS_K8S_REGISTRY_CONFIG")
        return cls(
            default=env.get("SWEEPWORKS_K8S_IMAGE") or "",
            policy=ImagePolicy(policy),
            registry_config=base / Path(config).expanduser() if config else None,
        )
