"""Units by their codes, and what scaler and unit make of a raw number (Blue Book, class 3 Register, scaler_unit)."""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum
from typing import NamedTuple

from ami_dlms import axdr
from ami_dlms.axdr import Data, Tag
from ami_dlms.errors import DataMalformed


class Unit(IntEnum):
    """The unit list. Codes that are not in it stay numbers: newer editions have more."""

    YEAR = 1
    MONTH = 2
    WEEK = 3
    DAY = 4
    HOUR = 5
    MINUTE = 6
    SECOND = 7
    DEGREE = 8
    """Phase angle."""
    DEGREE_CELSIUS = 9
    CURRENCY = 10
    METRE = 11
    METRE_PER_SECOND = 12
    CUBIC_METRE = 13
    CUBIC_METRE_CORRECTED = 14
    CUBIC_METRE_PER_HOUR = 15
    CUBIC_METRE_PER_HOUR_CORRECTED = 16
    CUBIC_METRE_PER_DAY = 17
    CUBIC_METRE_PER_DAY_CORRECTED = 18
    LITRE = 19
    KILOGRAM = 20
    NEWTON = 21
    NEWTON_METRE = 22
    PASCAL = 23
    BAR = 24
    JOULE = 25
    JOULE_PER_HOUR = 26
    WATT = 27
    VOLT_AMPERE = 28
    VAR = 29
    WATT_HOUR = 30
    VOLT_AMPERE_HOUR = 31
    VAR_HOUR = 32
    AMPERE = 33
    COULOMB = 34
    VOLT = 35
    VOLT_PER_METRE = 36
    FARAD = 37
    OHM = 38
    OHM_SQUARE_METRE_PER_METRE = 39
    WEBER = 40
    TESLA = 41
    AMPERE_PER_METRE = 42
    HENRY = 43
    HERTZ = 44
    PER_WATT_HOUR = 45
    """Meter constant: pulses per watt-hour; so are the other PER_ ones."""
    PER_VAR_HOUR = 46
    PER_VOLT_AMPERE_HOUR = 47
    VOLT_SQUARED_HOUR = 48
    AMPERE_SQUARED_HOUR = 49
    KILOGRAM_PER_SECOND = 50
    SIEMENS = 51
    KELVIN = 52
    PER_VOLT_SQUARED_HOUR = 53
    PER_AMPERE_SQUARED_HOUR = 54
    PER_CUBIC_METRE = 55
    PERCENT = 56
    AMPERE_HOUR = 57
    WATT_HOUR_PER_CUBIC_METRE = 60
    JOULE_PER_CUBIC_METRE = 61
    MOLE_PERCENT = 62
    GRAM_PER_CUBIC_METRE = 63
    PASCAL_SECOND = 64
    JOULE_PER_KILOGRAM = 65
    GRAM_PER_SQUARE_CENTIMETRE = 66
    ATMOSPHERE = 67
    DECIBEL_MILLIWATT = 70
    DECIBEL_MICROVOLT = 71
    DECIBEL = 72
    OTHER = 254
    UNITLESS = 255
    """No unit: a count."""


class ScalerUnit(NamedTuple):
    """What attribute scaler_unit holds: quantity = raw number x 10 ** scaler, in the unit."""

    scaler: int
    unit: int
    """A `Unit`, or the code of one that is not in the list."""

    @classmethod
    def from_data(cls, value: Data) -> ScalerUnit:
        """Read scal_unit_type. Raises DataMalformed."""
        members = value.value if value.tag == Tag.STRUCTURE else ()
        match [member.value for member in members]:
            case [int(scaler), int(unit)] if -128 <= scaler < 128 and 0 <= unit <= 255:
                return cls(scaler, Unit(unit) if unit in _CODES else unit)
        raise DataMalformed("a scaler_unit is no structure of scaler and unit")

    def to_data(self) -> Data:
        """Write scal_unit_type."""
        return axdr.structure(axdr.int8(self.scaler), axdr.enum(self.unit))

    def quantity(self, raw: int) -> Decimal:
        """Return the exact quantity, with the zeros that its scale implies."""
        sign, digits, _ = Decimal(raw).as_tuple()
        return Decimal((sign, digits, self.scaler))


_CODES = frozenset(Unit)
