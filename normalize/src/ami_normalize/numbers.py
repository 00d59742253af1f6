"""Exact numbers: a decimal is a mantissa and an exponent, and nothing is ever rounded."""

from __future__ import annotations

import math
import struct
from decimal import Decimal
from typing import NamedTuple

from ami_schemas.decimals import plain, shortest

_FLOAT32 = struct.Struct(">f")
_FLOAT32_DIGITS = 9  # enough for every float32


class Exact(NamedTuple):
    """The number mantissa * 10^scale."""

    mantissa: int
    scale: int

    def __str__(self) -> str:
        """Return the decimal with all zeros of its scale: 2301 * 10^-1 is `230.1`, 100 * 10^1 is `1000`."""
        return plain(self.mantissa, self.scale)


class Real(NamedTuple):
    """A number the meter gave as a float: the double nearest to its shortest decimal form."""

    value: float

    def __str__(self) -> str:
        """Return the shortest decimal that names the double, without exponent."""
        return shortest(self.value)


Value = Exact | Real | str | bytes | bool | None
"""What an object holds. None: the meter gave no value."""


def shortest_float32(value: float) -> Decimal:
    """Return the shortest decimal that rounds to this float32 (a Python float that is exactly one)."""
    if value != 0:
        octets = _FLOAT32.pack(value)
        for digits in range(1, _FLOAT32_DIGITS):
            text = f"{value:.{digits}g}"
            try:
                if _FLOAT32.pack(float(text)) == octets:
                    return Decimal(text)
            except OverflowError:  # rounded up beyond the largest float32
                continue
    return Decimal(f"{value:.{_FLOAT32_DIGITS}g}")


def real(value: float, scaler: int = 0, *, single: bool) -> Real | None:
    """Scale a float32 (`single`) or float64; None for NaN, infinity and what no double can hold."""
    if not math.isfinite(value):
        return None
    decimal = shortest_float32(value) if single else Decimal(repr(value))
    scaled = float(decimal.scaleb(scaler))
    return Real(scaled) if math.isfinite(scaled) else None


def parse_decimal(text: str) -> Exact | None:
    """Read a plain decimal as a meter prints it (`000006.695`, `-12`), keeping its scale; None if it is none."""
    digits = text[1:] if text[:1] in {"+", "-"} else text
    whole, point, fraction = digits.partition(".")
    if not (whole + fraction).isascii() or not (whole + fraction).isdigit() or (point and not fraction):
        return None
    mantissa = int(whole + fraction)
    return Exact(-mantissa if text.startswith("-") else mantissa, -len(fraction))
