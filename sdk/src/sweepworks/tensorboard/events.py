"""Scalars of one event: as much of protocol buffers as that takes.

Source: tensorboard/compat/proto/{event,summary,tensor,tensor_shape}.proto, and
https://protobuf.dev/programming-guides/encoding/. Scalars are `simple_value`s, or, since
TensorFlow 2, tensors without a dimension.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

_VARINT, _64_BITS, _BYTES, _32_BITS = 0, 1, 2, 5
#: Types of tensors that are numbers: how one lies in `tensor_content`, and the field that else has it.
_NUMBERS = {1: ("<f", 5), 2: ("<d", 6), 3: ("<i", 7), 9: ("<q", 10)}
_SIGN = 1 << 63

Value = int | bytes


@dataclass(slots=True)
class Event:
    """What one record says."""

    seconds: float = 0.0  #: since 1970
    step: int = 0
    scalars: dict[str, float] = field(default_factory=dict[str, float])


def read_event(record: bytes) -> Event:
    """The scalars of a record; there are none in most kinds of them.

    Raises:
        ValueError: It is no event.
    """
    event = Event()
    for number, value in _fields(record):
        if number == 1 and isinstance(value, bytes):
            event.seconds = _float("<d", value)
        elif number == 2 and isinstance(value, int):
            event.step = _signed(value)
        elif number == 5 and isinstance(value, bytes):
            for inner, summary in _fields(value):
                if inner == 1 and isinstance(summary, bytes):
                    tag, scalar = _scalar(summary)
                    if scalar is not None:
                        event.scalars[tag] = scalar
    return event


def _scalar(summary: bytes) -> tuple[str, float | None]:
    tag, scalar = "", None
    for number, value in _fields(summary):
        if not isinstance(value, bytes):
            continue
        if number == 1:
            tag = value.decode("utf-8", "replace")
        elif number == 2:
            scalar = _float("<f", value)
        elif number == 8:
            scalar = _number_of(value)
    return tag, scalar


def _number_of(tensor: bytes) -> float | None:
    """The only number of a tensor; None when it is none, or has dimensions."""
    fields = dict(_fields(tensor))
    shape, kind, content = fields.get(2, b""), fields.get(1, 0), fields.get(4, b"")
    if not isinstance(kind, int) or kind not in _NUMBERS:
        return None
    if not isinstance(shape, bytes) or any(number == 2 for number, _ in _fields(shape)):
        return None
    form, place = _NUMBERS[kind]
    value = content or fields.get(place, b"")
    if isinstance(value, bytes):
        if len(value) == struct.calcsize(form):
            return float(struct.unpack(form, value)[0])
        # Packed: whole numbers of changing length, as the field of repeated ones has them.
        value = _varint(value, 0)[0] if kind in {3, 9} and value else 0
    return float(_signed(value))


def _float(form: str, content: bytes) -> float:
    if len(content) != struct.calcsize(form):
        raise ValueError(f"a number of {len(content)} bytes")
    return float(struct.unpack(form, content)[0])


def _fields(message: bytes) -> Iterator[tuple[int, Value]]:
    """Number and value of each field; what has a fixed length, and what has its own, as bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == _BYTES:
            length, at = _varint(message, at)
        elif kind in {_64_BITS, _32_BITS}:
            length = 8 if kind == _64_BITS else 4
        else:
            raise ValueError(f"a field of kind {kind}")
        if at + length > len(message):
            raise ValueError("a field is cut off")
        yield number, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A whole number of changing length, and where it ends."""
    value = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise ValueError("a number is cut off")


def _signed(value: int) -> int:
    return value - 2 * _SIGN if value >= _SIGN else value
