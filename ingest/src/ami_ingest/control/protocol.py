"""What a command and an agent say to each other: lines of JSON, a version in each.

A request is `{"v": 1, "id": 7, "do": "read", "meter": "m-1", "targets": ["1.0.1.8.0.255"]}`. The agent answers with any
number of lines that have `part`, then one with `ok`: `{"v": 1, "id": 7, "ok": true, …}`, or `"ok": false` and an
`error`. Octets are base64. Members that a side does not know are ignored, so both can grow.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, cast

from google.protobuf.message import DecodeError

from ami.raw.v1.exchange_pb2 import Exchange
from ami_dlms import apdu
from ami_dlms.apdu import DataAccessResult, GetResponseNormal
from ami_dlms.axdr import Data
from ami_dlms.errors import DlmsError
from ami_dlms.obis import format_obis, parse_obis
from ami_ingest.config.target import Target
from ami_ingest.errors import (
    AssociationRejected,
    EndpointError,
    ExchangeFailed,
    IngestError,
    SessionError,
    TargetError,
)
from ami_ingest.meters.ping import Pinged
from ami_ingest.meters.read import ProfileRange
from ami_ingest.meters.reading import Reading
from ami_ingest.record import RawRecord

VERSION: Final = 1
MAX_REQUEST: Final = 64 << 10
"""Octets of a request line."""
MAX_ANSWER: Final = 16 << 20
"""Octets of an answer line: a value is at most 1 MiB, and stands in it twice at most, as base64."""
MAX_TARGETS: Final = 1000

Kind = Literal["usage", "missing", "meter", "refused", "data", "defect"]
"""Whose turn it is: who asked, who configures, the link, the meter's rights, what it says, ours."""
_KINDS: Final = frozenset({"usage", "missing", "meter", "refused", "data", "defect"})


