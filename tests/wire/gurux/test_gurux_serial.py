"""The core's client reads the independent Java meter over a serial line, a pseudo-terminal before its HDLC port."""

import contextlib
import os
import select
import socket
import threading
import tty
from datetime import datetime
from decimal import Decimal

import pytest

from ami_dlms.apdu import CosemAttribute
from ami_dlms.client import Answer, Associated, Authentication, Client, ClientSettings, Released, Send
from ami_dlms.framing import Framing
from ami_dlms.obis import parse_obis
from ami_dlms.security import Keys, MemoryCounter
from ami_dlms.selective import range_descriptor

pytestmark = pytest.mark.wire

PROFILE = CosemAttribute(7, parse_obis("1.0.99.1.0.255"), 2)
ASSOCIATIONS = [("none", 16), ("lls", 16), ("hls-gmac", 1)]
SILENCE_S = 10


@contextlib.contextmanager
def serial_line(address):
    """Give the near end of a raw serial line whose far end is a TCP port."""
    host, port = address.rsplit(":", 1)
    far, near = os.openpty()
    tty.setraw(near)
    end, stop = os.pipe()
    with socket.create_connection((host, int(port)), 10) as wire:

        def carry():
            while True:
                ready, _, _ = select.select([far, wire, end], [], [])
                if end in ready:
                    return
                if far in ready:
                    wire.sendall(os.read(far, 4096))
                if wire in ready:
                    data = wire.recv(4096)
                    if not data:
                        return
                    os.write(far, data)

        carrier = threading.Thread(target=carry)
        carrier.start()
        try:
            yield near
        finally:
            os.write(stop, b"x")
            carrier.join()
            for descriptor in (far, near, end, stop):
                os.close(descriptor)


def settings(auth, client, meter_secrets):
    """What the client is told of the meter."""
    keys = Keys(bytes.fromhex(meter_secrets["guek"]), bytes.fromhex(meter_secrets["gak"]))
    return ClientSettings(
        framing=Framing.HDLC,
        client_sap=client,
        server_sap=1,
        authentication=Authentication(auth),
        password=meter_secrets["password"].encode() if auth == "lls" else None,
        keys=keys if auth == "hls-gmac" else None,
        client_system_title=bytes.fromhex("414D490000000001") if auth == "hls-gmac" else None,
    )


def until_answered(line, client, request):
    """Send, do what the client says, and give the event that ends it."""
    os.write(line, request)
    while True:
        ready, _, _ = select.select([line], [], [], SILENCE_S)
        assert ready, "the meter is silent"
        for event in client.receive(os.read(line, 4096)):
            if not isinstance(event, Send):
                return event
            os.write(line, event.data)


@pytest.mark.parametrize(("auth", "sap"), ASSOCIATIONS)
def test_registers_and_rows_over_a_serial_line(gurux_meter, meter_keys_file, meter_secrets, auth, sap):
    arguments = ("--framing", "hdlc", "--auth", auth, "--client", sap, "--secrets", meter_keys_file, "--serial", 7)
    with gurux_meter(*arguments) as truth, serial_line(truth["listening"]) as line:
        client = Client(settings(auth, sap, meter_secrets), MemoryCounter(1) if auth == "hls-gmac" else None)

        assert isinstance(until_answered(line, client, client.associate()), Associated)

        for register in truth["registers"]:
            attribute = CosemAttribute(3, parse_obis(register["obis"]), 2)
            answer = until_answered(line, client, client.get(attribute))
            assert isinstance(answer, Answer)
            assert Decimal(answer.result.value) == Decimal(register["raw"])

        expected = truth["profile"]["rows"][96:192]
        first, last = (datetime.fromisoformat(expected[i][0].replace("Z", "+00:00")) for i in (0, -1))
        rows = until_answered(line, client, client.get(PROFILE, range_descriptor(first, last)))
        assert isinstance(rows, Answer)
        energy = next(i for i, (of, _) in enumerate(truth["profile"]["columns"]) if of == 3)
        assert [row.value[energy].value for row in rows.result.value] == [row[energy] for row in expected]

        assert isinstance(until_answered(line, client, client.release()), Released)
