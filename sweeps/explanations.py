"""What two runs of the same thing were made of differently, likeliest cause first. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweeps import recorded
from sweeps.package_origins import Origin, origins
from sweeps.reruns import OWN_PACKAGES
from sweeps.runs import RunRecord

_FRAMEWORKS = ("torch", "tensorflow", "jax", "jaxlib", "numpy", "scipy", "scikit-learn")
_MOST = 20
_LONGEST = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One difference that other metrics may come from."""

    subject: str
    says: str


def explanations(
    original: RunRecord,
    again: RunRecord,
    *,
    data: Sequence[str],
    data_again: Sequence[str],
) -> list[Explanation]:
    """All of them, likeliest first.

    Args:
        data: Versions of datasets that the first has learned from; `data_again`: the second.
    """
    return [
        *_data(data, data_again),
        *_code(_section(original, "code"), _section(again, "code")),
        *_params(original, again),
        *_seeds(original, again),
        *_software(_section(original, "software"), _section(again, "software")),
        *_origins(original, again),
        *_gpus(_section(original, "hardware"), _section(again, "hardware")),
        *_variables(_section(original, "software"), _section(again, "software")),
        *_machine(_section(original, "hardware"), _section(again, "hardware")),
    ]


def _section(record: RunRecord, name: str) -> Mapping[str, Any]:
    return record.provenance.get(name) or {}


def _data(data: Sequence[str], again: Sequence[str]) -> Iterator[Explanation]:
    if sorted(data) != sorted(again):
        yield _changed("data", ", ".join(sorted(data)), ", ".join(sorted(again)))


def _code(code: Mapping[str, Any], again: Mapping[str, Any]) -> Iterator[Explanation]:
    if not code or not again:
        yield Explanation(subject="code", says="it is not recorded of both")
        return
    for name in ("commit", "patch", "files", "arguments"):
        if code.get(name) != again.get(name):
            yield _changed(name, code.get(name), again.get(name))
    script, other = recorded.part(code, "script"), recorded.part(again, "script")
    if script.get("sha256") != other.get("sha256"):
        yield _changed("script", script.get("sha256"), other.get("sha256"))


def _params(original: RunRecord, again: RunRecord) -> Iterator[Explanation]:
    if original.run.seed != again.run.seed:
        yield _changed("seed", original.run.seed, again.run.seed)
    for name in sorted({*original.params, *again.params})[:1000]:
        if original.params.get(name) != again.params.get(name):
            yield _changed(f"param {name}", original.params.get(name), again.params.get(name))


def _seeds(original: RunRecord, again: RunRecord) -> Iterator[Explanation]:
    seeds, other = _section(original, "seeds"), _section(again, "seeds")
    if not seeds or not other:
        yield Explanation(
            subject="seeds",
            says="nothing was seeded: `run.seed_everything()`, below the imports, draws the same",
        )
        return
    for name in sorted({*seeds, *other} - {"torch_flags", "not_imported"}):
        if seeds.get(name) != other.get(name):
            yield _changed(f"seed of {name}", seeds.get(name), other.get(name))
    for name in recorded.words(seeds, "not_imported"):
        yield Explanation(subject="seeds", says=f"{name} was not seeded: it was not imported yet")
    flags, theirs = recorded.part(seeds, "torch_flags"), recorded.part(other, "torch_flags")
    for name in sorted({*flags, *theirs}):
        if flags.get(name) != theirs.get(name):
            yield _changed(f"torch's {name}", flags.get(name), theirs.get(name))
    if flags and not flags.get("deterministic_algorithms"):
        yield Explanation(
            subject="torch",
            says="it may use operations that are not deterministic: "
            "`run.seed_everything(deterministic=True)` asks for others",
        )


def _software(software: Mapping[str, Any], again: Mapping[str, Any]) -> Iterator[Explanation]:
    packages = recorded.texts(software, "packages")
    others = recorded.texts(again, "packages")
    names = [
        name
        for name in {**packages, **others}
        if packages.get(name) != others.get(name) and name not in OWN_PACKAGES
    ]
    names.sort(key=lambda name: (name not in _FRAMEWORKS, name))
    for name in names[:_MOST]:
        yield _changed(f"package {name}", packages.get(name), others.get(name))
    if len(names) > _MOST:
        yield Explanation(subject="packages", says=f"{len(names) - _MOST} more differ")
    for name in ("python", "image", "cuda", "system"):
        if software.get(name) != again.get(name):
            yield _changed(name, software.get(name), again.get(name))


def _origins(original: RunRecord, again: RunRecord) -> Iterator[Explanation]:
    """Packages of the same version that came from elsewhere, as far as both say."""
    had, have = _section(original, "software"), _section(again, "software")
    if "direct_urls" not in had or "direct_urls" not in have:
        return
    versions, others = recorded.texts(had, "packages"), recorded.texts(have, "packages")
    found, theirs = _foreign(original), _foreign(again)
    for name in sorted({*found, *theirs} - OWN_PACKAGES):
        if versions.get(name) == others.get(name) and found.get(name) != theirs.get(name):
            was, is_now = found.get(name, "an index"), theirs.get(name, "an index")
            yield _changed(f"origin of {name}", str(was), str(is_now))


def _foreign(record: RunRecord) -> dict[str, Origin]:
    """Those from no index, without what is in the run's own work tree: that is its code."""
    root = recorded.text(_section(record, "code"), "root") or ""
    found = origins(recorded.part(_section(record, "software"), "direct_urls"))
    return {name: origin for name, origin in found.items() if origin.within((root,)) is None}


def _gpus(hardware: Mapping[str, Any], again: Mapping[str, Any]) -> Iterator[Explanation]:
    had, have = recorded.gpu_models(hardware), recorded.gpu_models(again)
    if had != have:
        yield _changed("gpus", ", ".join(had) or None, ", ".join(have) or None)
    if hardware.get("driver") != again.get("driver"):
        yield _changed("driver", hardware.get("driver"), again.get("driver"))


def _variables(software: Mapping[str, Any], again: Mapping[str, Any]) -> Iterator[Explanation]:
    # Where things are is another place in every rerun, and changes nothing.
    of_the_place = {"PYTHONPATH", "VIRTUAL_ENV", "CONDA_DEFAULT_ENV"}
    variables = recorded.texts(software, "environment")
    others = recorded.texts(again, "environment")
    for name in sorted({*variables, *others} - of_the_place):
        if variables.get(name) != others.get(name):
            yield _changed(f"variable {name}", variables.get(name), others.get(name))


def _machine(hardware: Mapping[str, Any], again: Mapping[str, Any]) -> Iterator[Explanation]:
    for name in ("cpu", "usable_cores", "cores", "memory_bytes", "node"):
        if hardware.get(name) != again.get(name):
            yield _changed(name.replace("_", " "), hardware.get(name), again.get(name))


def _changed(subject: str, was: object, is_now: object) -> Explanation:
    return Explanation(subject=subject, says=f"{_told(was)}; in the rerun {_told(is_now)}")


def _told(value: object) -> str:
    if not value and value is not False and value != 0:
        return "none"
    text = " ".join(recorded.words({"value": value}, "value")) or str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