class ProtocolError(IngestError):
    """A line is not what the protocol allows. `code` names why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Failure(NamedTuple):
    """Why something could not be done."""

    code: str
    kind: Kind
    message: str
    remedy: str = ""
    cause: str = ""
    phase: str = ""
    """How far it came: resolve, connect, associate or read."""


class Request(NamedTuple):
    """One request."""

    id: Any
    """Comes back with every line of the answer."""
    do: str
    members: Mapping[str, Any]

    def text(self, name: str) -> str:
        """Return a member that must be text. Raises ProtocolError."""
        value = self.members.get(name)
        if not isinstance(value, str) or not value:
            raise ProtocolError("INVALID", f"'{self.do}' needs '{name}', as text")
        return value

    def seconds(self, name: str, default: float, most: float) -> float:
        """Return a member that is a time span. Raises ProtocolError."""
        value = self.members.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
            raise ProtocolError("INVALID", f"'{name}' must be more than 0 and at most {most:g} seconds")
        return float(value)


def parse_request(line: bytes) -> Request:
    """Read a request. Raises ProtocolError."""
    members = _object(line)
    if members.get("v") != VERSION:
        raise ProtocolError("VERSION", f"this agent speaks version {VERSION} of the protocol")
    do = members.get("do")
    if not isinstance(do, str):
        raise ProtocolError("INVALID", "a request names what to do: ping, read, status, meters or reload")
    identity = members.get("id")
    if not isinstance(identity, str | int | None):
        raise ProtocolError("INVALID", "'id' must be text or a number")
    return Request(identity, do, members)


def parse_answer(line: bytes) -> Mapping[str, Any]:
    """Read a line of an answer. Raises ProtocolError."""
    members = _object(line)
    if members.get("v") != VERSION or not ("part" in members or isinstance(members.get("ok"), bool)):
        raise ProtocolError("VERSION", f"the agent does not speak version {VERSION} of the protocol")
    return members


def _object(line: bytes) -> dict[str, Any]:
    try:
        members = json.loads(line)
    except (ValueError, RecursionError):
        raise ProtocolError("INVALID", "a line must be an object of JSON") from None
    if not isinstance(members, dict):
        raise ProtocolError("INVALID", "a line must be an object of JSON")
    return members


def line(members: Mapping[str, Any]) -> bytes:
    """Write a line."""
    return json.dumps({"v": VERSION, **members}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


# -- what is asked ----------------------------------------------------------------------------------------------------


def read_members(targets: Sequence[Target], profile: ProfileRange | None) -> dict[str, Any]:
    """Return the members of a request to read."""
    members: dict[str, Any] = {"targets": [str(target) for target in targets]}
    if profile is not None:
        members["profile"] = {
            "obis": format_obis(profile.obis),
            "from": profile.start.isoformat(),
            "to": profile.end.isoformat(),
        }
    return members


def asked_of(request: Request) -> tuple[list[Target], ProfileRange | None]:
    """Return what a request wants read. Raises ProtocolError or TargetError."""
    texts, profile = request.members.get("targets", []), request.members.get("profile")
    if not isinstance(texts, list) or len(texts) > MAX_TARGETS or not all(isinstance(text, str) for text in texts):
        raise ProtocolError("INVALID", f"'targets' must be a list of at most {MAX_TARGETS} texts")
    if not texts and profile is None:
        raise ProtocolError("INVALID", "'read' needs 'targets' or a 'profile'")
    return [Target.parse(text) for text in texts], None if profile is None else _range(profile)


def _range(profile: object) -> ProfileRange:
    if isinstance(profile, dict):
        try:
            start, end = (datetime.fromisoformat(profile[name].replace("Z", "+00:00")) for name in ("from", "to"))
            if start.tzinfo is not None and end.tzinfo is not None and start <= end:
                return ProfileRange(parse_obis(profile["obis"]), start, end)
        except (AttributeError, KeyError, TypeError, ValueError, DlmsError):
            pass
    raise ProtocolError("INVALID", "'profile' must be an object with obis, from and to (with offset, in order)")


# -- what is answered -------------------------------------------------------------------------------------------------


def reading_members(reading: Reading) -> dict[str, Any]:
    """Write a reading."""
    plain = plain_response(reading)
    return {
        "records": [
            {
                "key": _base64(record.key),
                "value": _base64(record.value),
                "headers": [[name, _base64(value)] for name, value in record.headers],
                "timestamp_us": record.timestamp_us,
            }
            for record in reading.records
        ],
        "exchange": _base64(reading.exchange.SerializeToString()),
        "rows": reading.rows,
        "plain": None if plain is None else _base64(plain),
    }


def _result(plain: bytes) -> Data | DataAccessResult:
    response = apdu.decode(plain)
    if not isinstance(response, GetResponseNormal):
        raise TypeError(type(response).__name__)
    return response.result


def plain_response(reading: Reading) -> bytes | None:
    """Return the answer as one plain get-response, None where it was none. Who asks needs no keys for it."""
    result = reading.result
    if not isinstance(result, Data | DataAccessResult):
        return None
    return GetResponseNormal(_invoke_id(reading.exchange), result).to_bytes()


def _invoke_id(exchange: Exchange) -> int:
    """Return the invoke-id-and-priority of a plain get-request."""
    return exchange.request[2] if len(exchange.request) > 2 else 0xC1


def reading_of(members: Mapping[str, Any]) -> Reading:
    """Read what `reading_members` wrote; the stamps of rows are not in it. Raises ProtocolError."""
    try:
        records = tuple(
            RawRecord(
                _octets(each["key"]),
                _octets(each["value"]),
                tuple((str(name), _octets(value)) for name, value in each["headers"]),
                int(each["timestamp_us"]),
            )
            for each in members["records"]
        )
        exchange = Exchange.FromString(_octets(members["exchange"]))
        rows = members.get("rows")
        plain = members.get("plain")
        return Reading(
            records,
            exchange,
            rows=rows if isinstance(rows, int) else None,
            result=None if plain is None else _result(_octets(plain)),
        )
    except (KeyError, TypeError, ValueError, AttributeError, DecodeError, DlmsError):
        raise ProtocolError("INVALID", "the agent's answer holds no reading") from None


def pinged_members(pinged: Pinged) -> dict[str, Any]:
    """Write what a ping found."""
    title, reading = pinged.system_title, pinged.reading
    return {
        **pinged._asdict(),
        "system_title": None if title is None else title.hex(),
        "obis": format_obis(pinged.obis),
        "reading": None if reading is None else reading_members(reading),
    }


def pinged_of(members: Mapping[str, Any]) -> Pinged:
    """Read what `pinged_members` wrote. Raises ProtocolError."""
    try:
        known = {name: members[name] for name in Pinged._fields if name in members}
        title = known["system_title"]
        return Pinged(
            **{
                **known,
                "system_title": None if title is None else bytes.fromhex(title),
                "obis": parse_obis(members["obis"]),
                "reading": None if known.get("reading") is None else reading_of(known["reading"]),
            }
        )
    except (KeyError, TypeError, ValueError, DlmsError):
        raise ProtocolError("INVALID", "the agent's answer is no ping's") from None


def failure_of(error: BaseException) -> Failure:
    """Say why something failed."""
    if isinstance(error, ProtocolError):
        return Failure(error.code, "usage", str(error), "use the command `ami` of the agent's version")
    if isinstance(error, SessionError):
        kind: Kind = "meter"
        if isinstance(error, AssociationRejected):
            kind = "refused"
        elif isinstance(error, ExchangeFailed):
            kind = "data"
        return Failure(
            str(error.code), kind, str(error), error.remedy, getattr(error, "cause", ""), getattr(error, "phase", "")
        )
    if isinstance(error, IngestError):
        sentence, semicolon, remedy = str(error).rpartition("; ")
        kind = "usage" if isinstance(error, TargetError | EndpointError) else "missing"
        code = str(getattr(error, "code", type(error).__name__.upper()))
        remedy = str(getattr(error, "remedy", "")) or remedy
        return Failure(code, kind, sentence if semicolon else str(error), remedy if semicolon else "")
    return Failure("DEFECT", "defect", f"a defect of the agent: {type(error).__name__}", "report what its log says")


def failure_from(members: object) -> Failure:
    """Read an `error`; what is missing stays empty."""
    told = members if isinstance(members, dict) else {}

    def text(name: str) -> str:
        return str(told.get(name) or "")

    kind = cast("Kind", text("kind") if text("kind") in _KINDS else "defect")
    return Failure(text("code"), kind, text("message"), text("remedy"), text("cause"), text("phase"))


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _octets(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
