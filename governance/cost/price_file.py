"""`prices.yaml`: a section for each resource, an entry a line."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from governance.cost.price_changes import PriceHistory
from governance.cost.prices import CAPACITIES, Price, PriceBook, Resource, contradictions
from governance.gpu_types import gpu_words
from sweeps.policies import PolicyKind
from sweeps.sweep_files.documents import Path, check_storable
from sweeps.sweep_files.kinds import Kind, OneOf, Text
from sweeps.sweep_files.quantities import Dollars
from sweeps.sweep_files.reading import Reader, shown
from sweeps.sweep_files.sections import Field, Section, Several
from sweeps.sweep_files.yaml_documents import read_yaml

_MOST_DOLLARS = 10**7
_MOST = 1500  #: entries of a resource; all values of a file have a limit as well


@dataclass(frozen=True, slots=True)
class Moment:
    """A day, which begins at midnight UTC, or a moment with its offset."""

    def read(self, reader: Reader, path: Path, value: object) -> dt.datetime | None:
        """The moment in UTC."""
        try:
            moment = dt.datetime.fromisoformat(value if isinstance(value, str) else "")
            is_day = len(str(value)) == len("2026-01-01")
            if moment.tzinfo is None and not is_day:
                reader.problem(
                    path, f"{shown(value)} has no time zone", "add Z: 2026-01-01T12:00:00Z"
                )
                return None
            return moment.replace(tzinfo=moment.tzinfo or dt.UTC).astimezone(dt.UTC)
        except (ValueError, OverflowError):
            hint = "write for example 2026-01-01 or 2026-01-01T12:00:00Z"
            reader.problem(path, f"{shown(value)} is no date", hint)
            return None

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {"type": "string", "examples": ["2026-01-01", "2026-01-01T12:00:00Z"]}


def _optional(kind: Kind, doc: str) -> Field:
    return Field(kind=kind, doc=doc, default=None)


#: Nothing is a price, too; a MiB-hour of memory costs millionths of a dollar.
_PRICE = Dollars(least=0, most=_MOST_DOLLARS, decimals=9)
_NAME = Text("us-east-1", 100, pattern=r"[A-Za-z0-9][A-Za-z0-9 ._/-]*")
_WHEN = {
    "region": _optional(_NAME, "Only in this region."),
    "from": _optional(Moment(), "From then on."),
    "to": _optional(Moment(), "Until then, exclusive."),
}
_CAPACITY = {
    "capacity": _optional(OneOf(CAPACITIES), "Only spot, or only what is not."),
}
_GPU = _optional(
    Text("a100", 100, pattern=r"[A-Za-z0-9][A-Za-z0-9 ._/-]*"),
    "Only this type, by the first words of its model.",
)
_CLASS = _optional(Text("standard", 100, pattern="[a-z0-9][a-z0-9_-]*"), "Only this class.")


def _entries(key: str, doc: str, **fields: Field) -> Field:
    section = Section(
        doc=doc, fields={key: Field(kind=_PRICE, doc="The price."), **fields, **_WHEN}
    )
    example = [{key: 0.5}]
    return Field(kind=Several(section, example, most=_MOST), doc=doc, default=[], example=None)


_KEYS = {
    Resource.GPU: "usd_per_gpu_hour",
    Resource.CPU: "usd_per_core_hour",
    Resource.MEMORY: "usd_per_gib_hour",
    Resource.STORAGE: "usd_per_gib_month",
}
_FILE = Section(
    doc="What resources cost.",
    fields={
        "gpu": _entries(_KEYS[Resource.GPU], "GPUs.", type=_GPU, **_CAPACITY),
        "cpu": _entries(_KEYS[Resource.CPU], "Cores.", **_CAPACITY),
        "memory": _entries(_KEYS[Resource.MEMORY], "Memory.", **_CAPACITY),
        "storage": _entries(_KEYS[Resource.STORAGE], "Artifacts.", **{"class": _CLASS}),
    },
)


def parse_prices(text: str, *, source: str) -> PriceBook:
    """The price book that a file describes.

    Raises:
        InvalidSweepFile: Everything that is wrong, each with its line; two entries that hold for
            the same thing at the same time are.
    """
    document = read_yaml(text, source=source, what="file of the policy prices")
    check_storable(document, source=source)
    reader = Reader(document)
    read = _FILE.read(reader, (), {} if document.value is None else document.value) or {}
    places: list[Path] = []
    prices: list[Price] = []
    for resource in Resource:
        for index, entry in enumerate(read.get(resource) or ()):
            path: Path = (resource.value, index)
            if reader.is_noted_within(path):
                continue  # it would contradict others for what was not understood
            price = _price(resource, entry)
            if price.since and price.until and price.until <= price.since:
                reader.problem((*path, "to"), "it ends before it begins", "`to` is exclusive")
                continue
            if resource is Resource.STORAGE:
                _check_days(reader, path, price)
            places.append(path)
            prices.append(price)
    for later, earlier in contradictions(prices):
        line = document.line(places[earlier])
        where = "another entry" if line is None else f"that of line {line}"
        reader.problem(
            places[later],
            f"it holds for the same thing at the same time as {where}",
            "give one of them a `to` and the other a `from`, or remove one",
        )
    reader.raise_problems(source)
    return PriceBook(tuple(prices))


def _check_days(reader: Reader, path: Path, price: Price) -> None:
    """Bytes are counted by the day."""
    for key, moment in (("from", price.since), ("to", price.until)):
        if moment is not None and moment.time() != dt.time():
            message = "a price of storage changes at midnight UTC"
            reader.problem((*path, key), message, f"write {moment:%Y-%m-%d}")


def _price(resource: Resource, entry: dict[str, Any]) -> Price:
    kind = entry.get("type") or entry.get("class") or ""
    return Price(
        resource=resource,
        usd=entry[_KEYS[resource]],
        kind="-".join(gpu_words(kind)) if resource is Resource.GPU else kind,
        capacity=entry.get("capacity") or "",
        region=entry["region"] or "",
        since=entry["from"],
        until=entry["to"],
    )


PRICES = PolicyKind(
    name="prices",
    package="governance.policies",
    parse=parse_prices,
    least="gpu: []",
    history=PriceHistory(),
)
