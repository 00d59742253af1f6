"""The independent Gurux client reads our virtual meters: associations, registers, clock, and a day of the load profile.

A virtual meter's values depend on its serial number and the time only, so a second one in this process says what the
first must have said.
"""

from datetime import datetime, timedelta, timezone

import pytest

from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.obis import format_obis
from ami_simulator.meter import LOAD_PROFILE, VirtualMeter

pytestmark = pytest.mark.wire

SERIAL = 7
CLOCK = "0.0.1.0.0.255"
FRAMINGS = ("wrapper", "hdlc")
AUTHENTICATIONS = ("none", "lls", "hls-gmac")


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("auth", AUTHENTICATIONS)
def test_registers_clock_and_a_day_of_the_profile(
    virtual_meter, gurux_head_end, meter_keys_file, secrets_file, framing, auth
):
    before = _now()
    noon = before.replace(hour=12, minute=0, second=0) - timedelta(days=2)
    with virtual_meter(
        *("--listen", "127.0.0.1:0", "--framing", framing, "--auth", auth, "--keys", meter_keys_file),
        *("--serial", SERIAL),
    ) as ready:
        registers = [format_obis(each.logical_name) for each in VirtualMeter(SERIAL).registers()]
        said = gurux_head_end(
            *(ready["listening"], "--framing", framing, "--auth", auth, "--secrets", secrets_file, "--objects"),
            *(word for obis in registers for word in ("--register", obis)),
            *("--clock", CLOCK, "--profile", format_obis(LOAD_PROFILE)),
            *("--from", (noon + timedelta(minutes=15)).isoformat(), "--to", (noon + timedelta(days=1)).isoformat()),
        )
    after = _now()
    assert not [line for line in said if "error" in line], said[-1]
    association, objects, *values, clock, profile = said
    assert association["association"]["authentication"] == auth
    assert [15, "0.0.40.0.0.255"] in objects["objects"]
    assert {(3, obis) for obis in registers} <= {tuple(item) for item in objects["objects"]}

    for value, obis in zip(values, registers, strict=True):
        possible = {_register(obis, before + timedelta(seconds=s)) for s in range(int((after - before).seconds) + 1)}
        assert (value["raw"], value["scaler"], value["unit"]) in possible
    assert before <= datetime.fromisoformat(clock["time"]) <= after

    assert profile["period_s"] == 900
    assert [column[:2] for column in profile["columns"]] == [
        [8, CLOCK],
        [1, "0.0.96.10.1.255"],
        [3, "1.0.1.8.0.255"],
        [3, "1.0.2.8.0.255"],
    ]
    rows = [[datetime.fromisoformat(row[0]), *row[1:]] for row in profile["rows"]]
    assert rows == _rows(noon)


def test_hdlc_segments_and_blocks(virtual_meter, gurux_head_end):
    """Three days at once need many blocks, each in many frames."""
    noon = _now().replace(hour=12, minute=0, second=0) - timedelta(days=5)
    with virtual_meter("--listen", "127.0.0.1:0", "--framing", "hdlc", "--serial", SERIAL) as ready:
        (_, profile) = gurux_head_end(
            *(ready["listening"], "--framing", "hdlc", "--profile", format_obis(LOAD_PROFILE)),
            *("--from", (noon + timedelta(minutes=15)).isoformat(), "--to", (noon + timedelta(days=3)).isoformat()),
        )
    rows = [[datetime.fromisoformat(row[0]), *row[1:]] for row in profile["rows"]]
    assert rows == [row for day in range(3) for row in _rows(noon + timedelta(days=day))]


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("auth", ["lls", "hls-gmac"])
def test_who_has_not_the_secret_reads_nothing(
    virtual_meter, gurux_head_end, meter_keys_file, private, tmp_path, framing, auth
):
    wrong = private(tmp_path / "wrong.json", {"password": "wrong", "guek": "FF" * 16, "gak": "FF" * 16})
    with virtual_meter(
        *("--listen", "127.0.0.1:0", "--framing", framing, "--auth", auth, "--keys", meter_keys_file)
    ) as ready:
        said = gurux_head_end(
            *(ready["listening"], "--framing", framing, "--auth", auth, "--secrets", wrong),
            *("--register", "1.0.1.8.0.255"),
        )
    assert [list(line) for line in said] == [["error", "message"]]


def _now():
    return datetime.now(timezone.utc).replace(microsecond=0)


def _register(obis, instant):
    meter = VirtualMeter(SERIAL, now=lambda: instant)
    (register,) = [each for each in meter.registers() if format_obis(each.logical_name) == obis]
    scaler, unit = register.read(3).value
    return register.read(2).value, scaler.value, unit.value


def _rows(noon):
    """The 96 rows after `noon` of a day."""
    end = noon + timedelta(days=1)
    rows = list(VirtualMeter(SERIAL, now=lambda: end).load_profile())[-96:]
    return [[CosemDateTime.from_bytes(row[0].value).utc(), *(item.value for item in row[1:])] for row in rows]
