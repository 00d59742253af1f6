"""The sign-on of IEC 62056-21 mode E: messages read and made, parity, and what is no mode E."""

import pytest

from ami_dlms.errors import FrameCheckFailed, LinkError, UsageError
from ami_dlms.link.mode_e import (
    BAUDS,
    Identification,
    acknowledgement,
    read_identification,
    sign_on,
    with_parity,
    without_parity,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (rb"/LGZ4\2ZMD3104407.B32", Identification("LGZ", 4800, True, "ZMD3104407.B32", False)),
        (rb"/ISk5\2MT382-1000", Identification("ISK", 9600, True, "MT382-1000", True)),
        (rb"/XYZ6\a\2meter", Identification("XYZ", 19200, True, "meter", False)),
        (b"/ELS5EK280", Identification("ELS", 9600, False, "EK280", False)),
        (b"/ABC0", Identification("ABC", 300, False, "", False)),
    ],
)
def test_an_identification(octets, expected):
    assert read_identification(octets + b"\r\n") == expected


@pytest.mark.parametrize(
    "octets", [b"", b"/LGZ\r\n", b"LGZ4\\2x\r\n", b"/LG14\\2x\r\n", b"/LGZ4\\2" + b"x" * 17 + b"\r\n", b"\xff\x00\r\n"]
)
def test_no_identification(octets):
    with pytest.raises(LinkError, match="no identification message"):
        read_identification(octets)


@pytest.mark.parametrize("character", ["7", "9", "A", "x"])
def test_a_speed_of_another_mode(character):
    with pytest.raises(LinkError, match=f"the speed '{character}'"):
        read_identification(f"/ABC{character}x\r\n".encode())


def test_the_sign_on_may_name_a_device():
    assert sign_on() == b"/?!\r\n"
    assert sign_on("12345678") == b"/?12345678!\r\n"
    for wrong in ("a!b", "1" * 33, "ä"):
        with pytest.raises(UsageError):
            sign_on(wrong)


def test_the_acknowledgement_chooses_hdlc_at_each_speed():
    assert acknowledgement(9600) == b"\x06252\r\n"
    assert [acknowledgement(baud)[2:3].decode() for baud in BAUDS.values()] == list(BAUDS)
    with pytest.raises(UsageError):
        acknowledgement(115200)


def test_parity_is_even_and_comes_off_again():
    octets = bytes(range(128))
    carried = with_parity(octets)

    assert all(octet.bit_count() % 2 == 0 for octet in carried)
    assert without_parity(carried) == octets
    assert with_parity(b"/?!\r\n").hex() == "af3f218d0a"


def test_one_wrong_bit_is_found():
    carried = bytearray(with_parity(b"/LGZ4"))
    carried[3] ^= 0x10
    with pytest.raises(FrameCheckFailed) as raised:
        without_parity(bytes(carried))
    assert raised.value.offset == 3
