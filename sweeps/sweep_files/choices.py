"""Lists of values, and conditions on the values of other parameters."""

from dataclasses import dataclass
from typing import Any

from sweeps.spaces import Condition, Scalar
from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.kinds import SingleValue
from sweeps.sweep_files.reading import Reader, as_list, as_mapping, shown

NAME = "[A-Za-z_][A-Za-z0-9_.-]{0,63}"  #: of a parameter


@dataclass(frozen=True, slots=True)
class Choices:
    """A list of different values."""

    def read(self, reader: Reader, path: Path, value: object) -> tuple[Scalar, ...] | None:
        """The values in their order. `1`, `1.0`, `true` and `"1"` are four different ones."""
        given = as_list(value)
        if not given:
            message = f"{shown(value)} is no list of choices"
            reader.problem(path, message, "write for example [relu, tanh]")
            return None
        choices: dict[tuple[str, Scalar], Scalar] = {}
        for index, item in enumerate(given):
            choice = SingleValue().read(reader, (*path, index), item)
            if choice is None:
                continue
            if (type(choice).__name__, choice) in choices:
                message = f"{shown(choice)} appears twice"
                reader.problem((*path, index), message, "keep one of them")
            choices[type(choice).__name__, choice] = choice
        return tuple(choices.values()) if len(choices) == len(given) else None

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        items = SingleValue().schema()
        return {"type": "array", "minItems": 1, "items": items, "examples": [["relu", "tanh"]]}


@dataclass(frozen=True, slots=True)
class When:
    """Values that other parameters must have."""

    def read(self, reader: Reader, path: Path, value: object) -> Condition | None:
        """Values by parameter; whether it can have them is checked with the whole space."""
        given = as_mapping(value)
        if given is None:
            message = f"{shown(value)} is no condition"
            reader.problem(path, message, "write for example {optimizer: sgd}")
            return None
        read: dict[str, tuple[Scalar, ...] | None] = {}
        for name, item in given.items():
            wanted = item if as_list(item) is not None else [item]
            read[name] = Choices().read(reader, (*path, name), wanted)
        found = {name: values for name, values in read.items() if values is not None}
        return found if len(found) == len(read) else None

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {
            "type": "object",
            "propertyNames": {"pattern": f"^{NAME}$"},
            "additionalProperties": {"anyOf": [SingleValue().schema(), Choices().schema()]},
            "examples": [{"optimizer": "sgd"}, {"optimizer": ["sgd", "momentum"]}],
        }
