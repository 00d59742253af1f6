"""What a consumer would hold otherwise: added, removed, changed, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_normalize.replay.differences import Stated, differences, unchanged
from ami_normalize.replay.values import consume, present

pytestmark = pytest.mark.unit

T0 = 1_700_000_000_000_000
HOUR = 3_600_000_000
ENERGY = "1.0.1.8.0.255"
PROFILE = "1.0.99.1.0.255"


def reading(obis=ENERGY, at=T0, **more):
    value = {} if {"text", "real", "boolean", "octets"} & set(more) else {"mantissa": 100}
    return pb.Reading(obis=obis, measured_at_us=at, **{**value, "unit": 30, "time_origin": 1, **more})


def block(first=T0, **more):
    return pb.IntervalBlock(
        obis=ENERGY, profile_obis=PROFILE, unit=30, period_s=3600, first_interval_end_us=first, **more
    )


def record(*parts, received=T0, revision=0, retracted=(), decoder="1"):
    return pb.MeterReadings(
        meter=pb.Meter(id="m", manufacturer="KFM"),
        time=pb.MessageTime(received_us=received),
        readings=[part for part in parts if isinstance(part, pb.Reading)],
        interval_blocks=[part for part in parts if isinstance(part, pb.IntervalBlock)],
        revision=revision,
        retracted=retracted,
        provenance=pb.Provenance(decoder=decoder),
    )


def stated(records):
    return [Stated(b"ami.raw.v1/0/%d" % n, each) for n, each in enumerate(records)]


def found(before, after):
    return [
        (each.kind.value, each.key.obis, (each.key.at_us - T0) // HOUR, each.fields)
        for each in differences("m", stated(before), stated(after))
    ]


@pytest.mark.parametrize(
    ("before", "after", "fields"),
    [
        (reading(), reading(mantissa=101), ("value",)),
        (reading(mantissa=10, scale=-1), reading(mantissa=100, scale=-2), ("value",)),
        (reading(text="1"), reading(mantissa=1), ("value",)),
        (reading(boolean=True), reading(text="1"), ("value",)),
        (reading(), reading(unit=31), ("unit",)),
        (reading(), reading(unit=31, mantissa=1), ("value", "unit")),
        (reading(), reading(quality=[pb.QUALITY_CLOCK_DOUBTFUL]), ("quality",)),
        (reading(), reading(time_origin=2), ("time",)),
    ],
)
def test_a_change_names_what_changed(before, after, fields):
    assert found([record(before)], [record(after)]) == [("changed", ENERGY, 0, fields)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (reading(), reading(reading_type="0.0.0")),
        (reading(quality=[1, 7]), reading(quality=[7, 1])),
        (block(mantissas=[10, 20], scale=-1), block(texts=["1.0", "2.0"])),
        (block(reals=[1.5, 2.0]), block(texts=["1.5", "2"])),
        (block(mantissas=[0, 20], quality=[pb.IntervalQuality(index=0, quality=[2])]),
         block(texts=["", "20"], quality=[pb.IntervalQuality(index=0, quality=[2])])),
    ],
)  # fmt: skip
def test_how_a_value_is_packed_is_no_difference(before, after):
    assert found([record(before)], [record(after, decoder="2")]) == []


def test_a_block_cut_elsewhere_is_no_difference():
    whole = [record(block(mantissas=[1, 2, 3]))]
    parts = [record(block(mantissas=[1])), record(block(first=T0 + HOUR, mantissas=[2, 3]))]

    assert found(whole, parts) == []


def test_each_interval_is_a_value():
    before, after = record(block(mantissas=[1, 2, 3])), record(block(mantissas=[1, 5, 3, 4]))

    assert found([before], [after]) == [("changed", ENERGY, 1, ("value",)), ("added", ENERGY, 3, ())]


def test_a_value_that_moved_in_time_is_changed_once():
    assert found([record(reading())], [record(reading(at=T0 + HOUR, unit=31))]) == [
        ("changed", ENERGY, 1, ("time", "unit"))
    ]


def test_another_object_is_removed_and_added():
    assert found([record(reading())], [record(reading("1.0.2.8.0.255"))]) == [
        ("removed", ENERGY, 0, ()),
        ("added", "1.0.2.8.0.255", 0, ()),
    ]


def test_values_of_different_raw_records_are_not_taken_for_moved():
    assert [kind for kind, *_ in found([record(reading()), record()], [record(), record(reading(at=T0 + HOUR))])] == [
        "removed",
        "added",
    ]


def test_a_retransmission_with_other_content_counts_once_and_the_later_wins():
    before = [record(reading(mantissa=1)), record(reading(mantissa=2), received=T0 + 1)]

    assert found(before, list(reversed(before))) == []
    assert found(before, before[:1]) == [("changed", ENERGY, 0, ("value",))]


def test_what_an_earlier_promotion_withdrew_is_not_there():
    key = pb.NaturalKey(obis=ENERGY, at_us=T0)
    before = [record(reading()), record(revision=1, retracted=[key])]

    assert found(before, []) == []
    assert found(before, [record(reading())]) == [("added", ENERGY, 0, ())]


def test_only_provenance_and_revision_may_differ_unseen():
    plain = record(reading()).SerializeToString()
    rerun = record(reading(), decoder="2", revision=4).SerializeToString()
    other = record(reading(mantissa=1)).SerializeToString()

    assert unchanged([plain, other], [other, rerun])
    assert not unchanged([plain, plain], [plain, other])
    assert not unchanged([plain], [plain, plain])


values = st.builds(
    record,
    st.builds(reading, st.sampled_from([ENERGY, "1.0.2.8.0.255"]), st.integers(T0, T0 + 3), mantissa=st.integers(0, 3)),
    received=st.integers(T0, T0 + 5),
    revision=st.integers(0, 2),
)


@given(st.lists(values, max_size=8), st.lists(values, max_size=8))
def test_the_differences_lead_from_one_state_to_the_other(before, after):
    old, new = ({key: held.content for key, held in present(consume(side)).items()} for side in (before, after))
    for each in differences("m", stated(before), stated(after)):
        if each.before:
            assert old.pop(each.before[0]) == each.before[1]
        if each.after:
            old[each.after[0]] = each.after[1]

    assert old == new


@given(st.lists(values, max_size=6), st.lists(values, max_size=6))
def test_what_is_passed_over_has_no_differences(before, after):
    if unchanged([each.SerializeToString() for each in before], [each.SerializeToString() for each in after]):
        for side in (before, after):
            for each in side:
                each.revision = 0
        assert list(differences("m", stated(before), stated(after))) == []
