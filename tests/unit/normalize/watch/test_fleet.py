"""Records of many meters: what cannot be read is counted, what comes again says nothing new, a crash loses nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.watched import ENERGY, HOUR, METER, MINUTE, T0, Watched, block, event, readings

from ami.events.v1 import meter_events_pb2 as events_pb
from ami_normalize.watch.rules.fleet import Fleet, Record
from ami_normalize.watch.rules.policy import Policy
from ami_schemas import topics

pytestmark = pytest.mark.unit

TITLE = bytes.fromhex(METER[3:])


def rejected(reason, at_us=T0):
    return {"dlq.reason": reason.encode(), "dlq.timestamp": str(at_us // 1000).encode()}


def test_security_failures_are_told_when_they_are_too_many(watched):
    kinds = [
        watched.give(b"x", topic=topics.DEAD_LETTERS, headers=rejected("TAG_MISMATCH", T0 + number * MINUTE))
        for number in range(40)
    ]
    assert [number for number, kind in enumerate(kinds, 1) if kind] == [3, 30]
    assert watched.found[0].source == f"watch/security/{METER}/SECURITY_FAILURES/TAG_MISMATCH/2026-01-01T00:00:00Z/3"
    assert watched.found[0].system_title == TITLE


def test_what_can_only_be_an_attack_is_told_at_once(watched):
    assert watched.give(b"x", topic=topics.DEAD_LETTERS, headers=rejected("COUNTER_REUSED")) == ["SECURITY_FAILURES"]


def test_a_new_window_counts_anew(watched):
    for number in range(30):
        headers = rejected("TAG_MISMATCH", T0 + number * 13 * HOUR)
        assert watched.give(b"x", topic=topics.DEAD_LETTERS, headers=headers) == []
    assert watched.state().failures[0].total == 30


def test_other_dead_letters_make_no_state(watched):
    watched.give(b"x", topic=topics.DEAD_LETTERS, headers=rejected("FRAME_MALFORMED"))
    assert watched.table == {}


def test_a_dead_letter_belongs_to_the_meter_whose_system_title_it_has(watched):
    message = readings(T0, meter="ldn-AMI1")
    message.meter.system_title = TITLE
    watched.give(message)
    for fleet in (watched.fleet, Fleet(watched.table, Policy())):
        fleet.know(list(watched.table))
        record = Record(topics.DEAD_LETTERS, 0, 7, 0, METER.encode(), b"x", rejected("DOWNGRADED"))
        (found,) = fleet.take(record)
        assert (found.meter, found.system_title) == ("ldn-AMI1", TITLE)


@pytest.mark.parametrize("value", [None, b"", b"\xff\xff\xff", b"\x0a\x03abc"])
@pytest.mark.parametrize("topic", [topics.READINGS, topics.EVENTS])
def test_what_is_no_message_is_counted_and_left(watched, topic, value):
    assert watched.give(value, topic=topic) == []
    assert watched.table == {}
    if topic == topics.READINGS or value not in (None, b""):
        assert watched.fleet.counts["malformed"] == 1


def test_a_code_that_is_none_is_counted_and_left(watched):
    message = readings(T0, registers=[(ENERGY, 1)])
    message.readings[0].obis = "no code"
    assert watched.give(message) == []
    assert watched.fleet.counts["malformed"] == 1


def test_an_event_of_the_system_is_of_no_meter(watched):
    assert watched.give(events_pb.MeterEvents(), topic=topics.EVENTS) == []
    assert watched.table == {}


def test_a_finding_is_an_event_of_its_meter(watched):
    watched.give(readings(T0, registers=[(ENERGY, 100)]))
    watched.give(readings(T0 + HOUR, registers=[(ENERGY, 50)]))
    (found,) = watched.found
    message = events_pb.MeterEvents.FromString(found.value)
    assert (message.meter.id, message.meter.system_title) == (METER, TITLE)
    assert [(each.kind, each.obis, each.at_us) for each in message.events] == [
        ("REGISTER_BACKWARDS", ENERGY, T0 + HOUR)
    ]


def stream(numbers):
    """Records of three meters in which there is much to find."""
    records = []
    for offset, number in enumerate(numbers):
        at = T0 + offset * 20 * MINUTE
        meter = f"st-41414100000000{number % 3:02d}"
        rows = block(T0 + (offset // 3 + number % 2) * 15 * MINUTE, [number] * 2)
        message = readings(
            at, meter=meter, registers=[(ENERGY, 1000 * offset - 900 * number)], blocks=[rows],
            meter_time_us=at + (number - 20) * 9 * MINUTE,
        )  # fmt: skip
        records.append(Record(topics.READINGS, 0, offset, at // 1000, b"", message.SerializeToString(), {}))
        if number % 4 == 0:
            headers = rejected("TAG_MISMATCH", at)
            records.append(Record(topics.DEAD_LETTERS, 0, offset, at // 1000, meter.encode(), b"", headers))
        if number % 5 == 0:
            value = event(meter).SerializeToString()
            records.append(Record(topics.EVENTS, 0, offset, at // 1000, b"", value, {}))
    return records


@given(st.lists(st.integers(0, 40), min_size=5, max_size=30), st.data())
def test_what_comes_again_after_a_crash_is_found_again_under_the_same_names(numbers, data):
    """Findings are written before states, states before the record counts as read: at each step it may end."""
    records = stream(numbers)
    quiet = Watched()
    for record in records:
        quiet.take(record)
    sources = [found.source for found in quiet.found]
    assert len(set(sources)) == len(sources), "each finding has a name of its own"

    written, table, read = [], {}, 0
    while read < len(records):
        fleet = Fleet(table, Policy())
        until = data.draw(st.integers(read + 1, len(records)))
        batch = [each for record in records[read:until] for each in fleet.take(record)]
        crash = data.draw(st.sampled_from(["no", "no", "findings", "states", "some states"]))
        written += batch if crash != "findings" else batch[: len(batch) // 2]
        if crash == "findings":
            continue
        changes = list(fleet.changes().items())
        table.update(changes[: len(changes) // 2] if crash == "some states" else changes)
        if crash == "no":
            read = until
    assert {found.source for found in written} == set(sources)
    assert table == quiet.table
