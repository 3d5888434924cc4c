"""Quantities as the API server writes them back, so that what it has is what was sent."""

_DECIMAL = ("", "k", "M", "G", "T", "P", "E")
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


def count(number: int) -> str:
    """A whole number: 2000 is ``2k``."""
    return _shortest(number, 1000, _DECIMAL)


def cores(number: float) -> str:
    """Cores, to a thousandth: 1.5 is ``1500m``."""
    thousandths = round(number * 1000)
    return f"{thousandths}m" if thousandths % 1000 else count(thousandths // 1000)


def size(octets: int) -> str:
    """Bytes: 2147483648 is ``2Gi``, and what is no multiple of 1024 is decimal."""
    if octets and octets % 1024 == 0:
        return _shortest(octets, 1024, _BINARY)
    return count(octets)


def _shortest(number: int, base: int, suffixes: tuple[str, ...]) -> str:
    power = 0
    while number and number % base == 0 and power < len(suffixes) - 1:
        number //= base
        power += 1
    return f"{number}{suffixes[power]}"
