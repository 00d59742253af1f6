"""What a fleet sends is what it says it sent."""

import io
from datetime import datetime, timezone
from decimal import Decimal

import pytest

from ami_dlms.apdu import DataNotification, GeneralGloCiphering
from ami_dlms.apdu import decode as decode_apdu
from ami_dlms.cosem.units import ScalerUnit
from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.errors import UsageError
from ami_dlms.framing import Assembler, Framing
from ami_dlms.obis import format_obis, parse_obis
from ami_dlms.security import Protection, protect, unprotect
from ami_simulator import PushSettings, VirtualMeter
from ami_simulator.fleet import Members, Truth, Value, read, read_log
from ami_simulator.fleet.composer import Composer
from ami_simulator.fleet.truth import UNITS, TruthLog, push_line, read_line
from ami_simulator.meter import EXPORT, IMPORT
from ami_simulator.push import PushComposer

pytestmark = pytest.mark.unit

SECOND = 1_772_366_850
TREE = {"meters": 50, "seed": 9, "push": {"to": "127.0.0.1:1"}}
PROTECTED = [each for each in Protection if each is not Protection.NONE]


def members(**change):
    return Members(read({**TREE, **change}))


def meter(of, identity, second=SECOND):
    now = datetime.fromtimestamp(second, timezone.utc)
    return VirtualMeter(of.serial(identity), seed=of.seed(identity), now=lambda: now, zone=of.description.zone)


def said(body):
    """The values of a push, as a reader shows them."""
    found = {}
    for element in body.value[1:]:
        obis, raw, unit = (part for part in element.value)
        scaled = ScalerUnit.from_data(unit)
        found[format_obis(obis.value)] = Value(format(scaled.quantity(raw.value), "f"), UNITS[scaled.unit])
    return found


@pytest.mark.parametrize("identity", [0, 7, 49, 99])
def test_a_composed_push_is_what_the_meter_s_objects_say(identity):
    of = members()

    composed = Composer(of).plain(identity, 1, SECOND, of.description.zone)

    assert composed == PushComposer(meter(of, identity), PushSettings("host", 1)).next()


@pytest.mark.parametrize("suite", [0, 1, 2])
@pytest.mark.parametrize("protection", PROTECTED)
def test_a_protected_push_is_what_the_core_makes_of_it(protection, suite):
    of = members(suite=suite)
    composer, zone = Composer(of), of.description.zone

    made = composer.apdu(3, 70_000, SECOND, zone, protection)

    assert made == protect(
        composer.plain(3, 70_000, SECOND, zone),
        keys=of.keys(3),
        system_title=of.system_title(3),
        invocation_counter=70_000,
        protection=protection,
        suite=suite,
    )


@pytest.mark.parametrize("framing", [Framing.WRAPPER, Framing.HDLC])
@pytest.mark.parametrize("zone", ["Europe/Vienna", ""])
def test_a_push_decodes_to_its_truth(framing, zone):
    tree = {
        **TREE,
        "framing": framing.value,
        "zone": zone,
        "push": {"to": "127.0.0.1:1", "protection": "authenticated-encrypted"},
    }
    of, truth = Members(read(tree)), Truth(read(tree))
    composer = Composer(of)
    for identity in (0, 13, 63):
        octets = composer.framed(
            identity % 50,
            composer.apdu(identity, 5, SECOND, of.description.zone, Protection.AUTHENTICATED_ENCRYPTED),
            framing,
        )
        (message,) = Assembler().receive(octets)
        assert message.framing is framing
        ciphered = decode_apdu(message.apdus[0])
        assert isinstance(ciphered, GeneralGloCiphering)
        push = decode_apdu(unprotect(ciphered, of.keys(identity)).plaintext)
        told = truth.push(identity, 5, SECOND)

        assert isinstance(push, DataNotification)
        assert said(push.body) == told.values
        assert ciphered.system_title.hex() == told.system_title
        assert (ciphered.invocation_counter, push.body.value[0].value[1].value) == (5, f"{told.serial:08d}".encode())
        stamp = CosemDateTime.from_bytes(push.date_time)
        assert (stamp.utc().strftime("%Y-%m-%dT%H:%M:%SZ"), stamp.deviation) == (told.time, told.deviation)
        assert told.protection is Protection.AUTHENTICATED_ENCRYPTED


