"""The clock (class 8)."""

from __future__ import annotations

from collections.abc import Callable

from ami_dlms import axdr
from ami_dlms.apdu import DataAccessResult
from ami_dlms.axdr import Data, Tag
from ami_dlms.cosem.objects import CosemObject
from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.errors import DlmsError
from ami_dlms.selective import CLOCK

_NO_DATE = bytes.fromhex("FFFFFFFFFFFFFFFFFF800000")


class Clock(CosemObject):
    """Time of the device. Daylight saving is off: the deviation is the same all year."""

    class_id = 8
    methods = (1, 2, 3, 4, 5, 6)

    def __init__(
        self,
        now: Callable[[], CosemDateTime],
        *,
        deviation: int = 0,
        set_time: Callable[[CosemDateTime], bool] | None = None,
        logical_name: bytes = CLOCK,
    ) -> None:
        """`deviation` is in minutes from local time to UTC (CET: -60); `set_time` says whether it took the time."""

        def setter(value: Data) -> DataAccessResult:
            if value.tag not in (Tag.OCTET_STRING, Tag.DATE_TIME):
                return DataAccessResult.TYPE_UNMATCHED
            try:
                time = CosemDateTime.from_bytes(value.value)
            except DlmsError:
                return DataAccessResult.TYPE_UNMATCHED
            taken = set_time is not None and set_time(time)
            return DataAccessResult.SUCCESS if taken else DataAccessResult.OTHER_REASON

        super().__init__(
            logical_name,
            {
                2: lambda: axdr.octets(now().to_bytes()),
                3: axdr.int16(deviation),
                4: lambda: axdr.uint8(now().status or 0),
                5: axdr.octets(_NO_DATE),
                6: axdr.octets(_NO_DATE),
                7: axdr.int8(0),
                8: axdr.boolean(value=False),
                9: axdr.enum(1),  # internal crystal
            },
            {2: setter} if set_time else None,
        )
