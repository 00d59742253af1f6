"""DSMR P1 telegrams: values with prefixes, counts, names in hex, values of other meters, and what is none."""

import pytest

from ami_dlms.apdu import DataNotification
from ami_dlms.axdr import Data, Tag, structure
from ami_normalize.fast import Normalizer
from ami_normalize.numbers import Exact
from ami_normalize.pipeline import Context, Parked, RawRecord, ReadingsOutcome, Rejected, normalize
from ami_normalize.quality import Quality
from ami_normalize.shapes import telegram
from ami_schemas.reasons import Reason

pytestmark = pytest.mark.unit

TEXT = (
    b"/AMI5\\1\r\n\r\n1-3:0.2.8(50)\r\n0-0:1.0.0(240701120000S)\r\n0-0:42.0.0(414D4931)\r\n"
    b"1-0:1.8.0(000006.695*kWh)\r\n1-0:3.7.0(00.007)\r\n1-0:4.7.0(00.008*kVAr)\r\n1-0:32.32.0(00044)\r\n"
    b"0-1:24.2.1(240701110000S)(00012.345*m3)\r\n1-0:99.97.0(1)(0-0:96.7.19)(000101000001W)(1*s)\r\n!"
)


def by_code(octets=TEXT):
    return {reading.obis: reading for reading in telegram.read(octets).readings}


def test_prefixes_move_the_decimal_point_exactly():
    reading = by_code()["1.0.1.8.0.255"]
    assert (reading.value, reading.unit, str(reading.value)) == (Exact(6695, 0), 30, "6695")
    assert by_code()["1.0.4.7.0.255"].value == Exact(8, 0)


def test_numbers_without_unit_are_counts_or_flagged():
    assert by_code()["1.0.32.32.0.255"].value == Exact(44, 0)
    assert by_code()["1.0.3.7.0.255"].quality == (Quality.SCALER_UNKNOWN,)


def test_names_in_hex_are_text_and_versions_stay():
    assert by_code()["0.0.42.0.0.255"].value == "AMI1"
    assert by_code()["1.3.0.2.8.255"].value == "50"


def test_a_value_of_another_meter_keeps_its_own_time():
    assert by_code()["0.1.24.2.1.255"].at.local.hour == 11
    assert by_code()["1.0.1.8.0.255"].at.local.hour == 12
    assert by_code()["1.0.1.8.0.255"].at.summer is True


def test_logs_are_counted_not_guessed():
    assert telegram.read(TEXT).skipped == 1


@pytest.mark.parametrize("octets", [b"", b"/x", b"hello!", b"1-0:1.8.0(1*Wh)!"])
def test_what_is_no_telegram(octets):
    assert telegram.read(octets) is None


def test_crc():
    assert telegram.crc_holds(TEXT) is None
    crc = next(n for n in range(0x10000) if telegram.crc_holds(TEXT[:10] + b"!" + b"%04X" % n))
    assert telegram.crc_holds(TEXT[:10] + b"!" + b"%04X\r\n" % crc)
    assert not telegram.crc_holds(TEXT[:10] + b"!" + b"%04X" % (crc ^ 1))
    assert telegram.crc_holds(TEXT[:10] + b"!zz") is False


@pytest.mark.parametrize("tag", [Tag.OCTET_STRING, Tag.VISIBLE_STRING])
@pytest.mark.parametrize("wrap", [lambda data: data, structure])
@pytest.mark.parametrize(
    ("octets", "kind"),
    [(TEXT, ReadingsOutcome), (TEXT + b"0001", Rejected), (b"/x!", Rejected), (b"1/x!", Parked), (b"hello", Parked)],
)
def test_a_telegram_in_a_notification_is_one(tag, wrap, octets, kind):
    """By both paths, whatever strings of its length came before."""
    fast = Normalizer(Context())
    for text in (b"x" * len(octets), octets, octets):
        value = text if tag == Tag.OCTET_STRING else text.decode()
        apdu = DataNotification(1, b"", wrap(Data(tag, value))).to_bytes()
        record = RawRecord("ami.raw.v1", 0, 0, b"meter-1", apdu)
        outcomes = normalize(record, Context())
        assert fast.normalize(record) == outcomes
    assert type(outcomes[0]) is kind
    assert getattr(outcomes[0], "reason", None) in {None, Reason.P1_MALFORMED, Reason.MAPPING_MISSING}


@pytest.mark.parametrize("octets", [b"/!", b"/x!", b"/x\r\n!", b"/x\r\n\r\n!\r\n"])
def test_a_telegram_without_lines_says_nothing(octets):
    assert telegram.read(octets).readings == ()
