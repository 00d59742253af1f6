"""Link profiles: each is possible, and the settings of an association follow it."""

import pytest

from ami_dlms.apdu import Conformance
from ami_dlms.client import Authentication
from ami_dlms.link import LinkParameters
from ami_dlms.security import Protection
from ami_ingest.config.credentials import Credentials
from ami_ingest.config.endpoint import Endpoint
from ami_ingest.config.model import LinkProfile, Meter
from ami_ingest.meters.access import MeterAccess
from ami_ingest.record import Transport
from ami_ingest.transport.profiles import BUILT_IN, default_profile

pytestmark = pytest.mark.unit

KEYED = Credentials(guek=b"k" * 16, gak=b"a" * 16, client_system_title=b"AMI00001")


def test_each_kind_of_link_has_a_profile():
    assert list(BUILT_IN) == ["ethernet", "cellular", "g3-plc", "prime", "wisun", "serial"]
    assert BUILT_IN["ethernet"] == LinkProfile()


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_profile_makes_settings_that_work(name):
    profile = BUILT_IN[name]
    meter = Meter("m", Endpoint.parse("tcp://h"), link=profile)

    settings = MeterAccess.of(meter).settings()

    assert settings.max_pdu_size == profile.max_pdu_size
    assert 1 <= settings.block_window == profile.block_window <= 63
    assert profile.cell_concurrency is None or profile.cell_concurrency >= 1


def test_a_serial_line_has_its_own_profile():
    assert default_profile(Endpoint.parse("serial:///dev/ttyUSB0?baud=19200")) is BUILT_IN["serial"]
    assert default_profile(Endpoint.parse("udp://h")) is BUILT_IN["ethernet"]


def test_frames_and_windows_are_proposed_where_the_profile_has_some():
    access = MeterAccess(Endpoint.parse("hdlc+tcp://h"), link=LinkProfile(hdlc_frame=512, hdlc_window=3))
    assert access.settings().link == LinkParameters(512, 512, 3, 3)
    assert access.public_settings().link == LinkParameters(512, 512, 3, 3)
    assert MeterAccess(Endpoint.parse("hdlc+tcp://h")).settings().link is None


def test_datagrams_ask_for_blocks_that_can_be_sent_again():
    settings = MeterAccess(Endpoint.parse("udp://h")).settings()
    assert settings.datagrams
    assert settings.max_pdu_size == 65_499
    assert Conformance.GENERAL_BLOCK_TRANSFER in settings.conformance
    stream = MeterAccess(Endpoint.parse("tcp://h")).settings()
    assert not stream.datagrams
    assert Conformance.GENERAL_BLOCK_TRANSFER not in stream.conformance


@pytest.mark.parametrize(
    ("authentication", "policy", "protects", "protection"),
    [
        (Authentication.HLS_GMAC, None, True, Protection.AUTHENTICATED_ENCRYPTED),
        (Authentication.HLS_GMAC, Protection.ENCRYPTED, True, Protection.ENCRYPTED),
        (Authentication.HLS_GMAC, Protection.NONE, False, Protection.NONE),
        (Authentication.LLS, Protection.AUTHENTICATED, True, Protection.AUTHENTICATED),
        (Authentication.LLS, None, False, Protection.AUTHENTICATED_ENCRYPTED),
    ],
)
def test_the_security_policy_says_the_protection(authentication, policy, protects, protection):
    access = MeterAccess(
        Endpoint.parse("tcp://h"),
        authentication=authentication,
        security_policy=policy,
        credentials=Credentials(b"pw", KEYED.guek, KEYED.gak, KEYED.client_system_title),
    )
    settings = access.settings()
    assert (settings.protects, settings.protection) == (protects, protection)
    assert access.ciphered == (protects or authentication is Authentication.HLS_GMAC)


@pytest.mark.parametrize(
    ("address", "transport", "where"),
    [
        ("tcp://10.0.0.7", Transport.TCP, "10.0.0.7"),
        ("tls://10.0.0.7", Transport.TCP, "10.0.0.7"),
        ("udp://10.0.0.7", Transport.UDP, "10.0.0.7"),
        ("serial:///dev/ttyS1", Transport.SERIAL, "/dev/ttyS1"),
        ("call-in://", Transport.TCP, "call-in"),
    ],
)
def test_records_say_how_they_came(address, transport, where):
    origin = MeterAccess(Endpoint.parse(address)).origin("edge", None)
    assert (origin.transport, origin.address) == (transport, where)


def test_other_timeouts_change_nothing_else():
    access = MeterAccess(Endpoint.parse("tcp://h"), link=BUILT_IN["wisun"]).within(3.0)
    assert (access.link.connect_timeout_s, access.timeout_s) == (3.0, 3.0)
    assert access.link.max_pdu_size == BUILT_IN["wisun"].max_pdu_size
