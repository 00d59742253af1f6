"""OBIS meanings against the project's reference table."""

import csv
import re

import pytest

from ami_schemas import meanings, units

pytestmark = pytest.mark.unit


def rows(reference_dir):
    with (reference_dir / "obis_map.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def canonical(obis):
    return obis.replace("-", ".").replace(":", ".").replace("n", "1")


def test_every_reading_type_of_the_reference_comes_out(reference_dir):
    """M-Bus values depend on the device type and are left out."""
    wrong = []
    for row in rows(reference_dir):
        obis, expected = canonical(row["obis"]), row["cim_reading_type_mrid"]
        if expected in ("", "-") or ".24." in obis:
            continue
        profiles = {"1.0.99.1.0.255": None, "1.0.99.2.0.255": None, "0.0.98.1.0.255": None, "1.0.98.1.0.255": None}
        if obis in profiles:
            continue
        got = meanings.reading_type(obis)
        if got != expected:
            wrong.append((obis, expected, got))

    assert wrong == []


def test_every_code_of_the_reference_has_a_meaning_and_its_unit_fits(reference_dir):
    wrong = []
    for row in rows(reference_dir):
        found = meanings.meaning(canonical(row["obis"]))
        stated = {int(code) for code in re.findall(r"\((\d+)\)", row["dlms_unit"])}
        if ".65." in canonical(row["obis"]):
            continue
        if found is None or (found.units and stated and not stated <= found.units):
            wrong.append((row["obis"], row["dlms_unit"], found))

    assert wrong == []


def test_profile_columns_carry_their_period():
    assert meanings.reading_type("1.0.1.8.0.255", 900) == "0.0.2.1.1.1.12.0.0.0.0.0.0.0.0.0.72.0"
    assert meanings.reading_type("1.0.1.8.0.255", 86400) == "11.0.0.1.1.1.12.0.0.0.0.0.0.0.0.0.72.0"
    assert meanings.reading_type("1.0.1.29.0.255", 3600) == "0.0.7.4.1.1.12.0.0.0.0.0.0.0.0.0.72.0"


def test_a_rate_and_a_channel_are_understood():
    found = meanings.meaning("1.1.1.8.2.255")

    assert found is not None
    assert found.description == "Active energy import (+P), rate 2"
    assert found.reading_type == "0.0.0.9.1.1.12.0.0.0.0.2.0.0.0.0.72.0"


@pytest.mark.parametrize("obis", ["1.0.200.7.0.255", "128.0.1.8.0.255", "1.0.1.129.0.255"])
def test_manufacturer_codes_have_no_meaning(obis):
    assert meanings.meaning(obis) is None
    assert meanings.reading_type(obis) == ""


def test_historical_values_have_no_reading_type():
    assert meanings.reading_type("1.0.1.8.0.101") == ""


def test_units():
    assert [units.symbol(code) for code in (27, 30, 35, 13, 0, 255, 200)] == ["W", "Wh", "V", "m3", None, None, None]
    assert units.code("varh") == 32
    assert units.code("m3") == 13
    assert units.known(255)
    assert not units.known(200)
