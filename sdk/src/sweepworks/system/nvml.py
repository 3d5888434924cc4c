"""NVIDIA's GPUs, by the library that comes with their driver (NVML), through ctypes."""

import ctypes
from collections.abc import Callable, Iterator
from typing import Any

LIBRARY = "libnvidia-ml.so.1"
_GOOD = 0
_TEMPERATURE_OF_GPU = 0
_UUID_BYTES = 96
#: How two GPUs reach each other, by the number that NVML has for it; as `nvidia-smi topo` writes it.
_TOPOLOGY = {0: "X", 10: "PIX", 20: "PXB", 30: "PHB", 40: "NODE", 50: "SYS"}


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class _Memory(ctypes.Structure):
    _fields_ = (
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    )


class Gpus:
    """The GPUs that a script may use, by their number in `nvidia-smi`.

    Args:
        library: NVML, loaded.
        visible: What CUDA_VISIBLE_DEVICES says; None: nothing, all are visible.
    """

    def __init__(self, library: Any, *, visible: str | None) -> None:
        self._library = library
        self._devices: list[tuple[int, ctypes.c_void_p]] = []
        if library.nvmlInit_v2() == _GOOD:
            self._devices = _only(visible, list(self._all()), self._uuid, self._gpu_of)

    def read(self) -> dict[str, float]:
        """What each tells now, by name; what a device does not tell is left out."""
        return {
            f"gpu/{index}/{name}": value
            for index, device in self._devices
            for name, value in self._readings(device)
        }

    def describe(self) -> list[dict[str, Any]]:
        """What each is: its number, model, identifier and memory."""
        found: list[dict[str, Any]] = []
        for index, device in self._devices:
            memory = _Memory()
            known = self._library.nvmlDeviceGetMemoryInfo(device, ctypes.byref(memory)) == _GOOD
            found.append(
                {
                    "index": index,
                    "model": self._text(self._library.nvmlDeviceGetName, device),
                    "uuid": self._uuid(device),
                    "memory_bytes": memory.total if known else None,
                }
            )
        return found

    def topology(self) -> dict[str, str]:
        """How each pair is connected, by their numbers: ``0-1``."""
        pairs: dict[str, str] = {}
        for place, (index, device) in enumerate(self._devices):
            for other_index, other in self._devices[place + 1 :]:
                level = ctypes.c_int()
                ask = self._library.nvmlDeviceGetTopologyCommonAncestor
                if ask(device, other, ctypes.byref(level)) == _GOOD:
                    pairs[f"{index}-{other_index}"] = _TOPOLOGY.get(level.value, str(level.value))
        return pairs

    def driver(self) -> dict[str, str | None]:
        """Version of the driver, and of the CUDA that it brings."""
        number = ctypes.c_int()
        has_cuda = self._library.nvmlSystemGetCudaDriverVersion_v2(ctypes.byref(number)) == _GOOD
        cuda = f"{number.value // 1000}.{number.value % 1000 // 10}" if has_cuda else None
        return {"version": self._text(self._library.nvmlSystemGetDriverVersion), "cuda": cuda}

    def _text(self, ask: Any, *of: ctypes.c_void_p) -> str | None:
        text = ctypes.create_string_buffer(_UUID_BYTES)
        if ask(*of, text, ctypes.c_uint(_UUID_BYTES)) != _GOOD:
            return None
        return text.value.decode("utf-8", "replace")

    def _all(self) -> Iterator[tuple[int, ctypes.c_void_p]]:
        count = ctypes.c_uint()
        if self._library.nvmlDeviceGetCount_v2(ctypes.byref(count)) != _GOOD:
            return
        for index in range(count.value):
            device = ctypes.c_void_p()
            by_index = self._library.nvmlDeviceGetHandleByIndex_v2
            if by_index(ctypes.c_uint(index), ctypes.byref(device)) == _GOOD:
                yield index, device

    def _uuid(self, device: ctypes.c_void_p) -> str:
        text = ctypes.create_string_buffer(_UUID_BYTES)
        self._library.nvmlDeviceGetUUID(device, text, ctypes.c_uint(_UUID_BYTES))
        return text.value.decode("ascii", "replace")

    def _gpu_of(self, instance: str) -> str | None:
        """Name of the GPU that a MIG instance is a part of; None when it cannot be told."""
        if instance.startswith("MIG-GPU-"):  # as drivers before 470 named them: MIG-<GPU>/<i>/<i>
            return instance.removeprefix("MIG-").partition("/")[0]
        part, whole = ctypes.c_void_p(), ctypes.c_void_p()
        try:
            by_name = self._library.nvmlDeviceGetHandleByUUID
            parent_of = self._library.nvmlDeviceGetDeviceHandleFromMigDeviceHandle
        except AttributeError:  # of an age before there were instances
            return None
        if by_name(ctypes.c_char_p(instance.encode()), ctypes.byref(part)) != _GOOD:
            return None
        return self._uuid(whole) if parent_of(part, ctypes.byref(whole)) == _GOOD else None

    def _readings(self, device: ctypes.c_void_p) -> Iterator[tuple[str, float]]:
        nvml, number = self._library, ctypes.c_uint()
        utilization, memory = _Utilization(), _Memory()
        if nvml.nvmlDeviceGetUtilizationRates(device, ctypes.byref(utilization)) == _GOOD:
            yield "utilization_percent", float(utilization.gpu)
        if nvml.nvmlDeviceGetMemoryInfo(device, ctypes.byref(memory)) == _GOOD and memory.total:
            yield "memory_used_bytes", float(memory.used)
            yield "memory_percent", 100.0 * memory.used / memory.total
        kind = ctypes.c_uint(_TEMPERATURE_OF_GPU)
        if nvml.nvmlDeviceGetTemperature(device, kind, ctypes.byref(number)) == _GOOD:
            yield "temperature_celsius", float(number.value)
        if nvml.nvmlDeviceGetPowerUsage(device, ctypes.byref(number)) == _GOOD:
            yield "power_watts", number.value / 1000


def open_gpus(*, visible: str | None, library: str = LIBRARY) -> Gpus | None:
    """The GPUs of this machine; None where there is no driver. May take seconds."""
    try:
        return Gpus(ctypes.CDLL(library), visible=visible)
    except (OSError, AttributeError):  # none, or one of another age
        return None


def _only(
    visible: str | None,
    devices: list[tuple[int, ctypes.c_void_p]],
    uuid: Callable[[ctypes.c_void_p], str],
    gpu_of: Callable[[str], str | None],
) -> list[tuple[int, ctypes.c_void_p]]:
    """The devices that CUDA would show: those after a name that is none are hidden, too.

    Of a MIG instance it is the whole GPU, with what its other parts do: NVML tells power and
    temperature of no part. Where it cannot be told which GPU that is, none is better than all:
    theirs would be the numbers of other scripts.
    """
    if visible is None:
        return devices
    shown: list[tuple[int, ctypes.c_void_p]] = []
    for name in (part.strip() for part in visible.split(",")):
        is_instance = name.startswith("MIG-")
        word = gpu_of(name) if is_instance else name
        if word is None:
            break
        found = [
            (index, device)
            for index, device in devices
            if word == str(index) or (word.startswith("GPU-") and uuid(device).startswith(word))
        ]
        if is_instance and len(found) == 1 and found[0] in shown:
            continue  # two parts of one GPU
        if len(found) != 1 or found[0] in shown:
            break
        shown += found
    return shown
