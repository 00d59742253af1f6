"""What of the context of a poll decides how its answer is interpreted."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from ami.raw.v1 import exchange_pb2
from ami_dlms.apdu import SelectiveAccess
from ami_dlms.axdr import Tag
from ami_dlms.selective import ENTRY
from ami_normalize.pipeline.answer import attributes_asked, captured_of
from ami_normalize.pipeline.identify import exchange_of

_MOST_KEPT: Final = 4096


class Asked(NamedTuple):
    """A context, by what it says of its answer."""

    key: Any
    """Equal for contexts by which answers are interpreted alike: the bounds of a range do not count."""
    logical_device_name: bytes


NOTHING: Final = Asked(None, b"")


class Exchanges:
    """Reads the header `ami-context`."""

    def __init__(self) -> None:
        self._kept: dict[bytes, Asked] = {}

    def of(self, serialized: bytes | None) -> Asked:
        """Return what a context decides."""
        if not serialized:
            return NOTHING
        found = self._kept.get(serialized)
        if found is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            exchange = exchange_of(serialized)
            found = self._kept[serialized] = NOTHING if exchange is None else _asked(exchange)
        return found


def _asked(exchange: exchange_pb2.Exchange) -> Asked:
    targets = tuple((target, _selection(access)) for target, access in attributes_asked(exchange))
    stated = (exchange.scaler_unit.scaler, exchange.scaler_unit.unit) if exchange.HasField("scaler_unit") else None
    name = exchange.logical_device_name
    return Asked((targets, tuple(captured_of(exchange)), stated, exchange.capture_period_s, name), name)


def _selection(access: SelectiveAccess | None) -> object:
    """Return which columns a request selects (`ami_dlms.selective.selected_columns`)."""
    if access is None or access.parameters.tag != Tag.STRUCTURE or len(access.parameters.value) != 4:
        return None
    return access.selector, access.parameters.value[2 if access.selector == ENTRY else 3 :]
