"""UDP: a datagram a message; what is lost is asked for again, and what the network says is understood."""

import pytest

from ami_dlms.apdu import Conformance
from ami_dlms.server import Authentication
from ami_ingest.config.credentials import Credentials
from ami_ingest.config.endpoint import Endpoint
from ami_ingest.config.model import LinkProfile
from ami_ingest.config.target import Target
from ami_ingest.errors import ConnectionFailed, NoAnswer
from ami_ingest.meters.access import MeterAccess
from ami_ingest.meters.read import read_meter
from ami_ingest.transport import open_link
from ami_simulator.meter import IMPORT, SERIAL, VirtualMeter

pytestmark = pytest.mark.wire

TARGETS = (Target(1, SERIAL, 2), Target(3, IMPORT, 2), Target(15, bytes((0, 0, 40, 0, 0, 255)), 2))


async def read(endpoint, tmp_path, log, timeout_s=6.0, **more):
    access = MeterAccess(endpoint, link=LinkProfile(connect_timeout_s=5, request_timeout_s=timeout_s), **more)
    return await read_meter(access, TARGETS, state_dir=tmp_path, log=log.logger())


async def test_a_meter_is_read(datagram_meter, tmp_path, log):
    _, endpoint = await datagram_meter(VirtualMeter(31))

    readings = await read(endpoint, tmp_path, log)

    assert b"00000031" in readings[0].records[0].value
    assert {dict(each.records[0].headers)["ami-transport"] for each in readings} == {b"udp"}


async def test_a_password_is_proved(datagram_meter, tmp_path, log):
    _, endpoint = await datagram_meter(VirtualMeter(32), authentication=Authentication.LLS, password=b"pw")

    readings = await read(
        endpoint,
        tmp_path,
        log,
        authentication=Authentication.LLS,
        client_address=1,
        credentials=Credentials(password=b"pw"),
    )

    assert b"00000032" in readings[0].records[0].value


@pytest.mark.parametrize("lost", [1, 2, 3, 4])
async def test_any_lost_request_is_sent_again(datagram_meter, tmp_path, log, lost):
    meter, endpoint = await datagram_meter(VirtualMeter(33), lose=[lost])

    readings = await read(endpoint, tmp_path, log, timeout_s=0.9)

    assert b"00000033" in readings[0].records[0].value
    assert meter.count > lost


async def test_a_meter_without_blocks_repeats_the_association_only(datagram_meter, tmp_path, log):
    services = Conformance.GET | Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
    _, endpoint = await datagram_meter(VirtualMeter(34), lose=[1], conformance=services)
    readings = await read(endpoint, tmp_path, log, timeout_s=0.9)
    assert b"00000034" in readings[0].records[0].value

    _, endpoint = await datagram_meter(VirtualMeter(34), lose=[2], conformance=services)
    with pytest.raises(NoAnswer):
        await read(endpoint, tmp_path, log, timeout_s=0.9)


async def test_what_the_network_says_of_a_closed_port_is_told(datagram_meter):
    meter, endpoint = await datagram_meter(VirtualMeter(35))
    meter.transport.abort()
    link = await open_link(endpoint, connect_timeout_s=1)
    await link.send(b"anybody?", 1)

    with pytest.raises(ConnectionFailed, match=r"^Connection Refused \(Error 111\)$"):
        await link.receive(5)
    await link.close()


async def test_an_empty_datagram_is_nothing(datagram_meter):
    meter, endpoint = await datagram_meter(VirtualMeter(36))
    meter.datagram_received = lambda _, addr: [meter.transport.sendto(each, addr) for each in (b"", b"x", b"y")]
    link = await open_link(endpoint, connect_timeout_s=1)
    await link.send(b"?", 1)

    assert [await link.receive(5), await link.receive(5)] == [b"x", b"y"]
    await link.close()


async def test_a_name_that_does_not_exist():
    with pytest.raises(ConnectionFailed, match=r"^Host Name Unknown \(Error -\d+\)$"):
        await open_link(Endpoint.parse("udp://meter.invalid"), connect_timeout_s=30)
