"""The page of a record on Kafka: what it says, what the normalizer made of it, and what would be made of it now."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError

from ami_cli.errors import CommandError, ExitCode
from ami_cli.registry import registered
from ami_cli.times import parse_time
from ami_cli.trace import COORDINATES, Trace, raw_of, raw_record
from ami_cli.view.records import Record
from ami_kafka.errors import TopicMissing
from ami_keys.keystore import KeyStore
from ami_normalize.dialects import Dialects
from ami_normalize.errors import MappingInvalid, RegistryInvalid
from ami_normalize.explanation.made import DERIVED, differences, made, record_page
from ami_normalize.explanation.page import explain_record
from ami_normalize.pipeline import Context
from ami_normalize.registry.records import MAPPING, dialects_of_record
from ami_normalize.stream.registry_reader import record_of
from ami_schemas import topics

Page = dict[str, Any]


class Wanted(NamedTuple):
    """What to explain: a record, or a value of a meter."""

    source: str | None = None
    meter: str | None = None
    obis: str | None = None
    at: str | None = None


class Basis(NamedTuple):
    """By what to explain."""

    context: Context
    store: KeyStore
    """Opens the registry's keys."""
    chosen: bool
    """Somebody named the mapping; else the one that made the reading explains it, if the registry still has it."""


def live_page(bootstrap: str, wanted: Wanted, by: Basis) -> Page:
    """Return the page of a record, or of a meter's last reading. Raises CommandError and KafkaRoomError."""
    asked: Page | None = None
    at = parse_time(wanted.at, "--at") if wanted.at else None
    with Trace(bootstrap) as trace:
        found = COORDINATES.fullmatch(wanted.source or "")
        if found is not None:
            record = trace.record(found[1], int(found[2]), int(found[3]))
        else:
            record, asked = _of_meter(trace, wanted.meter or "", wanted.obis, at)
        derived = record if record.topic in DERIVED else None
        raw = raw_of(trace, derived) if derived else raw_record(record)
        derived = derived or trace.became(raw)
    before = _made(derived) if derived else None
    context = registered(bootstrap, by.context, by.store)
    if before is not None and before["outcome"] == "readings":
        context = replace(context, unidentified="accept")
    mapping = before.get("mapping", "") if before else ""
    used = None if by.chosen or mapping in {"", context.mapping_hash} else _mapping(bootstrap, mapping)
    now = page = explain_record(raw, context, raw.source)
    if used is not None:
        page = explain_record(raw, replace(context, dialects=used), raw.source)
        page["in_force"] = context.mapping_hash
    page["record"] = record_page(raw)
    if before is not None:
        page["made"] = before
        page["differences"] = list(differences(now, before, raw))
    if asked is not None:
        page["asked"] = asked
    return page


def _made(derived: Record) -> Page:
    coordinates = f"{derived.topic}/{derived.partition}/{derived.offset}"
    try:
        return made(coordinates, derived.topic, derived.value, derived.headers)
    except DecodeError:
        raise CommandError(
            f"{coordinates} cannot be read", "was it written by a later version of ours?", ExitCode.DATA
        ) from None


def _mapping(bootstrap: str, content_hash: str) -> Dialects | None:
    """Return the dialects that were in force under a hash, None where the registry has them not."""
    try:
        record = record_of(bootstrap, f"{MAPPING}{content_hash}".encode())
        return dialects_of_record(record) if record else None
    except (TopicMissing, RegistryInvalid, MappingInvalid):
        return None


def _of_meter(trace: Trace, meter: str, obis: str | None, at: datetime | None) -> tuple[Record, Page | None]:
    """Return the record of a meter's value; or, where it has no such, its last dead letter or parked record."""
    found = trace.latest(meter, obis, at)
    if found is not None:
        row = found.row
        return found.record, {"meter": meter, **row.as_json()} if obis or at else None
    failed = trace.latest_failed(meter) if obis is None and at is None else None
    if failed is not None:
        return failed, None
    what = " ".join(filter(None, (obis, f"of {at.isoformat()}" if at else "")))
    raise CommandError(
        f"There is no reading {what + ' ' if what else ''}of meter {meter} on {topics.READINGS}",
        f"look at what it sends: ami tail readings --from beginning | grep {meter}",
        ExitCode.MISSING,
    )
