"""The values of a `MeterReadings` message, one row each, in the form of `ami decode`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any, Final, NamedTuple

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_schemas import json_form, meanings, units

_PROTECTIONS: Final[dict[int, str]] = {
    pb.PROTECTION_NONE: "none",
    pb.PROTECTION_ENCRYPTED: "encrypted",
    pb.PROTECTION_AUTHENTICATED: "authenticated",
    pb.PROTECTION_AUTHENTICATED_ENCRYPTED: "authenticated+encrypted",
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Row(NamedTuple):
    """One value of a meter."""

    meter: str
    obis: str
    profile: str
    """OBIS of the load profile, empty for a single value."""
    value: str | None
    unit: str | None
    at: datetime
    """The instant it holds for (the end of an interval)."""
    quality: tuple[str, ...]
    protection: str

    @property
    def meaning(self) -> str:
        """What the OBIS code means, or nothing where it is not known."""
        found = meanings.meaning(self.obis)
        return found.description if found else ""

    def as_json(self) -> dict[str, Any]:
        """Return the row as an object of the JSON form."""
        return {
            "obis": self.obis,
            "value": self.value,
            "unit": self.unit,
            "measured_at": instant(self.at),
            "quality": list(self.quality),
        } | ({"profile": self.profile} if self.profile else {})


def rows(message: pb.MeterReadings) -> Iterator[Row]:
    """Yield every value of a message: single values first, then the intervals of each block in time order."""
    protection = protection_name(message.provenance.protection)
    for reading in message.readings:
        yield Row(
            message.meter.id,
            reading.obis,
            reading.profile_obis,
            json_form.value(reading),
            units.symbol(reading.unit),
            from_us(reading.measured_at_us),
            tuple(map(quality_name, reading.quality)),
            protection,
        )
    for block in message.interval_blocks:
        flagged = {entry.index: tuple(map(quality_name, entry.quality)) for entry in block.quality}
        for index, value in enumerate(json_form.values(block)):
            yield Row(
                message.meter.id,
                block.obis,
                block.profile_obis,
                value,
                units.symbol(block.unit),
                from_us(block.first_interval_end_us + index * block.period_s * 1_000_000),
                flagged.get(index, ()),
                protection,
            )


def count_values(message: pb.MeterReadings) -> int:
    """Return how many values a message holds."""
    return len(message.readings) + sum(
        len(block.mantissas) or len(block.reals) or len(block.texts) for block in message.interval_blocks
    )


def from_us(microseconds: int) -> datetime:
    """Return an instant of our messages as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def instant(at: datetime) -> str:
    """Return an instant in the form of our JSON: RFC 3339, UTC, `Z`, no more digits than it has."""
    return at.isoformat().replace("+00:00", "Z")


def protection_name(value: int) -> str:
    """Return `authenticated+encrypted`, `authenticated`, `encrypted`, `none`, or nothing where it is not said."""
    return _PROTECTIONS.get(value, "")


def quality_name(value: int) -> str:
    """Return the short name of a quality, `SCALER_UNKNOWN` and so on."""
    name: str = pb.Quality.Name(value) if value in pb.Quality.values() else str(value)
    return name.removeprefix("QUALITY_")
