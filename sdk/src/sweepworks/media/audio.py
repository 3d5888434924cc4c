"""Sounds: files, and arrays of samples, which become WAV."""

import io
import os
import wave
from pathlib import Path
from typing import Any

from sweepworks.media.content import Content, NotMedia, as_array

_EXTENSIONS = ("wav", "mp3", "flac", "ogg")
_MOST_CHANNELS = 64
_LOUDEST = 32767  # of 16 bits


def audio_content(audio: Any, sample_rate: int | None) -> Content:
    """What there is of a sound, ready to be encoded; see `Run.log_audio` for what it may be.

    Raises:
        NotMedia: It is none.
        OSError: There is no such file.
    """
    if isinstance(audio, (str, os.PathLike)):
        path = Path(audio)  # pyright: ignore[reportUnknownArgumentType] - a path
        extension = path.suffix.lower().removeprefix(".")
        if extension not in _EXTENSIONS:
            raise NotMedia(f"{path.name} does not end with one of {', '.join(_EXTENSIONS)}")
        return Content.of(extension, path.read_bytes())
    if sample_rate is None or int(sample_rate) < 1:
        raise NotMedia("an array of samples needs a sample_rate, such as 44100")
    array = as_array(audio)
    shape = tuple(int(length) for length in array.shape)
    if len(shape) not in {1, 2} or 0 in shape or (len(shape) == 2 and shape[1] > _MOST_CHANNELS):
        raise NotMedia(f"an array of shape {shape} is no sound; make it (n,) or (n, channels)")
    if str(array.dtype.kind) != "f" and str(array.dtype) != "int16":
        raise NotMedia(f"samples of {array.dtype}; make them floats from -1 to 1, or int16")
    kept, rate = array.copy(), int(sample_rate)
    channels = 1 if len(shape) == 1 else shape[1]
    return Content("wav", int(kept.nbytes), lambda: _encode(kept, channels, rate))


def _encode(samples: Any, channels: int, rate: int) -> bytes:
    """A WAV file of 16 bits; what is louder than that is cut, and NaN is silence."""
    if str(samples.dtype.kind) == "f":
        samples[samples != samples] = 0  # noqa: PLR0124 - NaN
        samples = (samples.clip(-1, 1) * _LOUDEST).round()
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()
