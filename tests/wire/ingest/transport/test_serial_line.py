"""Serial lines: three meters in turn on one, ports that are missing, in use, hang, vanish and come back."""

import asyncio
import contextlib
import threading

import pytest
import serial

from ami_dlms import axdr
from ami_dlms.framing import wrapper
from ami_dlms.server import Authentication
from ami_ingest.config.credentials import Credentials
from ami_ingest.config.endpoint import Endpoint
from ami_ingest.config.model import LinkProfile
from ami_ingest.config.target import Target
from ami_ingest.errors import NoAnswer, SerialPortFailed
from ami_ingest.meters.read import read_meter
from ami_ingest.transport import open_link, serial_line
from ami_ingest.transport.serial_line import adapter_name, line_state, line_states, open_line
from ami_simulator.meter import SERIAL

from .conftest import access_on, hdlc_server

pytestmark = pytest.mark.wire


def says(reading, meter):
    """Whether a raw record holds the meter's own serial number."""
    return axdr.octets(f"{meter.serial:08d}".encode()).value in reading.records[0].value


async def read(access, tmp_path, log):
    return await read_meter(access, [Target(1, SERIAL, 2)], state_dir=tmp_path / "state", log=log.logger())


async def test_three_meters_share_a_line_in_turn(bus, tmp_path, log):
    meters = [
        hdlc_server(serial, 16 + serial, authentication=Authentication.LLS, password=b"pw") for serial in (1, 2, 3)
    ]
    line = bus(*(server.receive for _, server in meters))
    accesses = [
        access_on(
            line,
            16 + meter.serial,
            authentication=Authentication.LLS,
            client_address=1,
            credentials=Credentials(password=b"pw"),
        )
        for meter, _ in meters
    ]

    for _ in range(2):
        answers = await asyncio.gather(*(read(access, tmp_path, log) for access in accesses))
        assert [says(reading, meter) for (reading,), (meter, _) in zip(answers, meters, strict=True)] == [True] * 3

    records = [reading.records[0] for (reading,) in answers]
    assert {dict(record.headers)["ami-transport"] for record in records} == {b"serial"}


async def test_an_echoing_adapter_is_not_taken_for_a_meter(bus, tmp_path, log):
    meter, server = hdlc_server(4)
    line = bus(server.receive, echo=True)

    (reading,) = await read(access_on(line, options="baud=115200&echo=yes"), tmp_path, log)

    assert says(reading, meter)
    assert reading.records[0].value.count(b"\xe6\xe6\x00") == 0  # nothing that we sent
    assert reading.records[0].value.count(b"\xe6\xe7\x00") == 1


async def test_a_missing_port_is_said_at_once(tmp_path):
    with pytest.raises(SerialPortFailed, match=r"^Serial Port Missing \(Error 2\)$") as raised:
        await open_link(Endpoint.parse(f"serial://{tmp_path}/ttyUSB7"), connect_timeout_s=30)
    assert "by-id" in raised.value.remedy


async def test_what_is_no_serial_port_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SerialPortFailed, match=r"^Serial Port Not a Serial Port \(Error 25\)$"):
        await open_link(Endpoint.parse(f"serial://{tmp_path}/file"), connect_timeout_s=1)


async def test_a_port_that_another_program_holds_is_said(bus):
    line = bus()
    with (
        contextlib.closing(serial.Serial(str(line.path), exclusive=True)),
        pytest.raises(SerialPortFailed, match=r"^Serial Port In Use \(Error 11\)$"),
    ):
        await open_link(Endpoint.parse(f"serial://{line.path}"), connect_timeout_s=1)


async def test_an_adapter_that_was_unplugged_is_found_again(bus, tmp_path, log):
    meter, server = hdlc_server(5)
    line = bus(server.receive)
    access = access_on(line)
    assert says((await read(access, tmp_path, log))[0], meter)

    line.unplug()
    waiting = asyncio.create_task(read(access, tmp_path, log))
    await asyncio.sleep(0)
    assert not waiting.done()
    line.plug_in()

    assert says((await waiting)[0], meter)


async def test_an_adapter_plugged_into_another_place_is_found_by_its_own_name(bus, tmp_path):
    by_id = tmp_path / "by-id"
    by_id.mkdir()
    name = by_id / "usb-Maker_Adapter_A1B2-if00-port0"
    line, other = bus(name="ttyUSB0"), bus(name="ttyUSB1")
    name.symlink_to(line.path)
    settings = Endpoint.parse(f"serial://{line.path}").line

    await (await open_line(settings, 1.0, by_id=by_id)).close()
    assert line_state(str(line.path)).name == name

    # It comes back as ttyUSB1; ttyUSB0 is somebody else's now.
    name.unlink()
    name.symlink_to(other.path)
    link = await open_line(settings, 1.0, by_id=by_id)
    await link.send(b"hello", 1.0)
    await link.close()
    while other.heard != b"hello":  # noqa: ASYNC110  the bus is no asyncio object
        await asyncio.sleep(0.01)
    assert line.heard == b""


