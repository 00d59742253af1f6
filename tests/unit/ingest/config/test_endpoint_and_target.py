"""Addresses and objects as people write them."""

import pytest

from ami_ingest.config.endpoint import Endpoint, Scheme
from ami_ingest.config.target import Target
from ami_ingest.errors import EndpointError, TargetError

pytestmark = pytest.mark.unit

ENERGY = bytes((1, 0, 1, 8, 0, 255))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tcp://10.0.0.7:4061", (Scheme.TCP, "10.0.0.7", 4061)),
        ("tcp://meter.example", (Scheme.TCP, "meter.example", 4059)),
        ("hdlc+tcp://10.0.0.7:5000", (Scheme.HDLC_TCP, "10.0.0.7", 5000)),
        ("tcp://[::1]:4059", (Scheme.TCP, "::1", 4059)),
    ],
)
def test_an_endpoint(text, expected):
    endpoint = Endpoint.parse(text)

    assert endpoint == expected
    assert Endpoint.parse(str(endpoint)) == endpoint


@pytest.mark.parametrize(
    "text", ["", "foo", "10.0.0.7:4059", "tcp://", "tcp://h:x", "tcp://h:0", "tcp://h:1/x", "ftp://h"]
)
def test_no_endpoint(text):
    with pytest.raises(EndpointError, match=r"write tcp://HOST:PORT"):
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
