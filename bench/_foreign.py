"""Messages of a file in the format of `ami decode --jsonl`, as the raw records of an agent; and the keys they need."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ami_dlms import apdu, framing
from ami_dlms.apdu import GeneralGloCiphering
from ami_dlms.errors import DlmsError
from ami_dlms.framing import Framing
from ami_keys.errors import KeysUnreadable
from ami_normalize.fast import Normalizer
from ami_normalize.keys import KeyRing, MeterKeys, meter_keys
from ami_normalize.offline import TRANSPORTS, to_record
from ami_normalize.pipeline import Context, RawRecord
from ami_schemas import headers, topics

PARTITIONS = 12


class Message(NamedTuple):
    """A raw record, and what normalizes it."""

    identity: object
    record: RawRecord
    normalizer: Normalizer


def read(path: Path) -> list[Message]:
    """Read the messages of a file.

    One normalizer has the keys of all meters, as in production; a line whose keys contradict those of another line for
    the same system title goes by another normalizer.
    """
    lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    rings: list[dict[bytes, MeterKeys]] = [{}]
    placed = []
    for offset, line in enumerate(lines):
        title, keys = _title(line), _keys(line)
        at = 0
        while title and keys and rings[at].setdefault(title, keys).version != keys.version:
            at += 1
            if at == len(rings):
                rings.append({})
        placed.append((line.get("id"), _record(line, title, offset), at))
    normalizers = [Normalizer(Context(keys=KeyRing(ring))) for ring in rings]
    return [Message(identity, record, normalizers[at]) for identity, record, at in placed]


def _record(line: Mapping[str, Any], title: bytes | None, offset: int) -> RawRecord:
    """Make the raw record of an agent: pushed, unless the line has a request."""
    plain = to_record(line)
    told = {
        headers.CE_SPECVERSION: b"1.0",
        headers.CE_ID: b"bench/0/%d" % offset,
        headers.CE_TYPE: headers.RAW_TYPE.encode(),
        headers.CE_SOURCE: b"/agents/bench",
        headers.CE_TIME: b"2026-01-01T00:%02d:%02d.%06dZ" % (offset // 60 % 60, offset % 60, offset % 1_000_000),
        headers.TRANSPORT: b"tcp",
        headers.AGENT: b"bench",
        **plain.headers,
    }
    if told[headers.EXCHANGE] == b"file":
        told[headers.EXCHANGE] = b"push"
    key = plain.key
    if title:
        told[headers.SYSTEM_TITLE] = title.hex().encode()
        key = b"st-" + title.hex().encode()
    return RawRecord(topics.RAW, hash(key) % PARTITIONS, offset, key, plain.value, told)


def _keys(line: Mapping[str, Any]) -> MeterKeys | None:
    keys = line.get("keys") or {}
    if not keys.get("guek"):
        return None
    try:
        return meter_keys({"guek": keys["guek"], "gak": keys.get("gak") or None}, '"keys"')
    except KeysUnreadable:
        return None


def _title(line: Mapping[str, Any]) -> bytes | None:
    """Return the system title that the message states, else that of its keys: whose keys an operator has registered."""
    for octets in _apdus(line):
        try:
            ciphered = apdu.decode(octets)
        except DlmsError:
            continue
        if isinstance(ciphered, GeneralGloCiphering) and len(ciphered.system_title) == 8:
            return ciphered.system_title
    stated = (line.get("keys") or {}).get("system_title")
    return bytes.fromhex(stated) if stated else None


def _apdus(line: Mapping[str, Any]) -> Iterator[bytes]:
    carrier = TRANSPORTS.get(line.get("transport", "raw-apdu"), Framing.NONE)
    yield from framing.unframe(bytes.fromhex(line["hex"]), carrier).apdus
