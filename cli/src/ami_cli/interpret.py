"""What a meter's answers mean, by the same pipeline that works on Kafka."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from ami_cli.errors import CommandError, ExitCode
from ami_dlms.framing import Framing
from ami_dlms.obis import format_obis
from ami_dlms.security import Keys
from ami_ingest.control.protocol import plain_response
from ami_ingest.meters.access import MeterAccess
from ami_ingest.meters.reading import Reading
from ami_ingest.record import RawRecord as Raw
from ami_normalize import render
from ami_normalize.join import joined
from ami_normalize.keys import KeyRing, MeterKeys
from ami_normalize.model import Block
from ami_normalize.pipeline import Context, RawRecord, Refused, understand
from ami_schemas import headers
from ami_schemas.reasons import Reason

_REFUSED = {Reason.TAG_MISMATCH, Reason.KEY_WRONG, Reason.DOWNGRADED}


@dataclass(slots=True)
class Interpreted:
    """Objects of the JSON form."""

    readings: list[dict[str, Any]] = field(default_factory=list)
    intervals: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)


def interpret(answers: Sequence[Reading], access: MeterAccess | None) -> Interpreted:
    """Return the values of all answers, in order. Raises CommandError where one has no value that can be read.

    Without `access` the answers are taken as the agent deciphered them: it has the keys.

    A value without meter time has the time of reception, marked `TIME_RECEPTION`.
    """
    ring = KeyRing()
    secrets = access.credentials if access is not None and access.ciphered else None
    if secrets is not None and secrets.guek is not None:
        ring = KeyRing(any_title=MeterKeys(Keys(secrets.guek, secrets.gak), "command line"))
    context = replace(Context(), keys=ring, unidentified="accept")
    found = Interpreted()
    blocks: list[Block] = []
    for answer in answers:
        for record in answer.records if access is not None else _deciphered(answer):
            _add(found, blocks, answer, record, context)
    found.intervals = [render.block(block) for block in joined(blocks)]
    return found


def _deciphered(answer: Reading) -> Sequence[Raw]:
    """Return the answer as a record of one plain APDU; as it was received where it holds no value."""
    plain = plain_response(answer)
    if plain is None or not answer.records:
        return answer.records
    first = answer.records[0]
    kept = tuple(each for each in first.headers if each[0] not in {headers.FRAMING, headers.INCOMPLETE})
    return [first._replace(value=plain, headers=(*kept, (headers.FRAMING, Framing.NONE.value.encode())))]


def _add(found: Interpreted, blocks: list[Block], answer: Reading, raw: Raw, context: Context) -> None:
    record = RawRecord("-", 0, 0, raw.key, raw.value, dict(raw.headers), raw.timestamp_us // 1000)
    try:
        parts = understand(record, context).parts
    except Refused as refusal:
        raise _error(answer, refusal) from None
    received = datetime.fromtimestamp(raw.timestamp_us / 1e6, timezone.utc).isoformat().replace("+00:00", "Z")
    for part in parts:
        if isinstance(part, Refused):
            raise _error(answer, part)
        marks = part.statement.quality
        blocks += [
            replace(block, quality=tuple((*row, *marks) for row in block.quality)) for block in part.statement.blocks
        ]
        found.events += [render.event(event) for event in part.statement.events]
        for reading in [render.reading(reading, marks) for reading in part.statement.readings]:
            if reading["measured_at"] is None:
                reading["measured_at"] = received
                reading["quality"] = list(dict.fromkeys([*reading["quality"], "TIME_RECEPTION"]))
            found.readings.append(reading)


def _error(answer: Reading, refusal: Refused) -> CommandError:
    exchange = answer.exchange
    asked = f"{exchange.class_id}:{format_obis(exchange.obis)}:{exchange.attribute}"
    code = ExitCode.REFUSED if refusal.reason in _REFUSED else ExitCode.DATA
    remedy = refusal.reason.remedy
    if refusal.reason is Reason.NO_METER_DATA:
        remedy = "check class, OBIS code and attribute, and what this client may read"
    return CommandError(f"The answer for {asked} is no value: {refusal.message}", remedy, code)