def test_an_adapter_has_a_name_only_where_udev_gives_one(tmp_path):
    port = tmp_path / "ttyUSB0"
    port.touch()
    assert adapter_name(str(port), tmp_path / "absent") is None
    by_id = tmp_path / "by-id"
    by_id.mkdir()
    assert adapter_name(str(port), by_id) is None
    (by_id / "usb-X").symlink_to(port)
    assert adapter_name(str(port), by_id) == by_id / "usb-X"
    assert adapter_name(str(by_id / "usb-X"), by_id) is None


async def test_a_port_lost_in_the_middle_is_said(bus):
    line = bus()
    link = await open_link(Endpoint.parse(f"serial://{line.path}"), connect_timeout_s=1)
    receiving = asyncio.create_task(link.receive(30))
    await asyncio.sleep(0)
    line.unplug()

    with pytest.raises(SerialPortFailed, match=r"^Serial Port Lost \(Error 5\)$"):
        await receiving
    with pytest.raises(SerialPortFailed, match=r"^Serial Port Lost \(Error 5\)$"):
        await link.send(b"x", 1)
    await link.close()

    line.plug_in()
    await (await open_link(Endpoint.parse(f"serial://{line.path}"), connect_timeout_s=1)).close()
    assert line_states()[str(line.path)].returns == 1


async def test_a_port_that_was_missing_and_comes_back_is_counted_once(bus):
    line = bus()
    endpoint = Endpoint.parse(f"serial://{line.path}")
    await (await open_link(endpoint, connect_timeout_s=1)).close()
    line.unplug()
    for _ in range(2):
        with pytest.raises(SerialPortFailed, match=r"^Serial Port Missing \(Error 2\)$"):
            await open_link(endpoint, connect_timeout_s=0.01)
    line.plug_in()
    for _ in range(2):
        await (await open_link(endpoint, connect_timeout_s=1)).close()

    assert line_state(str(line.path)).returns == 1


async def test_a_port_that_takes_nothing_hangs_and_is_reset_for_the_next_turn(bus, tmp_path, log):
    meter, server = hdlc_server(6)
    line = bus(server.receive)
    line.hang()
    link = await open_link(Endpoint.parse(f"serial://{line.path}?baud=921600"), connect_timeout_s=1)
    with pytest.raises(SerialPortFailed, match=r"^Serial Port Hung \(no octet taken within 0\.2 s\)$"):
        await link.send(bytes(1 << 20), 0.2)
    await link.close()

    line.unplug()
    line.plug_in()
    assert says((await read(access_on(line), tmp_path, log))[0], meter)
    assert line_state(str(line.path)).resets == 1


async def test_an_adapter_that_hangs_while_it_is_opened_or_closed_holds_up_nobody_else(bus, monkeypatch):
    line, goes_on = bus(), threading.Event()

    def hanging(work):
        def does(*args, **options):
            assert goes_on.wait(20), "the event loop stands still"
            return work(*args, **options)

        return does

    async def while_it_hangs(work):
        goes_on.clear()
        task = asyncio.create_task(work)
        for _ in range(10):
            await asyncio.sleep(0)
        assert not task.done()
        goes_on.set()
        return await task

    monkeypatch.setattr(serial, "Serial", hanging(serial.Serial))
    monkeypatch.setattr(serial_line, "_close", hanging(serial_line._close))
    link = await while_it_hangs(open_link(Endpoint.parse(f"serial://{line.path}"), connect_timeout_s=5))
    await while_it_hangs(link.close())
    assert not line_state(str(line.path)).lock.locked()


async def test_a_port_that_nobody_waits_for_any_more_is_closed_again(bus, monkeypatch):
    line, begun, goes_on, closed = bus(), threading.Event(), threading.Event(), threading.Event()
    opened = []
    original, close = serial.Serial, serial_line._close

    def slow(*args, **options):
        begun.set()
        goes_on.wait(20)
        opened.append(original(*args, **options))
        return opened[0]

    def noted(port):
        close(port)
        closed.set()

    monkeypatch.setattr(serial, "Serial", slow)
    monkeypatch.setattr(serial_line, "_close", noted)
    opening = asyncio.create_task(open_link(Endpoint.parse(f"serial://{line.path}"), connect_timeout_s=5))
    assert await asyncio.to_thread(begun.wait, 20)
    opening.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await opening
    goes_on.set()

    assert await asyncio.to_thread(closed.wait, 20)
    assert not opened[0].is_open
    assert not line_state(str(line.path)).lock.locked()


async def test_a_silent_meter_costs_its_own_turn_only(bus, tmp_path, log):
    meter, server = hdlc_server(7, 17)
    line = bus(server.receive)
    silent = access_on(line, 99, link=LinkProfile(connect_timeout_s=5.0, request_timeout_s=0.5))

    results = await asyncio.gather(
        read(silent, tmp_path, log), read(access_on(line, 17), tmp_path, log), return_exceptions=True
    )

    assert isinstance(results[0], NoAnswer)
    assert says(results[1][0], meter)


async def test_octets_of_another_framing_are_no_answer(bus, tmp_path, log):
    line = bus(lambda _: wrapper.encode(b"\x61\x00", 1, 16))
    patience = LinkProfile(connect_timeout_s=1.0, request_timeout_s=0.5)
    with pytest.raises(Exception, match=r"Timeout|Partial Frame"):
        await read(access_on(line, link=patience), tmp_path, log)
