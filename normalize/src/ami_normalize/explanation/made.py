"""What the normalizer made of a raw record, as Kafka holds it, and how that differs from what is made of it now."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from ami.events.v1 import meter_events_pb2 as events_pb
from ami.readings.v1 import meter_readings_pb2 as pb
from ami_normalize.pipeline import RawRecord
from ami_schemas import headers, json_form, topics, units

Page = dict[str, Any]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_PROTECTIONS: Final = {
    pb.PROTECTION_NONE: "none",
    pb.PROTECTION_ENCRYPTED: "encrypted",
    pb.PROTECTION_AUTHENTICATED: "authenticated",
    pb.PROTECTION_AUTHENTICATED_ENCRYPTED: "authenticated+encrypted",
}
_TRUTH: Final = {"true": "1", "false": "0"}
_MOST_NAMED: Final = 5
DERIVED: Final = (topics.READINGS, topics.EVENTS, topics.DEAD_LETTERS, topics.PARKED)
"""Where a raw record can have ended."""


def record_page(record: RawRecord) -> Page:
    """Tell where a raw record stands and how it came, without what could be secret."""
    told = {name: record.headers.get(name, b"").decode("utf-8", "replace") for name in _SHOWN}
    return {
        "source": record.source,
        "key": (record.key or b"").decode("utf-8", "replace"),
        **{words: told[name] or None for name, words in _SHOWN.items()},
        "sha256": hashlib.sha256(record.value).hexdigest(),
    }


_SHOWN: Final = {
    headers.CE_TIME: "received",
    headers.CE_ID: "ce_id",
    headers.AGENT: "agent",
    headers.TRANSPORT: "transport",
    headers.EXCHANGE: "exchange",
}


def made(coordinates: str, topic: str, value: bytes | None, found: Mapping[str, bytes]) -> Page:
    """Tell of a derived record what it is, and by which versions it was made; raises DecodeError."""
    told: Page = {"record": coordinates, "source": _text(found, headers.SOURCE)}
    if topic == topics.READINGS:
        message = pb.MeterReadings.FromString(value or b"")
        return {
            **told,
            "outcome": "readings",
            "meter": message.meter.id,
            **_provenance(message.provenance),
            "revision": message.revision,
            "readings": [_reading(one) for one in message.readings],
        }
    if topic == topics.EVENTS:
        events = events_pb.MeterEvents.FromString(value or b"")
        return {**told, "outcome": "events", "meter": events.meter.id, **_provenance(events.provenance)}
    return {
        **told,
        "outcome": "rejected" if topic == topics.DEAD_LETTERS else "parked",
        "reason": _text(found, headers.DLQ_REASON),
        "message": _text(found, headers.DLQ_MESSAGE),
        "decoder": _text(found, headers.DLQ_DECODER),
    }


def _text(found: Mapping[str, bytes], name: str) -> str:
    return found.get(name, b"").decode("utf-8", "replace")


def _provenance(provenance: pb.Provenance) -> Page:
    return {
        "mapping": provenance.mapping,
        "decoder": provenance.decoder,
        "dialect": provenance.dialect or None,
        "key_version": provenance.key_version or None,
        "protection": _PROTECTIONS.get(provenance.protection, ""),
        "sha256": provenance.raw_sha256.hex(),
    }


def _reading(reading: pb.Reading) -> Page:
    value = json_form.value(reading) or ""
    return {
        "obis": reading.obis,
        "attribute": reading.attribute,
        "occurrence": reading.occurrence,
        "value": _TRUTH.get(value, value) if reading.WhichOneof("value") == "boolean" else value,
        "unit": units.symbol(reading.unit),
        "measured_at": instant(reading.measured_at_us),
        "quality": [pb.Quality.Name(one).removeprefix("QUALITY_") for one in reading.quality],
    }


def instant(microseconds: int) -> str:
    """Return an instant of our messages as RFC 3339 in UTC."""
    return (_EPOCH + timedelta(microseconds=microseconds)).isoformat().replace("+00:00", "Z")


def differences(page: Page, before: Page, record: RawRecord) -> Iterator[str]:
    """Say in sentences how what was made of a raw record differs from the page, which is what is made of it now."""
    if before.get("sha256") and before["sha256"] != hashlib.sha256(record.value).hexdigest():
        yield "these are not the bytes it was made from: another record stands at this place now"
    if before.get("mapping") and before["mapping"] != page["mapping"]:
        yield f"mapping {before['mapping']} made it, {page['mapping']} is in force here"
    if before.get("decoder") and before["decoder"] != page["decoder"]:
        yield f"decoder {before['decoder']} made it, this is {page['decoder']}"
    versions = {layer["key_version"] for apdu in page["apdus"] for layer in apdu["security"]} - {None}
    if before.get("key_version") and before["key_version"] not in versions:
        yield f"key version {before['key_version']} opened it, {', '.join(sorted(versions)) or 'none'} here"
    if (before["outcome"], before.get("reason")) != (page["outcome"], page["reason"]):
        then, now = (" ".join(filter(None, (one["outcome"], one.get("reason")))) for one in (before, page))
        yield f"it ended as {then}; by itself, with what is in force here, it ends as {now}"
    if before["outcome"] == page["outcome"] == "readings":
        yield from _changed(page, before)


def _changed(page: Page, before: Page) -> Iterator[str]:
    """Yield the values that are others now. One record may have become several: what a message lacks is no change."""
    now: dict[tuple[str, int, int], Page] = {}
    for reading in (reading for apdu in page["apdus"] for reading in apdu["readings"]):
        obis, attribute = reading["obis"], reading.get("attribute", 0)
        occurrence = sum(known[:2] == (obis, attribute) for known in now)
        now[obis, attribute, occurrence] = reading
    changed = []
    for then in before["readings"]:
        found = now.get((then["obis"], then["attribute"], then["occurrence"]))
        if found is None:
            changed.append(f"{then['obis']} was {_shown(then)}, and is not told any more")
        elif (found["value"] or "", found["unit"]) != (then["value"], then["unit"]):
            changed.append(f"{then['obis']} was {_shown(then)}, and is {_shown(found)} here")
    yield from changed[:_MOST_NAMED]
    if changed[_MOST_NAMED:]:
        yield f"{len(changed) - _MOST_NAMED} more values are others"


def _shown(reading: Page) -> str:
    return " ".join(filter(None, (reading["value"] or "without value", reading["unit"])))
