"""When a process began, in words that no clock moves. Standard library only: the shim uses it."""

_BOOT = "/proc/sys/kernel/random/boot_id"


def start_since_boot(pid: int) -> str | None:
    """``<clock ticks since boot>@<name of that boot>``.

    None when there is no such process, or no kernel that tells: then clocks are all there is.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - pathlib takes long to import
            stat = file.read()
        with open(_BOOT, encoding="ascii") as file:  # noqa: PTH123
            boot = file.read().strip()
        # The program's name comes in parentheses and may contain any of them.
        ticks = int(stat.rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None
    return f"{ticks}@{boot}"
