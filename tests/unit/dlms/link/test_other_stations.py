"""Frames of other stations on the line: they are nobody's answer, and no part of one."""

import pytest

from ami_dlms.framing import Framing, hdlc, unframe
from ami_dlms.link import Delivered, HdlcLinkClient, HdlcLinkServer, Transmit

pytestmark = pytest.mark.unit

APDU = b"\xc4\x01\xc1\x00\x06\x00\x00\x00\x07"


def station(physical):
    """Return a client and a server that are connected, and the frames of the server's second answer."""
    client, server = HdlcLinkClient(16, 1, physical), HdlcLinkServer(1, physical)
    accepted = b"".join(event.data for event in server.receive(client.connect()) if isinstance(event, Transmit))
    client.receive(accepted)
    server.receive(client.send(b"\xc0\x01\xc1\x00"))
    client.receive(server.send(APDU))
    server.receive(client.send(b"\xc0\x01\xc2\x00"))
    return client, server.send(APDU[:-1] + bytes([physical]))


@pytest.mark.parametrize("shared", [False, True], ids=["own flags", "one flag between frames"])
def test_a_late_answer_of_another_meter_is_not_in_the_record(shared):
    client, own = station(17)
    _, other = station(18)
    octets = other[:-1] + own if shared else other + own

    (event,) = [event for event in client.receive(octets) if isinstance(event, Delivered)]

    assert event.apdu == APDU[:-1] + b"\x11"
    assert other[1:-1] not in event.raw
    assert event.raw.strip(bytes([hdlc.FLAG])) == own.strip(bytes([hdlc.FLAG]))
    assert unframe(event.raw, Framing.HDLC).apdus == (event.apdu,)


def test_octet_by_octet_too():
    client, own = station(17)
    _, other = station(18)
    events = [event for octet in b"\xff" + other + own for event in client.receive(bytes([octet]))]
    (event,) = [event for event in events if isinstance(event, Delivered)]
    assert event.raw.startswith(b"\xff")
    assert other[1:-1] not in event.raw
