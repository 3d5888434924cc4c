"""Sections: mappings with known keys.

One declaration serves the parser and the JSON Schema that editors complete from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.kinds import Kind
from sweeps.sweep_files.reading import Reader, as_list, as_mapping, shown

REQUIRED = object()


@dataclass(frozen=True, slots=True)
class Several:
    """A list of values of one kind."""

    item: Kind
    example: object
    most: int = 100

    def read(self, reader: Reader, path: Path, value: object) -> tuple[Any, ...] | None:
        """The values, or None when one of them is wrong."""
        given = as_list(value)
        hint = f"write for example {self.example}"
        if given is None:
            reader.problem(path, f"{shown(value)} is no list", hint)
            return None
        if len(given) > self.most:
            message = f"{len(given)} are too many"
            reader.problem(path, message, f"at most {self.most} fit")
            return None
        read = [self.item.read(reader, (*path, i), item) for i, item in enumerate(given)]
        return None if any(item is None for item in read) else tuple(read)

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {
            "type": "array",
            "maxItems": self.most,
            "items": self.item.schema(),
            "examples": [self.example],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One key."""

    kind: Kind
    doc: str
    default: object = REQUIRED  #: as it would be written in a file; None: absent
    example: str | None = None  #: as it would be written; the kind's own otherwise

    def suggestion(self) -> str:
        """What to write for it."""
        schema = self.kind.schema()
        examples = schema.get("examples") or schema.get("enum") or ["…"]
        return self.example or str(examples[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A mapping with known keys."""

    doc: str
    fields: Mapping[str, Field]
    later: tuple[str, ...] = ()  #: keys of later versions, refused by name

    def read(self, reader: Reader, path: Path, value: object) -> dict[str, Any] | None:
        """Every key's value; None where it is absent or wrong, which has been noted."""
        given = as_mapping(value)
        if given is None:
            known = ", ".join(self.fields)
            reader.problem(path, f"{shown(value)} is no mapping", f"write below it: {known}")
            return None
        for key in given:
            if key in self.later:
                reader.unsupported_key((*path, key))
            elif key not in self.fields:
                reader.unknown_key((*path, key), self.fields)
        return {
            key: self._read_field(reader, (*path, key), field, given, key)
            for key, field in self.fields.items()
        }

    def _read_field(
        self, reader: Reader, path: Path, field: Field, given: Mapping[str, object], key: str
    ) -> Any:
        value = given.get(key)
        if field.default is not REQUIRED:
            # The stored form writes absent values as null; a file may leave a key empty.
            value = field.default if value is None else value
            return None if value is None else field.kind.read(reader, path, value)
        if key in given:
            return field.kind.read(reader, path, value)
        hint = f"add for example {key}: {field.suggestion()}"
        reader.problem(path, f"{key!r} is missing: {field.doc.rstrip('.')}", hint)
        return None

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        properties: dict[str, Any] = {}
        for key, field in self.fields.items():
            schema = field.kind.schema()
            if field.default is not REQUIRED:
                schema = _or_null(schema)
                schema |= {} if field.default is None else {"default": field.default}
            title = key.replace("_", " ").capitalize()
            properties[key] = {**schema, "title": title, "description": field.doc}
        required = [key for key, field in self.fields.items() if field.default is REQUIRED]
        return {
            "type": "object",
            "description": self.doc,
            "properties": properties,
            "additionalProperties": False,
            **({"required": required} if required else {}),
        }


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """`schema`, and null: a key that is there with nothing behind it."""
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    own: object = schema["type"]
    return {**schema, "type": [*(as_list(own) or [own]), "null"]}
