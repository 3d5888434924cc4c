"""Images: files, bytes, images of Pillow, and arrays, which become PNG by the standard library."""

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

from sweepworks.media.content import Content, NotMedia, as_array

_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpg",
    b"GIF8": "gif",
}
_COLOR_TYPES = {1: 0, 3: 2, 4: 6}  # of PNG, by channels
_COMPRESSION = 3  # photographs gain little by more, and take three times as long
_SHAPES = "(height, width), or (height, width, 1, 3 or 4)"


def image_content(image: Any) -> Content:
    """What there is of an image, ready to be encoded; see `Run.log_image` for what it may be.

    Raises:
        NotMedia: It is none.
        OSError: There is no such file.
    """
    if isinstance(image, (str, os.PathLike)):
        image = Path(image).read_bytes()  # pyright: ignore[reportUnknownArgumentType] - a path
    if isinstance(image, (bytes, bytearray, memoryview)):
        content = bytes(image)  # pyright: ignore[reportUnknownArgumentType] - of any element
        return Content.of(_extension(content), content)
    if hasattr(image, "save") and hasattr(image, "mode"):  # Pillow's
        file = io.BytesIO()
        image.save(file, format="PNG")
        return Content.of("png", file.getvalue())
    array = as_array(image)
    shape = tuple(int(length) for length in array.shape)
    if len(shape) not in {2, 3} or (len(shape) == 3 and shape[2] not in _COLOR_TYPES):
        raise NotMedia(f"an array of shape {shape} is no image; make it {_SHAPES}")
    if 0 in shape or str(array.dtype.kind) not in "buif":
        raise NotMedia(f"an array of shape {shape} and {array.dtype} is no image")
    kept = array.copy()
    return Content("png", int(kept.nbytes), lambda: _encode_array(kept, shape))


def _extension(content: bytes) -> str:
    for magic, extension in _MAGIC.items():
        if content.startswith(magic):
            return extension
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "webp"
    raise NotMedia("these bytes are neither PNG, JPEG, GIF nor WebP")


def _encode_array(array: Any, shape: tuple[int, ...]) -> bytes:
    channels = 1 if len(shape) == 2 else shape[2]
    return encode_png(_as_bytes(array), width=shape[1], height=shape[0], channels=channels)


def _as_bytes(array: Any) -> bytes:
    """Each value in one byte.

    Floats go from 0 to 1, whole numbers from 0 to 255, truth is black and white. What lies beyond
    is cut, and NaN is black.
    """
    kind = str(array.dtype.kind)
    if kind == "b":
        array = array.astype("uint8") * 255
    elif kind == "f":
        array[array != array] = 0  # noqa: PLR0124 - NaN
        array = (array.clip(0, 1) * 255).round().astype("uint8")
    elif str(array.dtype) != "uint8":
        array = array.clip(0, 255).astype("uint8")
    return array.tobytes()


def encode_png(pixels: bytes, *, width: int, height: int, channels: int) -> bytes:
    """A PNG file of 8 bits a channel.

    Args:
        pixels: Row by row, channels together.
        channels: 1 for grey, 3 for colour, 4 with transparency.

    Source: PNG specification, https://www.w3.org/TR/png-3/, 5.3 and 11.2.
    """
    stride = width * channels
    rows = bytearray((stride + 1) * height)  # each begins with its filter: 0, none
    for row in range(height):
        rows[row * (stride + 1) + 1 : (row + 1) * (stride + 1)] = pixels[
            row * stride : (row + 1) * stride
        ]
    head = struct.pack(">IIBBBBB", width, height, 8, _COLOR_TYPES[channels], 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", head),
            _chunk(b"IDAT", zlib.compress(rows, _COMPRESSION)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )
