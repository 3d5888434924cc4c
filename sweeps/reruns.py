"""What of a run can be made again here: a plan with a line for each part, before anything is. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

from sweeps import recorded as documents
from sweeps.datasets import PinnedDataset
from sweeps.relocation import interpreters_within, is_below, names_python
from sweeps.runs import Provenance

#: Of this platform itself: a rerun is recorded by what is installed now.
OWN_PACKAGES = frozenset({"sweepworks", "sweepworks-platform"})
_MOST_TOLD = 5
_MOST_ARGUMENTS = 500  # of a command, that the SDK records
#: Recorded, and still not set again: they say where that process was, or are the launcher's to say.
_OF_THE_PLACE = frozenset(
    {"CUDA_VISIBLE_DEVICES", "VIRTUAL_ENV", "CONDA_DEFAULT_ENV", "WORLD_SIZE", "RANK", "LOCAL_RANK",
     "PYTHONPATH"}
)  # fmt: skip


#: What runs a command in an environment of its own making.
_MANAGERS = frozenset(
    {"uv", "conda", "mamba", "micromamba", "pixi", "poetry", "pdm", "pipenv", "hatch", "rye"}
)


class Fate(StrEnum):
    """What becomes of one part."""

    SAME = "same"  #: as it was
    OTHER = "other"  #: something else takes its place, and results may differ
    MISSING = "missing"  #: without it this is another run: refused unless it is forced


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One part of a run, and what becomes of it."""

    part: str
    fate: Fate
    says: str


class DataFound(StrEnum):
    """What is where a version was."""

    EQUAL = "equal"  #: every file, by its hash
    UNREAD = "unread"  #: the same files, as far as that can be told without reading them
    DIFFERS = "differs"  #: something else, or nothing
    STORED = "stored"  #: something else, or nothing; the artifact store has the version
    ELSEWHERE = "elsewhere"  #: it cannot be told from here


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A version that the run learned from."""

    version: PinnedDataset
    found: DataFound
    why: str = ""  #: what differs


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """What a rerun would find on this machine."""

    gpus: Sequence[str]
    image: str | None


def image_lines(recorded: Mapping[str, Any], here: Here) -> Iterator[Line]:
    """The container that it ran in."""
    image = recorded.get("image")
    if image != here.image and image is not None:
        says = f"it ran in {image}; a rerun is a process of this machine"
        yield Line(part="image", fate=Fate.OTHER, says=says)


def hardware_lines(recorded: Mapping[str, Any], here: Here) -> Iterator[Line]:
    """GPUs: their number decides whether it runs at all, their model what comes out."""
    had = documents.gpu_models(recorded)
    have = sorted(here.gpus)
    if had and len(have) < len(had):
        yield Line(part="gpus", fate=Fate.MISSING, says=f"it had {few(had)}; here are {len(have)}")
    elif had and had != have[: len(had)]:
        yield Line(part="gpus", fate=Fate.OTHER, says=f"{few(have)}; it had {few(had)}")
    elif had:
        yield Line(part="gpus", fate=Fate.SAME, says=few(had))
    node, machine = recorded.get("node"), recorded.get("cpu")
    yield Line(part="machine", fate=Fate.OTHER, says=f"this one; it ran on {node}, {machine}")


def environment_lines(recorded: Mapping[str, Any]) -> Iterator[Line]:
    """Variables that change results."""
    variables = documents.texts(recorded, "environment")
    kept = sorted(kept_variables(recorded))
    if kept:
        yield Line(part="variables", fate=Fate.SAME, says=few(kept, most=20))
    if variables.get("WORLD_SIZE", "1") != "1":
        says = f"one process; it was rank {variables.get('RANK')} of {variables['WORLD_SIZE']}"
        yield Line(part="processes", fate=Fate.MISSING, says=says)


def kept_variables(recorded: Mapping[str, Any]) -> dict[str, str]:
    """Variables that are set again."""
    variables = documents.texts(recorded, "environment")
    return {name: value for name, value in variables.items() if name not in _OF_THE_PLACE}


def command_lines(code: Mapping[str, Any]) -> Iterator[Line]:
    """What a run outside sweeps was started with; a trial's command is in its sweep."""
    script, arguments = documents.part(code, "script"), documents.words(code, "arguments")
    path = documents.text(script, "path")
    if path is None:
        yield Line(part="script", fate=Fate.MISSING, says="none is recorded; there is no command")
        return
    if script.get("is_notebook"):
        says = f"{path} is a notebook, whose cells were run by hand"
        yield Line(part="script", fate=Fate.MISSING, says=says)
        return
    hidden = [word for word in arguments if word == "***" or word.endswith("=***")]
    if hidden:
        says = f"{len(hidden)} are called like secrets and were not recorded: {few(hidden)}"
        yield Line(part="arguments", fate=Fate.MISSING, says=says)
    elif len(arguments) >= _MOST_ARGUMENTS:
        says = f"those beyond {_MOST_ARGUMENTS} were not recorded"
        yield Line(part="arguments", fate=Fate.MISSING, says=says)
    said = " ".join([documents.text(script, "module") or path, *arguments])
    yield Line(part="command", fate=Fate.SAME, says=said[:300])


