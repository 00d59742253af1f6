"""What real meters' payloads say, held against what their sources state: field by field, by manufacturer."""

import contextlib
import json
import re
from collections import Counter
from decimal import Decimal, InvalidOperation

import pytest

from ami_normalize.offline import decode_line
from ami_normalize.pipeline import Context

pytestmark = pytest.mark.unit

CODE = re.compile(r"(\d+)[-.](\d+|x)[:.](\d+)\.(\d+)\.(\d+)(?:[.*](\d+))?")
WHOLE_CODE = re.compile(CODE.pattern + r"$")
CLOCK = ("1", "0", "0")
PREFIXES = {"kWh": ("Wh", 3), "kW": ("W", 3), "kvarh": ("varh", 3), "kvar": ("var", 3)}
THRESHOLD = 0.97


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


def test_stated_fields_come_out_right(corpus, corpus_dir, capsys):
    crosswalk = json.loads((corpus_dir / "field_map.json").read_text())
    names = {name: code for source, table in crosswalk.items() if source != "note" for name, code in table.items()}
    context = Context(lenient=True)
    right, stated, wrong = Counter(), Counter(), []
    for vector in corpus:
        if vector.get("expected_suspect"):
            continue
        answer = decode_line(vector, context)
        for field in stated_fields(vector, names):
            stated[vector["manufacturer"]] += 1
            if found(field, answer):
                right[vector["manufacturer"]] += 1
            else:
                wrong.append((vector["id"], field[0], field[2]))
    with capsys.disabled():
        print("\n  manufacturer            stated  right")
        for manufacturer, count in sorted(stated.items()):
            print(f"  {manufacturer:22} {count:7} {right[manufacturer]:6}")
        print(f"  {'all':22} {stated.total():7} {right.total():6}  {right.total() / stated.total():.1%}")
        for identity, name, value in wrong:
            print(f"    {identity}: {name} = {value}")
    assert right.total() / stated.total() >= THRESHOLD
