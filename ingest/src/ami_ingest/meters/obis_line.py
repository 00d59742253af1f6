"""How a request made by hand stands in the log: `OBIS Code 1.0.1.8.0.255 = 12345 Wh`. The wording is stable.

What is shown is for a technician's eyes; what a value means is decided by normalization, from the record.
"""

from __future__ import annotations

from typing import Any, Final

from ami.raw.v1.exchange_pb2 import Exchange
from ami_dlms.apdu import DataAccessResult
from ami_dlms.axdr import Data, Tag
from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.errors import DlmsError
from ami_dlms.obis import format_obis
from ami_ingest.meters.ping import Pinged
from ami_ingest.meters.reading import Reading
from ami_ingest.meters.signal import in_words, strength
from ami_schemas import units
from ami_schemas.decimals import plain

_MOST_OCTETS: Final = 32
_SECRET: Final = (15, 7)


def reading_line(reading: Reading) -> str:
    """Say what was read, and what came."""
    exchange = reading.exchange
    if is_secret(exchange):
        return obis_line(exchange.obis, "a secret, not shown")
    if reading.rows is not None:
        return f"OBIS Code {format_obis(exchange.obis)} = {reading.rows} rows"
    dbm = strength(exchange.class_id, exchange.attribute, reading.result)
    if dbm is not None:
        return obis_line(exchange.obis, f"{dbm} dBm ({in_words(dbm)})")
    return obis_line(exchange.obis, _shown(reading.result, exchange))


def is_secret(exchange: Exchange) -> bool:
    """Tell whether a secret was asked for: attribute 7 of an association (Blue Book, class 15)."""
    return (exchange.class_id, exchange.attribute) == _SECRET


def pinged_line(pinged: Pinged) -> str:
    """Say what a ping read."""
    return obis_line(pinged.obis, pinged.logical_device_name or "no value")


def obis_line(obis: bytes, shown: str) -> str:
    """Return the line."""
    return f"OBIS Code {format_obis(obis)} = {shown}"


def _shown(result: object, exchange: Exchange) -> str:
    if isinstance(result, DataAccessResult):
        return f"refused ({result.name.lower().replace('_', '-')})"
    if not isinstance(result, Data):
        return "no value"
    value: Any = result.value
    if isinstance(value, int) and not isinstance(value, bool):
        if not exchange.HasField("scaler_unit"):
            return str(value)
        unit = units.symbol(exchange.scaler_unit.unit)
        return plain(value, exchange.scaler_unit.scaler) + (f" {unit}" if unit else "")
    if isinstance(value, bytes):
        return _octets(value)
    if isinstance(value, tuple):
        return f"{Tag(result.tag).name.lower()} of {len(value)}"
    return str(value) if isinstance(value, str | float | bool) else Tag(result.tag).name.lower().replace("_", "-")


def _octets(value: bytes) -> str:
    if len(value) == 12:
        try:
            local = CosemDateTime.from_bytes(value).local()
        except DlmsError:
            local = None
        if local is not None:
            return local.isoformat(sep=" ", timespec="seconds")
    if value and all(0x20 <= octet < 0x7F for octet in value):
        return value.decode("ascii")
    return value[:_MOST_OCTETS].hex() + ("…" if len(value) > _MOST_OCTETS else "")
