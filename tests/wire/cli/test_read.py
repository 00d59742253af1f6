"""`ami read` and `ami ping` against virtual meters, as its machine interface promises."""

import json
from datetime import datetime, timedelta

import pytest

from ami_cli.errors import ExitCode
from ami_cli.main import run

pytestmark = pytest.mark.wire

ENERGY, VOLTAGE, PROFILE = "1.0.1.8.0.255", "1.0.32.7.0.255", "1.0.99.1.0.255"


@pytest.mark.parametrize("kind", ["none", "lls", "hls-gmac"])
def test_values_come_in_the_order_asked(meters, secrets, objects, kind):
    client = 16 if kind == "none" else 1
    found = objects(
        "read", meters[kind], f"3:{ENERGY}", VOLTAGE, f"3:{ENERGY}:2",
        "--auth", kind, "--client", client, "--server", 1, "--secrets", secrets,
    )  # fmt: skip

    assert [(one["obis"], one["unit"]) for one in found] == [(ENERGY, "Wh"), (VOLTAGE, "V"), (ENERGY, "Wh")]
    assert all(isinstance(one["value"], str) and float(one["value"]) > 0 for one in found)
    assert set(found[0]) == {"obis", "value", "unit", "measured_at", "reading_type", "quality"}


@pytest.mark.parametrize("kind", ["none", "hls-gmac"])
def test_a_profile_is_an_object_a_column_with_both_ends_inclusive(meters, secrets, objects, kind):
    last = datetime.now().astimezone().replace(minute=0, second=0, microsecond=0)
    first = last - timedelta(hours=2)
    found = objects(
        "read", meters[kind], "--profile", PROFILE, "--from", first.isoformat(), "--to", last.isoformat(),
        "--auth", kind, "--client", 16 if kind == "none" else 1, "--secrets", secrets,
    )  # fmt: skip
    energy = next(one for one in found if one["obis"] == ENERGY)

    assert {one["profile"] for one in found} == {PROFILE}
    assert (energy["unit"], energy["period_s"], len(energy["values"])) == ("Wh", 900, 9)
    assert datetime.fromisoformat(energy["start"].replace("Z", "+00:00")) == first - timedelta(minutes=15)


def midnight():
    return datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)


def test_a_profile_over_several_days_is_still_an_object_a_column(meters, secrets, objects):
    first, last = midnight() - timedelta(days=2, hours=6), midnight() - timedelta(hours=6)
    found = objects("read", meters["none"], "--profile", PROFILE, "--from", first.isoformat(), "--to", last.isoformat())

    assert [(one["obis"], len(one["values"])) for one in found if one["obis"] == ENERGY] == [(ENERGY, 2 * 96 + 1)]
    assert {len(one["values"]) for one in found} == {2 * 96 + 1}
    assert {len(one["quality"]) for one in found} == {2 * 96 + 1}


def test_days_without_rows_are_left_out(meters, secrets, objects):
    first, last = midnight(), midnight() + timedelta(days=3)
    found = objects("read", meters["none"], "--profile", PROFILE, "--from", first.isoformat(), "--to", last.isoformat())

    assert {one["obis"] for one in found} >= {ENERGY}
    assert all(one["values"] for one in found)


def test_a_range_without_rows_says_so(meters, secrets, capsys):
    got = run(["read", meters["none"], "--profile", PROFILE, "--from", "2016-01-01T00:00:00Z",
               "--to", "2016-01-03T00:00:00Z", "--json"])  # fmt: skip
    captured = capsys.readouterr()

    assert got == ExitCode.INCOMPLETE
    assert captured.out == ""
    assert "no rows from 2016-01-01T00:00:00Z to 2016-01-03T00:00:00Z" in captured.err


@pytest.mark.parametrize("more", [["--server", "65536"], ["--server", "1/x"], ["--client", "65536"], ["--client", "0"]])
def test_an_address_no_wire_can_carry_is_refused(more, capsys):
    assert run(["read", "tcp://127.0.0.1:1", ENERGY, *more]) == ExitCode.USAGE
    assert capsys.readouterr().err.startswith("error: ")


def test_a_table_is_for_people(meters, secrets, capsys):
    assert run(["read", meters["none"], ENERGY]) == 0
    assert "Active energy import" in capsys.readouterr().out


def test_ping_names_the_meter(meters, secrets, objects):
    (found,) = objects("ping", meters["none"])

    assert found["logical_device_name"] == "AMV0000000000001"


@pytest.mark.parametrize(
    ("kind", "more", "code"),
    [
        ("none", ["1.0.99.99.99.255"], ExitCode.DATA),
        ("none", ["3:1.0.99.99.99.255"], ExitCode.DATA),
        (
            "none",
            ["--profile", ENERGY, "--from", "2026-01-01T00:00:00Z", "--to", "2026-01-02T00:00:00Z"],
            ExitCode.DATA,
        ),
        ("lls", [ENERGY, "--auth", "none", "--client", "1"], ExitCode.REFUSED),
        ("hls-gmac", [ENERGY, "--auth", "none", "--client", "1"], ExitCode.REFUSED),
    ],
)
def test_a_refusal_is_a_sentence_and_nothing_on_stdout(meters, secrets, capsys, kind, more, code):
    got = run(["read", meters[kind], *more, "--json", "--timeout", "10"])
    captured = capsys.readouterr()

    assert got == code, captured.err
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert len(captured.err.splitlines()) <= 2


def test_a_wrong_password_is_refused(meters, secrets, capsys):
    secrets.write_text(json.dumps({"password": "wrong"}))
    got = run(["read", meters["lls"], ENERGY, "--auth", "lls", "--client", "1", "--secrets", str(secrets)])
    captured = capsys.readouterr()

    assert got == ExitCode.REFUSED
    assert "wrong" not in captured.out + captured.err.replace("wrong-", "")


def test_a_wrong_key_is_refused(meters, secrets, capsys):
    secrets.write_text(json.dumps({**json.loads(secrets.read_text()), "gak": "00" * 16}))
    got = run(["read", meters["hls-gmac"], ENERGY, "--auth", "hls-gmac", "--client", "1", "--secrets", str(secrets),
               "--timeout", "10"])  # fmt: skip
    captured = capsys.readouterr()

    assert got in {ExitCode.REFUSED, ExitCode.METER}, captured.err
    assert captured.out == ""
