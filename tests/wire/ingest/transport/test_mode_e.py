"""The sign-on of mode E against a scripted optical head: speeds, parity, and every way it can go wrong."""

import pytest

from ami_dlms.link.mode_e import with_parity
from ami_ingest.config.model import LinkProfile
from ami_ingest.config.target import Target
from ami_ingest.errors import NoAnswer, OpeningFailed
from ami_ingest.meters.read import read_meter
from ami_ingest.transport import open_link
from ami_simulator.meter import SERIAL

from .conftest import access_on, hdlc_server

pytestmark = pytest.mark.wire

PATIENCE = LinkProfile(connect_timeout_s=10.0, request_timeout_s=5.0)
IDENTIFICATION = rb"/LGZ5\2ZMD310" + b"\r\n"


class Head:
    """A meter behind an optical head: text at 300 baud with parity, then HDLC at the speed agreed on."""

    def __init__(self, server, *, identification=IDENTIFICATION, confirms=True, answer=None, address=b""):
        self.server, self.identification, self.confirms = server, identification, confirms
        self.answer, self.address = answer, address
        self.said, self.speeds, self.hdlc = b"", [], False
        self.bus = None

    def receive(self, data):
        if self.hdlc:
            self.speeds.append(self.bus.baud)
            return self.server.receive(data)
        self.said += data
        if not self.said.endswith(with_parity(b"\r\n")):
            return b""
        said = bytes(octet & 0x7F for octet in self.said)
        assert with_parity(said) == self.said
        self.said = b""
        self.speeds.append(self.bus.baud)
        if said == b"/?" + self.address + b"!\r\n":
            return with_parity(self.identification) if self.identification else b""
        if self.answer is not None:
            return with_parity(self.answer)
        assert said[:1] == b"\x06"
        self.hdlc = True
        return with_parity(said) if self.confirms else b""


@pytest.fixture
def head(bus):
    def head(**options):
        meter, server = hdlc_server(11)
        made = Head(server, **options)
        made.bus = bus(made.receive)
        return meter, made

    return head


async def read(access, tmp_path, log):
    (reading,) = await read_meter(access, [Target(1, SERIAL, 2)], state_dir=tmp_path / "state", log=log.logger())
    return reading.records[0].value


@pytest.mark.parametrize("confirms", [True, False])
async def test_a_meter_is_read_at_the_speed_it_offers(head, tmp_path, log, confirms):
    meter, made = head(confirms=confirms)

    value = await read(access_on(made.bus, options="opening=mode-e", link=PATIENCE), tmp_path, log)

    assert f"{meter.serial:08d}".encode() in value
    assert made.speeds[:2] == [300, 300]
    assert set(made.speeds[2:]) == {9600}


async def test_a_slower_speed_may_be_asked_for_and_a_device_named(head, tmp_path, log):
    _, made = head(address=b"12345678")

    await read(access_on(made.bus, options="opening=mode-e&baud=4800&address=12345678", link=PATIENCE), tmp_path, log)

    assert set(made.speeds[2:]) == {4800}


async def test_noise_of_a_head_just_put_into_place_is_passed_over(head, tmp_path, log):
    meter, made = head()
    original = made.receive
    made.bus.meters = (lambda data: (b"\x01\xfe" if not made.hdlc and not made.speeds else b"") + original(data),)

    value = await read(access_on(made.bus, options="opening=mode-e", link=PATIENCE), tmp_path, log)

    assert f"{meter.serial:08d}".encode() in value


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"identification": b""}, NoAnswer, "Timeout"),
        ({"identification": b"/ELS5EK280\r\n"}, OpeningFailed, r"^Mode E Not Offered \(by ELS 'EK280'\)$"),
        ({"identification": b"/LGZ9\\2Z\r\n"}, OpeningFailed, r"^Mode E Opening Failed \(.*the speed '9'"),
        ({"identification": b"/LGZ\r\n"}, OpeningFailed, r"^Mode E Opening Failed \(.*no identification message"),
        ({"identification": b"garbage"}, OpeningFailed, r"^Mode E Opening Failed \(7 octets and no identification\)$"),
        ({"answer": b"\x15"}, OpeningFailed, r"^Mode E Opening Failed \(the meter answered 15 "),
        ({"answer": b"\x021.8.0(1)\r\n"}, OpeningFailed, r"^Mode E Not Offered \(the meter began a readout of text\)$"),
    ],
)
async def test_what_is_no_mode_e_is_said(head, options, error, said):
    _, made = head(**options)
    access = access_on(made.bus, options="opening=mode-e")

    with pytest.raises(error, match=said) as raised:
        await open_link(access.endpoint, connect_timeout_s=1.0)
    assert raised.value.remedy


async def test_a_wrong_parity_is_said(head):
    _, made = head()
    made.bus.meters = (lambda _: b"/LGZ5\\2x\r\n",)

    with pytest.raises(OpeningFailed, match="wrong parity"):
        await open_link(access_on(made.bus, options="opening=mode-e").endpoint, connect_timeout_s=1.0)
