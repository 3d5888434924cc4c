"""Amounts of money as people read them."""

from decimal import Decimal

_LEAST = Decimal("0.0001")


def dollars(amount: Decimal | None) -> str:
    """``$1,234.50``; below a dollar up to four digits, as far as they say something: ``$0.0315``.

    Less than all of these is ``<$0.0001``, and what is not known ``-``.
    """
    if amount is None:
        return "-"
    sign, size = "-" if amount < 0 else "", abs(amount)
    if 0 < size < _LEAST:
        return f"{sign}<${_LEAST}"
    if size >= 1:
        return f"{sign}${size:,.2f}"
    whole, _, digits = f"{size:.4f}".partition(".")
    return f"{sign}${whole}.{digits.rstrip('0'):0<2}"
