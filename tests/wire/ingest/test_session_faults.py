"""Meters that refuse, hang, drop or babble: each gets its stable wording, within its timeout."""

import asyncio
import re
import socket

import pytest
from support.polled import silent

from ami_dlms.client import Authentication, ClientSettings
from ami_dlms.framing import Framing, hdlc, wrapper
from ami_ingest.config.credentials import Credentials
from ami_ingest.config.endpoint import Endpoint
from ami_ingest.errors import (
    AssociationRejected,
    ConnectionClosed,
    ConnectionFailed,
    CrcError,
    ExchangeFailed,
    NoAnswer,
    PartialFrame,
)
from ami_ingest.meters.access import MeterAccess
from ami_ingest.meters.counters import CounterStore
from ami_ingest.meters.line import Line
from ami_ingest.meters.reading import MeterReader
from ami_ingest.meters.session import MeterSession

pytestmark = pytest.mark.wire

SILENCE = 0.3


async def hangs_up(reader, writer):
    await reader.read(100)


async def babbles(reader, writer):
    try:
        while True:
            writer.write(b"\xff" * 10)
            await writer.drain()
            await asyncio.sleep(0.01)
    except ConnectionError:
        pass


async def never_ends(reader, writer):
    await reader.read(100)
    while True:
        writer.write(b"\xff" * 65536)
        await writer.drain()


async def rejects(reader, writer):
    await reader.read(1000)
    aare = bytes.fromhex("6117a109060760857405080101a203020101a305a10302010d")
    writer.write(wrapper.encode(aare, 1, 16))
    await silent(reader, writer)


async def opened(endpoint, framing=Framing.WRAPPER):
    session = MeterSession(endpoint, ClientSettings(framing=framing), timeout_s=SILENCE)
    try:
        await session.open()
    finally:
        await session.close()


async def test_nothing_listens():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        endpoint = Endpoint.parse(f"tcp://127.0.0.1:{sock.getsockname()[1]}")
        with pytest.raises(ConnectionFailed) as raised:
            await opened(endpoint)

    assert str(raised.value) == "Connection Refused (Error 111)"
    assert raised.value.number == 111
    assert raised.value.code == "CONNECTION_REFUSED"
    assert raised.value.remedy


async def test_a_name_that_does_not_exist():
    with pytest.raises(ConnectionFailed, match=r"^Host Name Unknown \(Error -\d+\)$"):
        await MeterSession(Endpoint.parse("tcp://meter.invalid"), ClientSettings(), timeout_s=30).open()


@pytest.mark.parametrize("scheme", ["tcp", "hdlc+tcp"])
async def test_silence(behave, scheme):
    framing = Framing.HDLC if scheme == "hdlc+tcp" else Framing.WRAPPER

    with pytest.raises(NoAnswer) as raised:
        await opened(await behave(silent, scheme), framing)

    assert str(raised.value) == "Timer T1 Timeout (no answer within 0.3 s)"


async def test_noise_does_not_prolong_the_wait(behave):
    with pytest.raises(PartialFrame, match=r"^Partial Frame Received \(no frame in \d+ octets\)$") as raised:
        await asyncio.wait_for(opened(await behave(babbles)), 30)

    assert raised.value.code == "PARTIAL_FRAME"


async def test_an_answer_without_end_is_given_up(behave):
    with pytest.raises((ExchangeFailed, AssociationRejected, NoAnswer)):
        await asyncio.wait_for(opened(await behave(never_ends)), 30)


async def test_the_meter_hangs_up(behave):
    with pytest.raises(ConnectionClosed) as raised:
        await opened(await behave(hangs_up))

    assert str(raised.value) == "Connection Closed (by the meter)"


async def test_the_meter_rejects_the_association(behave):
    with pytest.raises(AssociationRejected) as raised:
        await opened(await behave(rejects))

    assert str(raised.value) == "DLMS Association Rejected (authentication-failure)"


UA = hdlc.HdlcFrame(hdlc.address(16), hdlc.address(1), hdlc.UA | hdlc.POLL_FINAL).to_bytes()
AARE = wrapper.encode(bytes.fromhex("6117a109060760857405080101a203020101a305a10302010d"), 1, 16)


