"""Addresses and objects as people write them."""

import pytest

from ami_dlms.framing import Framing
from ami_ingest.config.endpoint import Endpoint, Opening, Scheme, SerialLine
from ami_ingest.config.target import Target
from ami_ingest.errors import EndpointError, TargetError

pytestmark = pytest.mark.unit

ENERGY = bytes((1, 0, 1, 8, 0, 255))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tcp://10.0.0.7:4061", Endpoint(Scheme.TCP, "10.0.0.7", 4061)),
        ("tcp://meter.example", Endpoint(Scheme.TCP, "meter.example", 4059)),
        ("udp://10.0.0.7", Endpoint(Scheme.UDP, "10.0.0.7", 4059)),
        ("tls://meter.example:4060", Endpoint(Scheme.TLS, "meter.example", 4060)),
        ("hdlc+tcp://10.0.0.7:5000", Endpoint(Scheme.HDLC_TCP, "10.0.0.7", 5000)),
        ("hdlc+tls://10.0.0.7:5000", Endpoint(Scheme.HDLC_TLS, "10.0.0.7", 5000)),
        ("tcp://[::1]:4059", Endpoint(Scheme.TCP, "::1", 4059)),
        ("call-in://", Endpoint(Scheme.CALL_IN)),
        ("hdlc+call-in://", Endpoint(Scheme.HDLC_CALL_IN)),
        ("serial:///dev/ttyUSB0", Endpoint(Scheme.SERIAL, line=SerialLine("/dev/ttyUSB0"))),
        (
            "serial:///dev/serial/by-id/usb-FTDI_FT232R_A1-if00-port0?baud=19200&parity=E&stop_bits=2&echo=yes",
            Endpoint(
                Scheme.SERIAL,
                line=SerialLine("/dev/serial/by-id/usb-FTDI_FT232R_A1-if00-port0", 19200, "E", 2, echo=True),
            ),
        ),
        (
            "serial:///dev/serial/by-id/usb-A%23B%20C+D",
            Endpoint(Scheme.SERIAL, line=SerialLine("/dev/serial/by-id/usb-A#B C+D")),
        ),
        (
            "serial:///dev/ttyS1?opening=mode-e&address=12345678",
            Endpoint(Scheme.SERIAL, line=SerialLine("/dev/ttyS1", opening=Opening.MODE_E, address="12345678")),
        ),
    ],
)
def test_an_endpoint(text, expected):
    endpoint = Endpoint.parse(text)

    assert endpoint == expected
    assert Endpoint.parse(str(endpoint)) == endpoint


@pytest.mark.parametrize(
    ("text", "framing"),
    [
        ("tcp://h", Framing.WRAPPER),
        ("udp://h", Framing.WRAPPER),
        ("tls://h", Framing.WRAPPER),
        ("call-in://", Framing.WRAPPER),
        ("hdlc+tcp://h", Framing.HDLC),
        ("hdlc+tls://h", Framing.HDLC),
        ("hdlc+call-in://", Framing.HDLC),
        ("serial:///dev/ttyS0", Framing.HDLC),
    ],
)
def test_the_scheme_says_the_framing(text, framing):
    assert Endpoint.parse(text).framing is framing


@pytest.mark.parametrize(
    ("text", "where"),
    [("tcp://[::1]:1", "[::1]:1"), ("serial:///dev/ttyS0?baud=300", "/dev/ttyS0"), ("call-in://", "call-in")],
)
def test_a_location_names_the_line(text, where):
    assert Endpoint.parse(text).location == where


@pytest.mark.parametrize(
    "text",
    [
        "",
        "foo",
        "10.0.0.7:4059",
        "tcp://",
        "tcp://h:x",
        "tcp://h:0",
        "tcp://h:1/x",
        "ftp://h",
        "udp://u@h",
        "tcp://a..b",
        f"tcp://{'a' * 64}",
        "udp://\udcff:1",
    ],
)
def test_no_endpoint(text):
    with pytest.raises(EndpointError, match=r"write tcp://HOST:PORT"):
        Endpoint.parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("serial://dev/ttyUSB0", "with three slashes"),
        ("serial://", "with three slashes"),
        ("serial:///dev/ttyS0?speed=9600", "no option 'speed'"),
        ("serial:///dev/ttyS0?baud=9601", "baud is '9601'"),
        ("serial:///dev/ttyS0?parity=X", "parity is 'X'"),
        ("serial:///dev/ttyS0?baud", "correct them"),
        ("serial:///dev/ttyS0?baud=300&baud=600", "stands twice"),
        ("serial:///dev/ttyS0?address=1", "belongs to opening=mode-e"),
        ("serial:///dev/ttyS0?opening=mode-e&address=a!b", "letters and digits"),
        ("call-in://10.0.0.7", "write just call-in://"),
    ],
)
def test_what_is_wrong_is_said(text, said):
    with pytest.raises(EndpointError, match=said):
        Endpoint.parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.0.1.8.0.255", (None, ENERGY, 2)),
        ("3:1.0.1.8.0.255", (3, ENERGY, 2)),
        ("3:1.0.1.8.0.255:3", (3, ENERGY, 3)),
        ("1-0:1.8.0*255", (None, ENERGY, 2)),
        ("3:1-0:1.8.0*255", (3, ENERGY, 2)),
        ("3:1-0:1.8.0*255:3", (3, ENERGY, 3)),
        ("1.0.1.8.0.255:3", (None, ENERGY, 3)),
    ],
)
def test_a_target(text, expected):
    assert Target.parse(text) == expected


@pytest.mark.parametrize(
    "text", ["", "1.8", "x:1.0.1.8.0.255", "3:1.0.1.8.0.255:0", "3:1.0.1.8.0.256", "0:1.0.1.8.0.255"]
)
def test_no_target(text):
    with pytest.raises(TargetError, match="names no object"):
        Target.parse(text)
