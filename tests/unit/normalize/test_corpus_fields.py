"""What real meters' payloads say, held against what their sources state: field by field, by manufacturer."""

import contextlib
import json
import re
from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import pytest

from ami_normalize.offline import decode_line
from ami_normalize.pipeline import Context

pytestmark = pytest.mark.unit

CODE = re.compile(r"(\d+)[-.](\d+|x)[:.](\d+)\.(\d+)\.(\d+)(?:[.*](\d+))?")
WHOLE_CODE = re.compile(CODE.pattern + r"$")
CLOCK = ("1", "0", "0")
PREFIXES = {"kWh": ("Wh", 3), "kW": ("W", 3), "kvarh": ("varh", 3), "kvar": ("var", 3)}
THRESHOLD = 0.98

STATED = 602
"""Fields with an OBIS for which a source states a value."""
HELD = 601
"""Those held here: without the four of the suspect vector, with three that a source states to be null."""


class Reason(NamedTuple):
    """Why a field does not come out under the OBIS that is stated, and the C.D.E the same value does come out under."""

    why: str
    said_under: tuple[str, str, str] | None


GIAI = Reason("the crosswalk has the code of other makers; this meter names its number 1.1.0.0.5.255", ("0", "0", "5"))
REASONS = {
    **{
        (f"amshan-kamstrup-{name}", "meter_id"): GIAI
        for name in (
            "no_list_1_three_phase",
            "no_list_2_single_phase",
            "no_list_2_three_phase",
            "no_list_1_single_phase_real_sample",
            "no_list_2_single_phase_real_sample",
            "se_list_real_sample",
        )
    },
    ("dlmsparser-hdlc-kamstrup-omnipower", "0.0.0.0.0.0"): Reason(
        "the source's parser has no code for a text that stands alone; it is the OBIS list version", ("0", "2", "129")
    ),
    ("dlmsparser-hdlc-landis-gyr-e450", "0.0.0.0.0.0"): Reason(
        "the source's parser has no code for a date-time that stands alone; it is the clock's", CLOCK
    ),
    ("dlmsparser-raw-egd-example", "0.2.25.9.0.255"): Reason(
        "the source states an empty text; the message has attribute 1 of the object, its logical name", None
    ),
}


def groups(text):
    """The C.D.E of every code in a text."""
    return {match.group(3, 4, 5) for match in CODE.finditer(text)}


def stated_fields(vector, names):
    """Every field with an OBIS: (name, set of C.D.E, value, unit)."""
    for name, expected in (vector.get("expected") or {}).items():
        code = name if WHOLE_CODE.match(name) else names.get(name)
        if code:
            yield name, groups(code), expected["value"], expected["unit"]


def forms(text):
    """A value in all forms a source may write it: number, time, text, hex of text."""
    text = str(text)
    found = {text}
    with contextlib.suppress(InvalidOperation):
        found.add(Decimal(text).normalize())
    moment = re.match(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)", text)
    if moment:
        found.add(f"{moment[1]} {moment[2]}")
    if re.fullmatch(r"(?:[0-9a-f]{2})+", text):
        octets = bytes.fromhex(text)
        if len(octets) == 12 and octets[:1] == b"\x07":
            year = int.from_bytes(octets[:2], "big")
            found.add(f"{year}-{octets[2]:02}-{octets[3]:02} {octets[5]:02}:{octets[6]:02}:{octets[7]:02}")
        if octets.isascii() and octets.decode().isprintable():
            found.add(octets.decode())
    return found


def same(expected, unit, reading):
    """The value, in the unit stated; a source that states no unit may give the meter's unscaled integer."""
    wanted_unit, power = PREFIXES.get(unit, (unit, 0))
    if unit is not None and reading["unit"] != wanted_unit:
        return False
    if power:
        return Decimal(reading["value"]) == Decimal(str(expected)).scaleb(power)
    if forms(expected) & forms(reading["value"]):
        return True
    try:
        wanted, given = Decimal(str(expected)), Decimal(reading["value"])
    except InvalidOperation:
        return False
    if abs(wanted - given) <= abs(wanted) * Decimal("1e-12"):  # a source's own binary float
        return True
    return unit is None and wanted == wanted.to_integral_value() and unscaled(given, wanted)


def unscaled(given, wanted):
    """The same digits with another decimal point."""
    return any(given.scaleb(-scaler) == wanted for scaler in (-3, -2, -1, 1))


def found(field, answer):
    _, codes, value, unit = field
    if value is None:
        return not any(tuple(r["obis"].split(".")[2:5]) in codes and r["value"] for r in answer["readings"])
    if CLOCK in codes and answer["meter_time"] and forms(value) & forms(answer["meter_time"]):
        return True
    return any(
        tuple(reading["obis"].split(".")[2:5]) in codes and same(value, unit, reading) for reading in answer["readings"]
    )


@pytest.fixture(scope="module")
def names(corpus_dir):
    """OBIS by the sources' own names of fields."""
    crosswalk = json.loads((corpus_dir / "field_map.json").read_text())
    return {name: code for source, table in crosswalk.items() if source != "note" for name, code in table.items()}


def test_stated_fields_come_out_right(corpus, names, capsys):
    context = Context(lenient=True)
    right, held, wrong, values = Counter(), Counter(), {}, 0
    for vector in corpus:
        answer = decode_line(vector, context)
        for field in stated_fields(vector, names):
            values += field[2] is not None
            if vector.get("expected_suspect"):
                continue
            held[vector["manufacturer"]] += 1
            if found(field, answer):
                right[vector["manufacturer"]] += 1
            else:
                wrong[vector["id"], field[0]] = field, answer
    with capsys.disabled():
        print("\n  manufacturer            stated  right")
        for manufacturer, count in sorted(held.items()):
            print(f"  {manufacturer:22} {count:7} {right[manufacturer]:6}")
        print(f"  {'all':22} {held.total():7} {right.total():6}  {right.total() / held.total():.1%}")
        for identity, name in wrong:
            reason = REASONS.get((identity, name))
            print(f"    {identity}: {name}: {reason.why if reason else 'no reason is written'}")
    assert (values, held.total()) == (STATED, HELD)
    assert right.total() / held.total() >= THRESHOLD
    assert set(wrong) == set(REASONS)
    for key, (field, answer) in wrong.items():
        code = REASONS[key].said_under
        assert code is None or found((field[0], {code}, *field[2:]), answer), f"{key} is not said under {code} either"
