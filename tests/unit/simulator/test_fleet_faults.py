"""Faults: who has them, when, and what they make of octets."""

from random import Random

import pytest

from ami_dlms.errors import FrameCheckFailed, UsageError
from ami_dlms.framing import Framing, hdlc, wrapper
from ami_simulator.fleet import Members, read
from ami_simulator.fleet.faults import FaultPlan
from ami_simulator.fleet.fleet import COUNTERS_SINCE, Fleet
from ami_simulator.fleet.spoil import frames, spoil
from ami_simulator.fleet.switchboard import Switchboard
from ami_simulator.modem import GSM_DIAGNOSTIC

pytestmark = pytest.mark.unit

FRAME = hdlc.HdlcFrame(hdlc.address(1), hdlc.address(16), hdlc.UI, bytes(range(40))).to_bytes()


def plan(*faults, meters=1000, seed=1, framing="wrapper"):
    description = read({"meters": meters, "seed": seed, "listen": {}, "framing": framing, "faults": list(faults)})
    return FaultPlan(description.faults, seed, meters, Members(description).hdlc)


def fault(kind, **options):
    (made,) = plan({"kind": kind, "meters": [0], **options}).faults
    return made


def test_shares_take_exactly_their_part_and_no_meter_twice():
    shares = [{"kind": kind, "share": 0.05} for kind in ("hang", "reject", "noise", "drop")]
    one = plan(*shares)

    assert [len(one.meters(each)) for each in one] == [50] * 4
    assert len(one.by_meter) == 200
    assert one.by_meter == plan(*shares).by_meter
    assert one.by_meter != plan(*shares, seed=2).by_meter


def test_shares_that_take_too_many_are_refused():
    with pytest.raises(UsageError, match=r"faults\[1\].share: 600 meters are wanted and 500 are free"):
        plan({"kind": "hang", "share": 0.5}, {"kind": "drop", "share": 0.6})


def test_a_wrong_check_sequence_befalls_meters_that_have_one():
    one = plan({"kind": "hang", "share": 0.2}, {"kind": "crc", "share": 0.5}, framing={"wrapper": 0.5, "hdlc": 0.5})
    crc = one.faults[1]
    members = Members(read({"meters": 1000, "listen": {}, "framing": {"wrapper": 0.5, "hdlc": 0.5}}))

    assert len(one.meters(crc)) == 250
    assert {members.framing(index) for index in one.meters(crc)} == {Framing.HDLC}
    with pytest.raises(UsageError, match="0 meters are wanted"):
        plan({"kind": "crc", "share": 0.5})


def test_faults_begin_and_end():
    one = plan({"kind": "hang", "meters": ["3-5"], "from_s": 10, "until_s": 20})

    assert [bool(one.active(4, at)) for at in (0, 9.9, 10, 19.9, 20)] == [False, False, True, True, False]
    assert not one.active(6, 15)


@pytest.mark.parametrize(("phase", "shown"), [("association", [False]), ("read", [True]), ("any", [False, True])])
def test_phases(phase, shown):
    hang = fault("hang", phase=phase)
    assert [
        associated for associated in (False, True) if not spoil(FRAME, [hang], Random(1), associated=associated).octets
    ] == shown


