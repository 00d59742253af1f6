"""Plain values: Data (class 1), Register (class 3), Extended register (class 4)."""

from __future__ import annotations

from ami_dlms.axdr import Data
from ami_dlms.cosem.objects import CosemObject, Value
from ami_dlms.cosem.units import ScalerUnit


def scaler_unit(scaler: int, unit: int) -> Data:
    """Return the scal_unit_type: value = raw * 10 ** scaler, in the DLMS unit `unit` (Blue Book 4.3.2.2.3)."""
    return ScalerUnit(scaler, unit).to_data()


class DataObject(CosemObject):
    """One value without a unit."""

    class_id = 1

    def __init__(self, logical_name: bytes, value: Value) -> None:
        super().__init__(logical_name, {2: value})


class Register(CosemObject):
    """One value with scaler and unit; method 1 resets it, which no client may."""

    class_id = 3
    methods = (1,)

    def __init__(self, logical_name: bytes, value: Value, scaler: int, unit: int) -> None:
        super().__init__(logical_name, {2: value, 3: scaler_unit(scaler, unit)})


class ExtendedRegister(CosemObject):
    """A register that also tells when its value was captured, and in which state."""

    class_id = 4
    methods = (1,)

    def __init__(
        self, logical_name: bytes, value: Value, scaler: int, unit: int, *, status: Value, capture_time: Value
    ) -> None:
        super().__init__(logical_name, {2: value, 3: scaler_unit(scaler, unit), 4: status, 5: capture_time})
