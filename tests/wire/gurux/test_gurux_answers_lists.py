"""The independent Java meter answers lists and ACCESS, over short and long HDLC frames."""

from __future__ import annotations

import socket

import pytest

from ami_dlms import axdr
from ami_dlms.apdu import AccessGet, CosemAttribute
from ami_dlms.client import Answer, Associated, Client, ClientSettings, Send
from ami_dlms.framing import Framing
from ami_dlms.link import LinkParameters
from ami_dlms.obis import parse_obis

pytestmark = pytest.mark.wire

ENERGY = CosemAttribute(3, parse_obis("1.0.1.8.0.255"), 2)
UNIT = CosemAttribute(3, parse_obis("1.0.1.8.0.255"), 3)
SERIAL = CosemAttribute(1, parse_obis("0.0.96.1.0.255"), 2)
WIRES = [
    pytest.param(Framing.WRAPPER, None, id="wrapper"),
    pytest.param(Framing.HDLC, None, id="hdlc"),
    pytest.param(Framing.HDLC, LinkParameters(1024, 1024, 7, 7), id="hdlc-1024-window-7"),
]


def said(sock: socket.socket, client: Client, octets: bytes):
    """Return the first event that is not sending."""
    while True:
        sock.sendall(octets)
        octets = b""
        while not octets:
            received = sock.recv(65536)
            assert received, "the meter closed the connection"
            for event in client.receive(received):
                if not isinstance(event, Send):
                    return event
                octets += event.data


@pytest.mark.parametrize(("framing", "link"), WIRES)
def test_lists_and_access(gurux_meter, framing, link):
    with gurux_meter("--framing", framing.value, "--auth", "none", "--client", "16", "--serial", "7") as truth:
        host, _, port = truth["listening"].rpartition(":")
        client = Client(ClientSettings(framing=framing, link=link))
        with socket.create_connection((host, int(port)), timeout=20) as sock:
            assert isinstance(said(sock, client, client.associate()), Associated)
            one_by_one = []
            for attribute in (ENERGY, UNIT, SERIAL):
                answer = said(sock, client, client.get(attribute))
                assert isinstance(answer, Answer)
                assert isinstance(answer.result, axdr.Data)
                one_by_one.append(answer.result)

            listed = said(sock, client, client.get_list([(ENERGY, None), (UNIT, None), (SERIAL, None)]))
            assert listed.result == tuple(one_by_one)

            asked = [(AccessGet(attribute), axdr.NULL) for attribute in (ENERGY, UNIT, SERIAL)]
            assert said(sock, client, client.access(asked)).result == tuple(one_by_one)
