"""Read objects of a meter over any transport: python read_meter.py URL OBIS...

URL is tcp://HOST:PORT, udp://HOST:PORT, hdlc+tcp://HOST:PORT or serial:///dev/ttyUSB0 (HDLC, the line already set up).
The public client asks; nothing is written. All I/O is in `transport`: the core only says what to send.
"""

from __future__ import annotations

import os
import select
import socket
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from ami_dlms.apdu import CosemAttribute
from ami_dlms.axdr import Data
from ami_dlms.client import Answer, Client, ClientSettings, Event, Send
from ami_dlms.cosem.classes import scaler_unit_attribute, value_attribute
from ami_dlms.cosem.object_list import read_object_list
from ami_dlms.cosem.units import ScalerUnit
from ami_dlms.framing import Framing
from ami_dlms.obis import parse_obis

OBJECT_LIST = CosemAttribute(15, parse_obis("0.0.40.0.0.255"), 2)
TIMEOUT_S = 10
Transport = tuple[Callable[[bytes], Any], Callable[[], bytes]]


def transport(url: str) -> tuple[Framing, Transport]:
    """Return the framing and how to send and receive; receiving nothing means that the other side is gone."""
    parts = urlsplit(url)
    if parts.scheme == "serial":
        line = os.open(parts.path, os.O_RDWR | os.O_NOCTTY)
        return Framing.HDLC, (lambda data: os.write(line, data), lambda: _read(line))
    kind = socket.SOCK_DGRAM if parts.scheme == "udp" else socket.SOCK_STREAM
    wire = socket.socket(type=kind)
    wire.settimeout(TIMEOUT_S)
    wire.connect((parts.hostname, parts.port))
    framing = Framing.HDLC if parts.scheme == "hdlc+tcp" else Framing.WRAPPER
    return framing, (wire.sendall, lambda: wire.recv(65536))


def _read(line: int) -> bytes:
    ready, _, _ = select.select([line], [], [], TIMEOUT_S)
    return os.read(line, 4096) if ready else b""


def exchange(client: Client, request: bytes, wire: Transport) -> Event:
    """Send a request, do what the client says, and return the event that ends it."""
    send, receive = wire
    send(request)
    while True:
        data = receive()
        for event in client.receive(data) if data else client.connection_lost():
            if not isinstance(event, Send):
                return event
            send(event.data)


def main(url: str, *codes: str) -> int:
    """Print each object's value, with scaler and unit code where its class has them."""
    framing, wire = transport(url)
    datagrams = url.startswith("udp:")
    client = Client(ClientSettings(framing=framing, client_sap=16, server_sap=1, datagrams=datagrams))

    def get(attribute: CosemAttribute) -> Data:
        event = exchange(client, client.get(attribute), wire)
        if not isinstance(event, Answer) or not isinstance(event.result, Data):
            raise SystemExit(f"{attribute} cannot be read: {event}")
        return event.result

    print(type(exchange(client, client.associate(), wire)).__name__)
    classes = {each.logical_name: each.class_id for each in read_object_list(get(OBJECT_LIST))}
    for code in codes:
        obis = parse_obis(code)
        if obis not in classes:
            raise SystemExit(f"{code} is not in the object list of this association")
        class_id = classes[obis]
        value = value_attribute(class_id) or 2
        said = [get(CosemAttribute(class_id, obis, value)).value]
        scaler_unit = scaler_unit_attribute(class_id, value)
        if scaler_unit:
            scaler, unit = ScalerUnit.from_data(get(CosemAttribute(class_id, obis, scaler_unit)))
            said += [f"x 10^{scaler}", f"unit {unit:d}"]
        print(code, *said)
    print(type(exchange(client, client.release(), wire)).__name__)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
