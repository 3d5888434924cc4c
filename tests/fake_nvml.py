"""NVIDIA's library as a C caller sees it, for machines without GPUs."""

import ctypes
from collections.abc import Callable, Collection, Mapping
from typing import Any

_UINT, _HANDLE = ctypes.POINTER(ctypes.c_uint), ctypes.c_void_p
_GIB = 2**30
_NOT_SUPPORTED, _NOT_FOUND = 3, 6

# Of each function, what it takes.
_TAKES: dict[str, tuple[Any, ...]] = {
    "nvmlInit_v2": (),
    "nvmlDeviceGetCount_v2": (_UINT,),
    "nvmlDeviceGetHandleByIndex_v2": (ctypes.c_uint, ctypes.POINTER(_HANDLE)),
    "nvmlDeviceGetHandleByUUID": (ctypes.c_char_p, ctypes.POINTER(_HANDLE)),
    "nvmlDeviceGetDeviceHandleFromMigDeviceHandle": (_HANDLE, ctypes.POINTER(_HANDLE)),
    "nvmlDeviceGetUUID": (_HANDLE, ctypes.c_void_p, ctypes.c_uint),
    "nvmlDeviceGetName": (_HANDLE, ctypes.c_void_p, ctypes.c_uint),
    "nvmlDeviceGetUtilizationRates": (_HANDLE, ctypes.c_void_p),
    "nvmlDeviceGetMemoryInfo": (_HANDLE, ctypes.c_void_p),
    "nvmlDeviceGetTemperature": (_HANDLE, ctypes.c_uint, _UINT),
    "nvmlDeviceGetPowerUsage": (_HANDLE, _UINT),
}


class FakeNvml:
    """So many GPUs; each function is a real C function pointer.

    A device's handle is its index and 1000; its numbers are round, and its index more.

    Args:
        failing: Functions that do not work.
        missing: Functions that this version does not have.
        instances: Names of MIG instances, and the index of the GPU that each is a part of.
    """

    def __init__(
        self,
        n_gpus: int,
        *,
        failing: Collection[str] = (),
        missing: Collection[str] = (),
        instances: Mapping[str, int] | None = None,
    ) -> None:
        self._n_gpus = n_gpus
        self._instances = dict(instances or {})
        for name, takes in _TAKES.items():
            if name in missing:
                continue
            act: Callable[..., int] = getattr(self, f"_{name}")
            if name in failing:
                act = _fail
            setattr(self, name, ctypes.CFUNCTYPE(ctypes.c_int, *takes)(act))

    def _nvmlInit_v2(self) -> int:  # noqa: N802 - as it is called there
        return 0

    def _nvmlDeviceGetCount_v2(self, count: Any) -> int:  # noqa: N802
        count[0] = self._n_gpus
        return 0

    def _nvmlDeviceGetHandleByIndex_v2(self, index: int, device: Any) -> int:  # noqa: N802
        device[0] = 1000 + index
        return 0

    def _nvmlDeviceGetHandleByUUID(self, uuid: bytes, device: Any) -> int:  # noqa: N802
        if (name := uuid.decode()) not in self._instances:
            return _NOT_FOUND
        device[0] = 5000 + list(self._instances).index(name)
        return 0

    def _nvmlDeviceGetDeviceHandleFromMigDeviceHandle(  # noqa: N802
        self, instance: int, device: Any
    ) -> int:
        device[0] = 1000 + list(self._instances.values())[instance - 5000]
        return 0

    def _nvmlDeviceGetUUID(self, device: int, text: int, length: int) -> int:  # noqa: N802
        uuid = f"GPU-{device - 1000}cafe-42".encode()
        ctypes.memmove(text, uuid[: length - 1] + b"\0", min(length, len(uuid) + 1))
        return 0

    def _nvmlDeviceGetName(self, device: int, text: int, length: int) -> int:  # noqa: N802
        name = f"Model {device - 1000}".encode()
        ctypes.memmove(text, name[: length - 1] + b"\0", min(length, len(name) + 1))
        return 0

    def _nvmlDeviceGetUtilizationRates(self, device: int, rates: int) -> int:  # noqa: N802
        (ctypes.c_uint * 2).from_address(rates)[:] = [50 + device - 1000, 90]
        return 0

    def _nvmlDeviceGetMemoryInfo(self, device: int, memory: int) -> int:  # noqa: N802
        used = 2 * _GIB + device - 1000
        (ctypes.c_ulonglong * 3).from_address(memory)[:] = [8 * _GIB, 8 * _GIB - used, used]
        return 0

    def _nvmlDeviceGetTemperature(self, device: int, kind: int, celsius: Any) -> int:  # noqa: N802
        celsius[0] = 60 + device - 1000 if kind == 0 else 0
        return 0

    def _nvmlDeviceGetPowerUsage(self, device: int, milliwatts: Any) -> int:  # noqa: N802
        milliwatts[0] = 250_000 + device - 1000
        return 0


def _fail(*_: object) -> int:
    return _NOT_SUPPORTED