def test_values_have_the_zeros_of_their_scale():
    values = Truth(read(TREE)).values(4, SECOND)

    assert len(values) == 12
    assert all("." not in values[obis].value for obis in ("1.0.1.8.0.255", "1.0.1.7.0.255"))
    assert Decimal(values["1.0.32.7.0.255"].value).as_tuple().exponent == -1
    assert Decimal(values["1.0.31.7.0.255"].value).as_tuple().exponent == -2
    assert values["1.0.14.7.0.255"].unit == "Hz"


def test_registers_and_profile_say_the_same_as_the_truth():
    truth, one = Truth(read(TREE)), meter(members(), 4)
    row, end = one.load_profile()[-1], SECOND // 900 * 900

    values = truth.values(4, SECOND)
    for register in one.registers():
        raw, unit = register.read(2), ScalerUnit.from_data(register.read(3))
        assert format(unit.quantity(raw.value), "f") == values[format_obis(register.logical_name)].value
    assert truth.profile_row(4, end) == {
        format_obis(IMPORT): Value(str(row[2].value), "Wh"),
        format_obis(EXPORT): Value(str(row[3].value), "Wh"),
    }
    with pytest.raises(UsageError):
        truth.profile_row(4, end + 1)


def test_the_log_says_what_was_sent(tmp_path):
    path = tmp_path / "truth.jsonl"
    with path.open("w") as file:
        log = TruthLog(file, TREE, SECOND)
        log.write(
            [push_line(3, 9, SECOND, 0, ""), read_line(4, SECOND, 5), push_line(53, 1, SECOND + 1, 0, "noise,crc")]
        )
        file.write('["p",1,2')  # still being written
    truth = Truth(read(TREE))

    sound, register, spoiled = read_log(path)

    assert sound == truth.push(3, 9, SECOND)
    assert (register.id, register.obis, register.value) == (
        "amv-00000005",
        "1.0.32.7.0.255",
        truth.values(4, SECOND)["1.0.32.7.0.255"],
    )
    assert (spoiled.meter, spoiled.serial, spoiled.id, spoiled.spoiled) == (3, 54, "amv-00000004", "noise,crc")


@pytest.mark.parametrize("content", ["", "{}\n", '{"format":"other"}\n', "no json\n"])
def test_what_is_no_log_is_refused(tmp_path, content):
    path = tmp_path / "x"
    path.write_text(content)
    with pytest.raises(UsageError, match="is no log of a fleet"):
        list(read_log(path))


@pytest.mark.parametrize("line", ["[]", '["p",1]', '["r",1,2,99]', "{}", "x"])
def test_a_broken_line_is_named(tmp_path, line):
    path, file = tmp_path / "x", io.StringIO()
    TruthLog(file, TREE, SECOND)
    path.write_text(file.getvalue() + line + "\n")
    with pytest.raises(UsageError, match="line 2"):
        list(read_log(path))


def test_a_range_of_the_profile_is_found_in_few_rows():
    from ami_dlms.selective import range_descriptor

    one = meter(members(), 4)
    profile = one.device.objects[parse_obis("1.0.99.1.0.255")]
    begin, end = (datetime.fromtimestamp(SECOND // 900 * 900 - back, timezone.utc) for back in (9000, 900))

    found = profile.select(2, range_descriptor(begin, end)).value

    everything = [row for row in one.load_profile() if begin <= CosemDateTime.from_bytes(row[0].value).utc() <= end]
    assert [row.value for row in found] == everything
    assert len(found) == 10
