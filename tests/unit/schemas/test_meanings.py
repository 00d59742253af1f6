"""OBIS meanings against the project's reference table."""

import csv
import re
from pathlib import Path

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


# --- the page


def listed():
    """The rows of docs/obis.md by code: units and ReadingType."""
    page = (Path(__file__).parents[3] / "docs" / "obis.md").read_text()
    found = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and cells[0].startswith("`"):
            found[cells[0].strip("`")] = (set(cells[2].split(", ")) - {""}, cells[3])
    return found


def test_the_page_lists_what_the_reference_has(reference_dir):
    """Rates are told by the total; what M-Bus values are depends on the device, and class 26 tables are none."""
    pages, wrong = listed(), []
    for row in rows(reference_dir):
        a, _, c, d, e, _ = canonical(row["obis"]).split(".")
        if (a, c) in {("0", "24"), ("0", "65")}:
            continue
        rate = a == "1" and d in {"6", "8"} and e != "0"
        code = f"{a}-b:{c}.{d}.{'0' if rate else e}"
        units_there, reading_type = pages.get(code, (None, None))
        stated = {units.symbol(int(number)) or "none" for number in re.findall(r"\((\d+)\)", row["dlms_unit"])}
        expected = "" if row["cim_reading_type_mrid"] in {"", "-"} else row["cim_reading_type_mrid"]
        if code not in pages or not (not units_there or stated <= units_there):
            wrong.append((code, stated, units_there))
        elif not rate and c not in {"98", "99"} and reading_type != expected:
            wrong.append((code, expected, reading_type))

    assert wrong == []


def test_every_listed_code_means_something_and_is_listed_once():
    codes = list(meanings.known_codes())
    assert len(codes) == len(set(codes)) == len(listed())
    assert all(meanings.meaning(code) for code in codes)


@pytest.mark.parametrize(
    ("obis", "up"),
    [
        ("1.0.1.8.0.255", True),
        ("1.1.3.8.2.255", True),
        ("8.0.1.0.0.255", True),
        ("0.2.24.2.1.255", True),
        ("0.0.96.7.21.255", True),
        ("1.0.1.7.0.255", False),
        ("1.0.1.6.0.255", False),
        ("1.0.1.29.0.255", False),
        ("0.0.1.0.0.255", False),
        ("1.0.200.8.0.255", False),
    ],
)
def test_what_counts_up(obis, up):
    assert meanings.counts_up(obis) is up


def test_a_rate_of_the_manufacturers_own_has_no_reading_type():
    assert meanings.reading_type("1.0.1.8.63.255")
    assert meanings.reading_type("1.0.1.8.128.255") == ""
