"""The DLMS unit list: codes and symbols (Blue Book, interface class 3 Register, attribute scaler_unit).

Corrected volumes (14, 16, 18) share the symbol of the uncorrected ones; the code keeps them apart. 255 means "no
unit", 254 "other", 0 "not stated": none of them has a symbol.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

NOT_STATED: Final = 0
OTHER: Final = 254
UNITLESS: Final = 255

SYMBOLS: Final = MappingProxyType(
    {
        1: "a", 2: "mo", 3: "wk", 4: "d", 5: "h", 6: "min", 7: "s", 8: "deg", 9: "degC", 10: "currency",
        11: "m", 12: "m/s", 13: "m3", 14: "m3", 15: "m3/h", 16: "m3/h", 17: "m3/d", 18: "m3/d", 19: "l", 20: "kg",
        21: "N", 22: "Nm", 23: "Pa", 24: "bar", 25: "J", 26: "J/h", 27: "W", 28: "VA", 29: "var", 30: "Wh",
        31: "VAh", 32: "varh", 33: "A", 34: "C", 35: "V", 36: "V/m", 37: "F", 38: "ohm", 39: "ohm m2/m", 40: "Wb",
        41: "T", 42: "A/m", 43: "H", 44: "Hz", 45: "1/(Wh)", 46: "1/(varh)", 47: "1/(VAh)", 48: "V2h", 49: "A2h",
        50: "kg/s", 51: "S", 52: "K", 53: "1/(V2h)", 54: "1/(A2h)", 55: "1/m3", 56: "%", 57: "Ah", 60: "Wh/m3",
        61: "J/m3", 62: "mol %", 63: "g/m3", 64: "Pa s", 65: "J/kg", 66: "g/cm2", 67: "atm", 70: "dBm", 71: "dBuV",
        72: "dB",
    }
)  # fmt: skip
"""Symbol of each code that has one."""

_CODES: Final = MappingProxyType({symbol: code for code, symbol in reversed(tuple(SYMBOLS.items()))})


def symbol(code: int) -> str | None:
    """Return the symbol of a unit code, or None where it is unknown, not stated or unitless."""
    return SYMBOLS.get(code)


def code(symbol: str) -> int | None:
    """Return the code of a symbol (the uncorrected one where two share it), or None."""
    return _CODES.get(symbol)


def known(code: int) -> bool:
    """Tell whether a code is in the list, `other` and `unitless` included."""
    return code in SYMBOLS or code in {OTHER, UNITLESS}
