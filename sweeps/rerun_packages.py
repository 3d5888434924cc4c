"""Interpreter and packages of a rerun: those that are here, or an environment of its own. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sweeps import recorded as documents
from sweeps.package_origins import Origin, OriginKind, origins
from sweeps.reruns import OWN_PACKAGES, Fate, Line, few


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """What a run had, and what of it comes from elsewhere than an index."""

    python: str
    versions: Mapping[str, str]  #: by name, without this platform's own
    origins: Mapping[str, Origin]
    is_recorded: bool  #: whether `origins` are; before they were, one took those that are here
    own_code: Mapping[str, str]  #: those of its own work tree, and where in it

    @classmethod
    def of(
        cls, software: Mapping[str, Any], here: "Installed", roots: tuple[str, ...]
    ) -> "Packages":
        """As they were recorded.

        Args:
            here: What records of before are completed by, which have no origins.
            roots: Of its work tree, by each name that it had.
        """
        packages = documents.texts(software, "packages")
        versions = {n: version for n, version in packages.items() if n not in OWN_PACKAGES}
        is_recorded = "direct_urls" in software
        if is_recorded:
            found = origins(documents.part(software, "direct_urls"))
        else:
            found = {
                name: origin
                for name, origin in here.origins.items()
                if here.versions.get(name) == versions.get(name) or origin.within(roots) is not None
            }
        found = {name: origin for name, origin in found.items() if name in versions}
        places = {name: origin.within(roots) for name, origin in found.items()}
        own = {name: place for name, place in places.items() if place is not None}
        return cls(
            python=str(software.get("python")),
            versions=versions,
            origins={name: origin for name, origin in found.items() if name not in own},
            is_recorded=is_recorded,
            own_code=own,
        )

    @property
    def pins(self) -> dict[str, str]:
        """What an environment of its own is made of, from an index."""
        others = {*self.origins, *self.own_code}
        return {name: version for name, version in self.versions.items() if name not in others}


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What one interpreter of this machine has."""

    python: str
    versions: Mapping[str, str]
    origins: Mapping[str, Origin]


def changed_packages(had: Packages, here: Installed) -> dict[str, str]:
    """Those that are not here as they were, and a few words about each; own code is not here at all."""
    return {
        name: f"{name} {version}, here {here.versions.get(name) or 'none'}"
        if here.versions.get(name) != version
        else f"{name} of {had.origins.get(name) or 'an index'}, here of "
        f"{here.origins.get(name) or 'an index'}"
        for name, version in had.versions.items()
        if name not in had.own_code
        and (here.versions.get(name) != version or had.origins.get(name) != here.origins.get(name))
    }


def needs_environment(had: Packages, here: Installed) -> bool:
    """Whether the interpreter that is here will not do."""
    return minor(had.python) != minor(here.python) or bool(changed_packages(had, here))


def package_lines(had: Packages, here: Installed, *, trouble: str) -> Iterator[Line]:
    """Interpreter and packages.

    Args:
        trouble: Why the recorded packages cannot be installed; empty when they can, or need not.
    """
    yield _python_line(had.python, here.python, trouble)
    changed = changed_packages(had, here)
    if not changed:
        yield Line(
            part="packages",
            fate=Fate.SAME,
            says=f"{len(had.versions)}, as they are installed here",
        )
    elif trouble:
        says = f"{few(list(changed.values()))}; {trouble}"
        yield Line(part="packages", fate=Fate.MISSING, says=says)
    else:
        installed = [says for name, says in changed.items() if name in had.pins]
        says = f"{few(installed) or len(had.pins)}; installed in their own environment"
        yield Line(part="packages", fate=Fate.SAME, says=says)
    if had.own_code:
        says = f"{few(sorted(had.own_code))}: from the new work tree"
        yield Line(part="packages", fate=Fate.SAME, says=says)
    yield from _origin_lines(had, is_here=not needs_environment(had, here))


def _origin_lines(had: Packages, *, is_here: bool) -> Iterator[Line]:
    """Packages from no index: nothing brings them where they are not."""
    told = {name: f"{name} of {origin}" for name, origin in had.origins.items()}
    if not is_here:
        if told:
            says = f"{few(list(told.values()))}: no index has them, and they are not installed"
            yield Line(part="packages", fate=Fate.MISSING, says=says)
        return
    moving = [told[n] for n, o in had.origins.items() if o.kind is OriginKind.EDITABLE]
    if moving:
        says = f"{few(moving)}: imported from there, as it is now"
        yield Line(part="packages", fate=Fate.OTHER, says=says)
    inexact = [
        told[name]
        for name, origin in had.origins.items()
        if origin.kind is not OriginKind.EDITABLE and not (origin.is_exact and had.is_recorded)
    ]
    if inexact:
        says = f"{few(inexact)}: only the version is known to be the same"
        yield Line(part="packages", fate=Fate.OTHER, says=says)


def _python_line(had: str, here: str, trouble: str) -> Line:
    if had == here:
        return Line(part="python", fate=Fate.SAME, says=had)
    if minor(had) == minor(here):
        return Line(part="python", fate=Fate.OTHER, says=f"{here}; it was {had}")
    if trouble:
        return Line(part="python", fate=Fate.MISSING, says=f"{had}; here is {here}")
    return Line(part="python", fate=Fate.SAME, says=f"{minor(had)}, of its own environment")


def minor(version: str) -> str:
    """The first two numbers: by these interpreters are found."""
    return ".".join(version.split(".")[:2])
