"""A client and a server that talk through memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from ami_dlms import axdr
from ami_dlms.client import Associated, Authentication, Client, ClientSettings, Event, Send
from ami_dlms.cosem import DataObject, LogicalDevice, ProfileGeneric, Register
from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.framing import Framing
from ami_dlms.obis import parse_obis
from ami_dlms.security import Keys, MemoryCounter
from ami_dlms.selective import CLOCK_TIME, CaptureObject
from ami_dlms.server import Server, ServerSettings

KEYS = Keys(bytes(range(16)), bytes(range(0xD0, 0xE0)))
OTHER = Keys(bytes(range(1, 17)), bytes(range(0xD0, 0xE0)))
ENERGY = parse_obis("1.0.1.8.0.255")
PROFILE = parse_obis("1.0.99.1.0.255")
STAMPS = [CosemDateTime(2026, 3, 1, 7, hour, 0, 0, 0, -60, 0) for hour in range(24)]


def device() -> LogicalDevice:
    rows = [
        (axdr.octets(stamp.to_bytes()), axdr.uint8(0), axdr.uint32(1000 + index)) for index, stamp in enumerate(STAMPS)
    ]
    columns = (CLOCK_TIME, CaptureObject(1, parse_obis("0.0.96.10.1.255")), CaptureObject(3, ENERGY))
    note = DataObject(parse_obis("0.0.96.1.9.255"), axdr.octets(b"note"))

    def take(value: axdr.Data):
        note.attributes[2] = value
        from ami_dlms.apdu import DataAccessResult

        return DataAccessResult.SUCCESS

    note.setters[2] = take
    return LogicalDevice(
        b"AMV0000000000001",
        [
            Register(ENERGY, axdr.uint32(4711), -1, 30),
            DataObject(parse_obis("0.0.96.1.0.255"), axdr.octets(b"serial")),
            note,
            ProfileGeneric(PROFILE, columns, lambda: rows, capture_period=3600, capacity=24),
        ],
    )


@dataclass
class Conversation:
    """Carries octets both ways, in pieces of `chunk` octets, and keeps what was said."""

    client: Client
    server: Server
    device: LogicalDevice
    chunk: int = 1 << 20
    to_server: list[bytes] = field(default_factory=list)
    to_client: list[bytes] = field(default_factory=list)

    def say(self, octets: bytes) -> list[Event]:
        """Send octets, and everything that follows from them; return all events but Send."""
        events: list[Event] = []
        while octets:
            self.to_server.append(octets)
            answer = b"".join(self.server.receive(piece) for piece in self._pieces(octets))
            self.to_client.append(answer)
            octets = b""
            for piece in self._pieces(answer):
                for event in self.client.receive(piece):
                    if isinstance(event, Send):
                        octets += event.data
                    else:
                        events.append(event)
        return events

    def associate(self) -> Associated:
        (event,) = self.say(self.client.associate())
        assert isinstance(event, Associated), event
        return event

    def _pieces(self, octets: bytes) -> list[bytes]:
        return [octets[at : at + self.chunk] for at in range(0, len(octets), self.chunk)]


@pytest.fixture
def converse() -> Callable[..., Conversation]:
    """Make a conversation: matching settings of both sides, changed by `client` and `server`."""

    def make(
        authentication: Authentication = Authentication.NONE,
        framing: Framing = Framing.WRAPPER,
        *,
        chunk: int = 1 << 20,
        client: dict | None = None,
        server: dict | None = None,
    ) -> Conversation:
        common = {"authentication": authentication, "framing": framing, "password": b"12345678", "keys": KEYS}
        ours = ClientSettings(**{"client_sap": 1, "client_system_title": b"AMI\0\0\0\0\1", **common, **(client or {})})
        theirs = ServerSettings(**{"system_title": b"AMV\0\0\0\0\2", **common, **(server or {})})
        made = device()
        return Conversation(Client(ours, MemoryCounter(100)), Server(theirs, made), made, chunk)

    return make


@pytest.fixture
def other_keys() -> Keys:
    return OTHER


@pytest.fixture
def replaced() -> Callable[..., Keys]:
    """Our keys with some of them changed."""
    return lambda **change: replace(KEYS, **change)