def answers(octets, *, hangs_up=False):
    """Make a meter that answers whatever comes with these octets, then says no more."""

    async def does(reader, writer):
        await reader.read(1000)
        writer.write(octets)
        await writer.drain()
        if not hangs_up:
            await silent(reader, writer)

    return does


@pytest.mark.parametrize("hangs_up", [False, True])
@pytest.mark.parametrize(
    ("scheme", "whole", "sent"),
    [("tcp", AARE, 8), ("tcp", AARE, 20), ("hdlc+tcp", UA, 4), ("hdlc+tcp", UA, len(UA) - 1)],
)
async def test_half_an_answer(behave, scheme, whole, sent, hangs_up):
    framing = Framing.HDLC if scheme == "hdlc+tcp" else Framing.WRAPPER

    with pytest.raises(PartialFrame) as raised:
        await opened(await behave(answers(whole[:sent], hangs_up=hangs_up), scheme), framing)

    have, need = map(int, re.fullmatch(r"Partial Frame Received \((\d+) of (\d+) octets\)", str(raised.value)).groups())
    assert have == sent
    assert have < need <= len(whole)
    assert need == len(whole) or sent < 8
    assert raised.value.code == "PARTIAL_FRAME"
    assert raised.value.cause
    assert raised.value.remedy


async def test_an_answer_of_half_a_frame_and_a_reset(behave):
    async def does(reader, writer):
        await reader.read(10)  # what is not read makes the close a reset
        writer.write(AARE[:12])
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()

    with pytest.raises(PartialFrame, match=r"\(12 of 33 octets\)"):
        await opened(await behave(does))


async def test_frames_that_are_changed_on_the_way(behave):
    wrong = bytearray(UA)
    wrong[5] ^= 1
    frames = []

    async def does(reader, writer):
        while data := await reader.read(1000):
            frames.append(data)
            writer.write(bytes(wrong))

    endpoint = await behave(does, "hdlc+tcp")
    with pytest.raises(CrcError) as raised:
        await opened(endpoint, Framing.HDLC)

    assert str(raised.value) == f"CRC Error ({len(frames)} of {len(frames)} frames on {endpoint.location})"
    assert raised.value.code == "CRC_ERROR"
    assert raised.value.cause
    assert raised.value.remedy


async def test_frames_of_one_line_are_counted_together(behave):
    wrong = bytearray(UA)
    wrong[5] ^= 1
    endpoint = await behave(answers(UA + bytes(wrong)), "hdlc+tcp")
    line = Line("/dev/ttyUSB0", frames=98, damaged=1)
    session = MeterSession(endpoint, ClientSettings(framing=Framing.HDLC), timeout_s=SILENCE, line=line)

    with pytest.raises(CrcError, match=r"^CRC Error \(2 of 100 frames on /dev/ttyUSB0\)$"):
        await session.open()


async def test_a_refusal_by_silence_is_told_as_one(behave):
    with pytest.raises(NoAnswer) as raised:
        await opened(await behave(silent))

    assert raised.value.code == "T1_TIMEOUT"
    assert "refuse by silence" in raised.value.cause


async def test_hdlc_repeats_its_frame_before_giving_up(behave):
    frames = []

    async def listen(reader, writer):
        while data := await reader.read(100):
            frames.append(data)

    with pytest.raises(NoAnswer):
        await opened(await behave(listen, "hdlc+tcp"), Framing.HDLC)

    assert len(frames) > 1
    assert frames[0] == frames[1]


async def test_settings_that_cannot_work_are_said(log, tmp_path):
    access = MeterAccess(Endpoint.parse("tcp://127.0.0.1:1"), authentication=Authentication.HLS_SHA256)
    reader = MeterReader(access, CounterStore(tmp_path), agent="edge-1", log=log.logger())

    with pytest.raises(ExchangeFailed, match="needs a password"):
        await reader.open()


async def test_no_secret_is_shown(log, tmp_path):
    access = MeterAccess(
        Endpoint.parse("tcp://127.0.0.1:1"), credentials=Credentials(password=b"hunter2", guek=b"G" * 16, gak=b"A" * 16)
    )

    assert "hunter2" not in repr(access) + repr(access.settings())
    assert "GGGG" not in repr(access) + repr(access.settings())
