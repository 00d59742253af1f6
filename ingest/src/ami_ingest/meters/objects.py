"""What a meter's objects are: classes, scalers and units, capture objects. Read once, then remembered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Protocol

from ami.raw.v1.exchange_pb2 import CaptureObject, Exchange, ScalerUnit
from ami_dlms import selective
from ami_dlms.apdu import CosemAttribute, SelectiveAccess
from ami_dlms.axdr import Data, Tag
from ami_dlms.client import Answer
from ami_dlms.cosem import units
from ami_dlms.cosem.classes import scaler_unit_attribute
from ami_dlms.cosem.object_list import read_object_list
from ami_dlms.errors import DataMalformed
from ami_dlms.obis import format_obis
from ami_ingest.errors import ExchangeFailed

PROFILE_GENERIC: Final = 7
CLOCK: Final = 8
ASSOCIATION_LN: Final = 15
DATA: Final = 1

LOGICAL_DEVICE_NAME: Final = bytes((0, 0, 42, 0, 0, 255))
CURRENT_ASSOCIATION: Final = bytes((0, 0, 40, 0, 0, 255))


class Reads(Protocol):
    """What can read attributes: a MeterSession."""

    async def get(self, attribute: CosemAttribute, access: SelectiveAccess | None = None) -> Answer:
        """Read one attribute."""


@dataclass(slots=True)
class Columns:
    """The shape of a profile."""

    capture_objects: tuple[CaptureObject, ...]
    period_s: int | None
    """0 is event driven; None: the meter does not tell."""


@dataclass(slots=True)
class MeterObjects:
    """What is known of one meter's objects. A session is passed in whenever something must be read first."""

    _classes: dict[bytes, tuple[int, int]] | None = None
    _scalers: dict[tuple[int, bytes], ScalerUnit | None] = field(default_factory=dict)
    _profiles: dict[bytes, Columns] = field(default_factory=dict)
    _name: bytes | None = None

    def forget(self) -> None:
        """Forget everything: the meter behind the address is another one, or its configuration changed."""
        self._classes = None
        self._scalers.clear()
        self._profiles.clear()
        self._name = None

    async def class_of(self, session: Reads, obis: bytes) -> tuple[int, int]:
        """Return (class, version) of an object from the association's object list.

        Raises ExchangeFailed where the list cannot be read or does not hold the object.
        """
        if self._classes is None:
            self._classes = await _object_list(session)
        found = self._classes.get(obis)
        if found is None:
            raise ExchangeFailed(
                f"Object Unknown ({format_obis(obis)} is not in the object list of this association)",
                "check the OBIS code, or read it with another client address",
            )
        return found

    async def device_name(self, session: Reads) -> bytes:
        """Return the logical device name, empty where the meter does not tell."""
        if self._name is None:
            value = await _value(session, DATA, LOGICAL_DEVICE_NAME, 2)
            self._name = b""
            if value is not None and value.tag == Tag.OCTET_STRING:
                self._name = bytes(value.value)
            elif value is not None and value.tag in (Tag.VISIBLE_STRING, Tag.UTF8_STRING):
                self._name = str(value.value).encode()
        return self._name

    async def context(self, session: Reads, class_id: int, obis: bytes, attribute: int) -> Exchange:
        """Return everything a response of this attribute does not say itself; `request` is left to the caller."""
        exchange = Exchange(class_id=class_id, obis=obis, attribute=attribute)
        if self._classes is not None and obis in self._classes:
            exchange.class_version = self._classes[obis][1]
        name = await self.device_name(session)
        if name:
            exchange.logical_device_name = name
        scaler_unit = await self._scaler_unit(session, class_id, obis, attribute)
        if scaler_unit is not None:
            exchange.scaler_unit.CopyFrom(scaler_unit)
        if class_id == PROFILE_GENERIC and attribute == 2:
            columns = await self.columns(session, obis)
            exchange.capture_objects.extend(columns.capture_objects)
            if columns.period_s is not None:
                exchange.capture_period_s = columns.period_s
        return exchange

    async def columns(self, session: Reads, obis: bytes) -> Columns:
        """Return the capture objects of a profile, with the scaler and unit of each, and its period.

        Raises ExchangeFailed where the capture objects cannot be read.
        """
        if obis not in self._profiles:
            captured = await _value(session, PROFILE_GENERIC, obis, 3)
            if captured is None or captured.tag != Tag.ARRAY:
                raise ExchangeFailed(
                    f"Capture Objects Unreadable (profile {format_obis(obis)})",
                    "check the OBIS code of the profile and the access rights of this client",
                )
            capture_objects = [_capture_object(entry) for entry in captured.value]
            for column in capture_objects:
                scaler_unit = await self._scaler_unit(session, column.class_id, column.obis, column.attribute)
                if scaler_unit is not None:
                    column.scaler_unit.CopyFrom(scaler_unit)
            period = await _value(session, PROFILE_GENERIC, obis, 4)
            known = period is not None and isinstance(period.value, int)
            self._profiles[obis] = Columns(tuple(capture_objects), int(period.value) if known and period else None)
        return self._profiles[obis]

    async def _scaler_unit(self, session: Reads, class_id: int, obis: bytes, attribute: int) -> ScalerUnit | None:
        """Return scaler and unit of an attribute; None where its class gives it none, or the meter does not tell."""
        holder = scaler_unit_attribute(class_id, attribute)
        if holder is None:
            return None
        key = (class_id, obis)
        if key not in self._scalers:
            value = await _value(session, class_id, obis, holder)
            self._scalers[key] = None if value is None else _scaler_unit_of(value)
        return self._scalers[key]


async def _value(session: Reads, class_id: int, obis: bytes, attribute: int) -> Data | None:
    """Read an attribute; None where the meter refuses it."""
    result = (await session.get(CosemAttribute(class_id, obis, attribute))).result
    return result if isinstance(result, Data) else None


async def _object_list(session: Reads) -> dict[bytes, tuple[int, int]]:
    listed = await _value(session, ASSOCIATION_LN, CURRENT_ASSOCIATION, 2)
    if listed is None or listed.tag != Tag.ARRAY:
        raise ExchangeFailed(
            "Object List Unreadable (the meter does not show which class an object has)",
            "write the class in front of the OBIS code, as in 3:1.0.1.8.0.255",
        )
    return {each.logical_name: (each.class_id, each.version) for each in read_object_list(listed)}


def _capture_object(entry: Data) -> CaptureObject:
    try:
        found = selective.CaptureObject.from_data(entry)
        return CaptureObject(
            class_id=found.class_id,
            obis=found.obis,
            attribute=found.attribute & 0xFF,  # a manufacturer's own are negative
            data_index=found.data_index,
        )
    except (DataMalformed, ValueError):
        raise ExchangeFailed(
            "Capture Objects Malformed (a column is no class, OBIS, attribute and index)",
            "keep the raw answer and report the meter's make and firmware",
        ) from None


def _scaler_unit_of(value: Data) -> ScalerUnit | None:
    try:
        scaler, unit = units.ScalerUnit.from_data(value)
    except DataMalformed:
        return None
    return ScalerUnit(scaler=scaler, unit=unit)
