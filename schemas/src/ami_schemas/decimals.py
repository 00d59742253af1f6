"""Numbers as text, never rounded: what `value` is in every JSON form of ours."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

_MOST_ZEROS: Final = 400  # a double has no more; a scale beyond is no meter's


def plain(mantissa: int, scale: int) -> str:
    """Return mantissa * 10^scale with all zeros of its scale: 2300 * 10^-1 is `230.0`, 100 * 10^1 is `1000`.

    A scale that would fill the memory with zeros (no meter states one) is written as an exponent.
    """
    if scale == 0:
        return str(mantissa)
    if not -_MOST_ZEROS <= scale <= _MOST_ZEROS:
        return f"{mantissa}E{scale}"
    if scale > 0:
        return str(mantissa * 10**scale)
    digits = str(abs(mantissa)).rjust(1 - scale, "0")
    sign = "-" if mantissa < 0 else ""
    return f"{sign}{digits[:scale]}.{digits[scale:]}"


def plain_all(mantissas: Iterable[int], scale: int) -> list[str]:
    """Return each mantissa * 10^scale as `plain` does, in a fraction of its time."""
    if scale == 0:
        return list(map(str, mantissas))
    if not -_MOST_ZEROS <= scale < 0:
        return [plain(mantissa, scale) for mantissa in mantissas]
    least = 10**-scale
    return [
        f"{(digits := str(mantissa))[:scale]}.{digits[scale:]}" if mantissa >= least else plain(mantissa, scale)
        for mantissa in mantissas
    ]


def shortest(number: float) -> str:
    """Return the shortest decimal that names a double, without exponent and without a fraction of zero."""
    return format(Decimal(repr(number)), "f").removesuffix(".0")