def trial_command_lines(
    words: Sequence[str], roots: Sequence[str], *, is_here: Callable[[str], bool]
) -> Iterator[Line]:
    """What a trial was started with. Programs by their paths may be another version than they were.

    Args:
        roots: Of its work tree; what lies there comes from the new one.
        is_here: Whether there is something at a path.
    """
    says, program = " ".join(words)[:300], words[0]
    fate = Fate.SAME
    if any(names_python(word) for word in words):
        says = f"{says}, by the interpreter that is chosen here"
    if program.startswith("/") and not names_python(program) and not is_below(program, roots):
        fate = Fate.OTHER if is_here(program) else Fate.MISSING
        says = says if is_here(program) else f"{program} is not here"
    yield Line(part="command", fate=fate, says=says)
    if PurePosixPath(program).name in _MANAGERS and "run" in words:
        told = f"{program} chooses interpreter and packages itself, by what is in the work tree"
        yield Line(part="interpreter", fate=Fate.OTHER, says=told)
    for interpreter in interpreters_within(words):
        if is_below(interpreter, roots):
            told = f"the command names {interpreter}, which is not in the new work tree"
            yield Line(part="interpreter", fate=Fate.MISSING, says=told)
        else:
            told = f"the command names {interpreter}, with the packages that it has now"
            yield Line(part="interpreter", fate=Fate.OTHER, says=told)


def data_lines(datasets: Sequence[Dataset]) -> Iterator[Line]:
    """Versions that it learned from."""
    for dataset in datasets:
        version = dataset.version
        said = f"{version} at {version.location}"
        match dataset.found:
            case DataFound.EQUAL:
                yield Line(part="data", fate=Fate.SAME, says=said)
            case DataFound.UNREAD:
                says = (
                    f"{said}, of which not every byte was read: `sweepworks data check {version}`"
                )
                yield Line(part="data", fate=Fate.OTHER, says=says)
            case DataFound.ELSEWHERE:
                says = f"{said}, which was not looked at"
                yield Line(part="data", fate=Fate.OTHER, says=says)
            case DataFound.STORED:
                says = f"{version}, from the artifact store"
                yield Line(part="data", fate=Fate.SAME, says=says)
            case DataFound.DIFFERS:
                says = f"{said} is not what was registered: {dataset.why}"
                yield Line(part="data", fate=Fate.MISSING, says=says)


def capture_lines(provenance: Provenance) -> Iterator[Line]:
    """What was left out when it was captured."""
    for section in ("code", "software", "hardware"):
        if section not in provenance:
            fate = Fate.MISSING if section == "code" else Fate.OTHER
            yield Line(part=section, fate=fate, says="nothing is recorded of it")
    for sentence in documents.words(provenance.get("code") or {}, "left_out"):
        # Without a repository the first sentence is git's own; the files are there all the same.
        if "not a git repository" not in sentence and "git cannot be run" not in sentence:
            yield Line(part="code", fate=Fate.MISSING, says=f"not kept: {sentence}")


def few(words: Sequence[str], *, most: int = _MOST_TOLD) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more
