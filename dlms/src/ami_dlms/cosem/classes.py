"""The interface classes a head-end meets, by class id and version, as one table (Blue Book, DLMS UA 1000-1, clause 4).

    classes.find(3).attribute(2)                                        # Register: value
    classes.scaler_unit_attribute(5, 3)                                 # 4: a demand register keeps them elsewhere
    classes.describe(64, 1, 6)                                          # Security setup: certificates

The table is sorted by purpose in `tables`. `docs/conformance.md` says how each class was verified. A version that may
have more than what we are sure of has `complete` False; a class or version that is not here is unknown, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from ami_dlms.cosem.interface import Attribute, Change, InterfaceClass, Method
from ami_dlms.cosem.tables import access, communication, control, measurement, payment, plc

__all__ = [
    "CLASSES",
    "Attribute",
    "Change",
    "InterfaceClass",
    "Method",
    "describe",
    "find",
    "scaler_unit_attribute",
    "value_attribute",
]

CLASSES: Final[Mapping[tuple[int, int], InterfaceClass]] = MappingProxyType(
    {
        (each.class_id, each.version): each
        for each in sorted(
            (
                *measurement.CLASSES,
                *access.CLASSES,
                *control.CLASSES,
                *communication.CLASSES,
                *payment.CLASSES,
                *plc.CLASSES,
            ),
            key=lambda each: (each.class_id, each.version),
        )
    }
)
"""Every version known, by (class id, version)."""
_NEWEST: Final = dict(CLASSES.keys())


def find(class_id: int, version: int | None = None) -> InterfaceClass | None:
    """Return a version of a class, the newest known where none is given; None where it is not known."""
    wanted = _NEWEST.get(class_id) if version is None else version
    return None if wanted is None else CLASSES.get((class_id, wanted))


def describe(class_id: int, version: int | None, index: int) -> Attribute | None:
    """Return what is known of an attribute; None where class, version or attribute is not known."""
    known = find(class_id, version)
    return None if known is None else known.attribute(index)


@lru_cache(maxsize=1024)
def value_attribute(class_id: int, version: int | None = None) -> int | None:
    """Return the attribute that an OBIS code alone means: the value, the buffer, the time; None where there is none."""
    known = find(class_id, version)
    if known is None:
        return None
    return next((attribute.index for attribute in known.attributes if attribute.is_value), None)


@lru_cache(maxsize=1024)
def scaler_unit_attribute(class_id: int, attribute: int, version: int | None = None) -> int | None:
    """Return the attribute that holds scaler and unit of another; None where that one has none."""
    known = describe(class_id, version, attribute)
    return None if known is None else known.scaler_unit
