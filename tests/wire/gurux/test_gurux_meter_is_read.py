"""`ami read` reads the independent Java meter: associations, registers, clock, and a day of its load profile."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

pytestmark = pytest.mark.wire

UNITS = {27: "W", 30: "Wh", 32: "varh", 33: "A", 35: "V", 44: "Hz"}
ASSOCIATIONS = [
    pytest.param("none", 16, id="none"),
    pytest.param("lls", 16, id="lls"),
    pytest.param("hls-gmac", 1, id="hls-gmac"),
]
FRAMINGS = {"wrapper": "tcp", "hdlc": "hdlc+tcp"}


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize(("auth", "client"), ASSOCIATIONS)
def test_registers_and_a_day_of_the_profile(gurux_meter, meter_keys_file, secrets_file, ami, framing, auth, client):
    with gurux_meter(
        *("--framing", framing, "--auth", auth, "--client", client, "--secrets", meter_keys_file, "--serial", 7)
    ) as truth:
        reach = (
            f"{FRAMINGS[framing]}://{truth['listening']}",
            *("--client", client, "--auth", auth, "--secrets", secrets_file, "--json"),
        )
        registers = _read(ami, *reach, *(f"3:{each['obis']}:2" for each in truth["registers"]))
        assert {(each["obis"], Decimal(each["value"]), each["unit"]) for each in registers} == {
            (each["obis"], Decimal(each["raw"]).scaleb(each["scaler"]), UNITS[each["unit"]])
            for each in truth["registers"]
        }
        by_obis = {each["obis"]: each["value"] for each in registers}
        assert by_obis["1.0.32.7.0.255"] == "230.1"
        assert by_obis["1.0.1.8.1.255"] == "9007199254740.993"  # beyond what a double holds exactly

        start, end = "2026-11-02T00:15:00+01:00", "2026-11-03T00:00:00+01:00"
        columns = _read(ami, *reach, *("--profile", "1.0.99.1.0.255", "--from", start, "--to", end))
        _check_day(columns, truth, datetime.fromisoformat(start), 96)


def test_an_object_without_its_class_is_discovered(gurux_meter, ami):
    with gurux_meter("--serial", 7) as truth:
        answers = _read(
            ami, f"tcp://{truth['listening']}", "--json", "1.0.1.8.0.255", "0.0.96.1.0.255", "0.0.1.0.0.255"
        )
    said = {each["obis"]: each for each in answers}
    assert (said["1.0.1.8.0.255"]["value"], said["1.0.1.8.0.255"]["unit"]) == ("12345685", "Wh")
    assert said["0.0.96.1.0.255"]["value"] == truth["serial"]


@pytest.mark.parametrize(("day", "rows"), [("2026-03-29", 92), ("2026-10-25", 100)])
def test_days_on_which_the_clock_changes(gurux_meter, ami, day, rows):
    """Local time jumps or repeats an hour; every row keeps its own instant."""
    before = date.fromisoformat(day) - timedelta(days=1)
    with gurux_meter("--first-day", before, "--days", 3) as truth:
        stamps = [_instant(row[0]) for row in truth["profile"]["rows"]][96 : 96 + rows]
        columns = _read(
            ami,
            *(f"tcp://{truth['listening']}", "--json", "--profile", "1.0.99.1.0.255"),
            *("--from", stamps[0].isoformat(), "--to", stamps[-1].isoformat()),
        )
        _check_day(columns, truth, stamps[0], rows)


@pytest.mark.parametrize("auth", ["lls", "hls-gmac"])
def test_a_wrong_secret_is_one_sentence(gurux_meter, meter_keys_file, ami, private, tmp_path, auth):
    secrets = {"password": "wrong", "guek": "FF" * 16, "gak": "FF" * 16, "client_system_title": "414D490000000001"}
    wrong = private(tmp_path / "wrong.json", secrets)
    with gurux_meter("--auth", auth, "--client", 1, "--secrets", meter_keys_file) as truth:
        done = ami(
            *("read", f"tcp://{truth['listening']}", "3:1.0.1.8.0.255", "--client", 1, "--auth", auth),
            *("--secrets", wrong, "--json"),
        )
    assert done.returncode != 0
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) <= 2
    assert "Traceback" not in done.stderr


def _read(ami, *arguments):
    done = ami("read", *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def _check_day(columns, truth, first, rows):
    """Each register column holds the meter's values, period by period, the first interval ending at `first`."""
    expected = [row for row in truth["profile"]["rows"] if _instant(row[0]) >= first][:rows]
    assert len(expected) == rows
    by_obis = {}
    for column in columns:
        by_obis.setdefault(column["obis"], []).append(column)
    for index, (class_id, obis) in enumerate(truth["profile"]["columns"]):
        if class_id != 3:
            continue
        values, stamps = [], []
        for block in by_obis[obis]:
            assert block["profile"] == truth["profile"]["obis"]
            assert block["period_s"] == truth["profile"]["period_s"]
            assert block["unit"] == "Wh"
            start = _instant(block["start"])
            period = timedelta(seconds=block["period_s"])
            stamps += [start + period * (i + 1) for i in range(len(block["values"]))]
            values += [Decimal(value) for value in block["values"]]
        assert stamps == [_instant(row[0]) for row in expected]
        assert values == [row[index] for row in expected]


def _instant(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