def test_what_becomes_of_octets():
    def spoiled(kind, **options):
        return spoil(FRAME, [fault(kind, **options)], Random(1), associated=True)

    assert spoiled("hang")[:2] == (b"", False)
    assert spoiled("drop", after=7)[:2] == (FRAME[:7], True)
    assert spoiled("drop")[:2] == (FRAME[: len(FRAME) // 2], True)
    assert spoiled("truncate", after=1000)[:2] == (FRAME[:-1], False)
    noise = spoiled("noise", octets=30)
    assert len(noise.octets) == 30
    assert noise.octets not in FRAME
    assert spoiled("noise", octets=30, in_front=True).octets == noise.octets + FRAME
    assert noise.mark == "noise"
    assert spoil(FRAME, [fault("slow")], Random(1), associated=True) == (FRAME, False, ())


def test_a_wrong_check_sequence_is_the_only_thing_wrong():
    octets = spoil(FRAME * 3, [fault("crc")], Random(1), associated=True).octets

    assert len(octets) == 3 * len(FRAME)
    for frame in frames(octets):
        assert sum(one != two for one, two in zip(frame, FRAME, strict=True)) == 1
        with pytest.raises(FrameCheckFailed):
            hdlc.decode(frame)
    half = spoil(FRAME * 100, [fault("crc", odds=0.5)], Random(1), associated=True).octets
    assert 20 < frames(half).count(FRAME) < 80


def fleet(*faults, **change):
    time = [100.0]
    tree = {"meters": 10, "clock": "2026-03-01T12:00:00Z", "listen": {}, "faults": list(faults), **change}
    return Fleet(read(tree), monotonic=lambda: time[0]), time


def condition(of, index, at):
    return of.condition(index, at, of.faults(index, at))


def test_a_clock_drifts_while_the_fault_lasts():
    one, _ = fleet(
        {"kind": "clock-drift", "meters": [1], "from_s": 100, "until_s": 4000, "offset_s": 5, "per_hour_s": 36}
    )

    def ahead(index, at):
        return condition(one, index, at).second - int(one.start + at)

    assert [ahead(1, at) for at in (0, 100, 1100, 3700, 4000)] == [0, 5, 15, 41, 0]
    assert ahead(2, 3700) == 0


def test_a_day_of_the_change_has_its_hour_twice():
    one, _ = fleet({"kind": "dst", "meters": [1], "at": "2026-10-25T00:30:00Z", "zone": "Europe/Vienna"})
    found = condition(one, 1, 0)
    meter = one.meter(1, found)
    stamps = [condition(one, 1, at) for at in (0, 3600)]

    from ami_dlms.cosem_time import CosemDateTime
    from ami_simulator.meter import stamp

    before, after = (CosemDateTime.from_bytes(stamp(each.second, each.zone)) for each in stamps)
    assert before.local() == after.local()
    assert (before.daylight_saving, after.daylight_saving) == (True, False)
    assert (after.utc() - before.utc()).total_seconds() == 3600
    assert meter.clock().deviation == -120


def test_a_weak_signal_lasts_as_long_as_its_fault():
    one, time = fleet({"kind": "weak-signal", "meters": [1], "from_s": 10, "until_s": 20, "dbm": -111})
    cells = [one.meter(index, condition(one, index, 0)).device.objects[GSM_DIAGNOSTIC] for index in (1, 2)]

    def qualities():
        return [cell.read(6).value[2].value for cell in cells]

    before = qualities()
    assert min(before) >= 12
    time[0] += 10
    assert qualities() == [1, before[1]]
    time[0] += 10
    assert qualities() == before


def test_counters_go_on_rising_in_later_runs_until_they_are_reset():
    one, time = fleet({"kind": "counter-reset", "meters": [1], "from_s": 10})
    counter = one.meter(1, condition(one, 1, 0)).counters
    first = counter.sent.next()

    assert first == int(one.start) - COUNTERS_SINCE
    time[0] += 20
    condition(one, 1, one.elapsed())
    assert (counter.sent.next(), counter.sent.next()) == (1, 2)
    assert one.meter(2, condition(one, 2, 20)).counters.sent.next() == first


def test_a_swapped_meter_is_another_one():
    one, _ = fleet({"kind": "swap", "meters": [1], "from_s": 10})
    before, after = (condition(one, 1, at) for at in (0, 10))

    assert (before.identity, after.identity) == (1, 11)
    old, new = (one.settings(1, each, ()) for each in (before, after))
    assert old.system_title != new.system_title
    assert old.keys != new.keys
    assert old.password == new.password
    assert one.meter(1, before).serial != one.meter(1, after).serial


def test_a_wrong_key_is_known_to_nobody():
    one, _ = fleet({"kind": "wrong-key", "meters": [1]})
    settings = one.settings(1, condition(one, 1, 0), ())

    assert settings.keys != one.members.keys(1)
    assert settings.password != one.members.password(1)


def test_frames_find_their_meter():
    to_three = wrapper.encode(b"\xc0\x01", 1, 3)
    one = hdlc.HdlcFrame(hdlc.address(1, 17), hdlc.address(16), hdlc.SNRM).to_bytes()
    two = hdlc.HdlcFrame(hdlc.address(1, 300), hdlc.address(16), hdlc.SNRM).to_bytes()
    stream = b"\xffjunk" + to_three + one + two + to_three
    board = Switchboard()

    found = [frame for octet in stream for frame in board.receive(bytes((octet,)))]

    assert found == Switchboard().receive(stream)
    assert [(frame.framing, frame.device) for frame in found] == [
        (Framing.WRAPPER, 3),
        (Framing.HDLC, 17),
        (Framing.HDLC, 300),
        (Framing.WRAPPER, 3),
    ]
    assert [frame.octets for frame in found] == [to_three, one, two, to_three]
