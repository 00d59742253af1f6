"""What of a message goes to which route."""

import json
import struct
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.obis import Pattern
from ami_normalize.meter import NO_METERS, MeterFacts, Meters
from ami_normalize.pipeline.split import MOST_OCTETS
from ami_normalize.routes import framing
from ami_normalize.routes.outputs import Routes
from ami_normalize.routes.route import Obis, Route, Selection
from ami_schemas import json_form

pytestmark = pytest.mark.unit

IMPORT, EXPORT, VOLTAGE = "1.0.1.8.0.255", "1.0.2.8.0.255", "1.0.32.7.0.255"
REGISTRY = Meters(
    [
        MeterFacts("meter-1", group="household", utility="north"),
        MeterFacts("meter-2", group="business", utility="north"),
        MeterFacts("meter-3", group="household", utility="south"),
    ]
)


def message(*codes, blocks=(), retracted=()):
    return pb.MeterReadings(
        meter=pb.Meter(id="meter-1"),
        readings=[pb.Reading(obis=code, mantissa=1) for code in codes],
        interval_blocks=[pb.IntervalBlock(obis=code, mantissas=[1, 2], period_s=900) for code in blocks],
        retracted=[pb.NaturalKey(obis=code) for code in retracted],
        provenance=pb.Provenance(offset=9),
        revision=3,
    )


def only(*patterns):
    return Obis(map(Pattern.parse, patterns))


def outputs(route, made, meter_id="meter-1", registry=REGISTRY):
    return Routes([route]).outputs(meter_id, made.SerializeToString(), registry)


def test_a_route_of_all_values_gets_the_very_same_bytes():
    serialized = message(IMPORT).SerializeToString()
    (routed,) = Routes([Route("all")]).outputs("meter-1", serialized, NO_METERS)

    assert routed.value is serialized or routed.value == serialized
    assert (routed.topic, routed.headers) == ("mdms.all.v1", ())


def test_bytes_that_nobody_has_to_understand_are_not_parsed():
    assert Routes([Route("all")]).outputs("meter-1", b"\xff", NO_METERS)[0].value == b"\xff"


def test_without_routes_there_is_nothing():
    assert not Routes().outputs("meter-1", b"\xff", NO_METERS)


@pytest.mark.parametrize(
    ("meters", "taken"),
    [
        (Selection(), {"meter-1", "meter-2", "meter-3", "meter-9"}),
        (Selection(groups=frozenset({"household"})), {"meter-1", "meter-3"}),
        (Selection(groups=frozenset({"household", "business"})), {"meter-1", "meter-2", "meter-3"}),
        (Selection(utilities=frozenset({"north"})), {"meter-1", "meter-2"}),
        (Selection(groups=frozenset({"household"}), utilities=frozenset({"north"})), {"meter-1"}),
        (Selection(ids=("meter-[12]", "other*")), {"meter-1", "meter-2"}),
        (Selection(ids=("METER-*",)), set()),
        (Selection(ids=("eter*",)), set()),
        (Selection(groups=frozenset({"household"}), ids=("*-3",)), {"meter-3"}),
    ],
)
def test_meters_are_chosen_by_group_utility_and_id(meters, taken):
    routes = Routes([Route("some", meters=meters)])
    ids = ("meter-1", "meter-2", "meter-3", "meter-9")

    for _ in range(2):  # asked again, it remembers
        assert {each for each in ids if routes.outputs(each, b"", REGISTRY)} == taken


def test_a_meter_that_changes_its_group_changes_its_routes():
    routes = Routes([Route("some", meters=Selection(groups=frozenset({"business"})))])

    assert not routes.outputs("meter-1", b"", REGISTRY)
    assert routes.outputs("meter-1", b"", Meters([MeterFacts("meter-1", group="business")]))
    assert not routes.outputs("meter-1", b"", NO_METERS)


def test_more_meters_than_it_remembers_are_chosen_right(monkeypatch):
    monkeypatch.setattr("ami_normalize.routes.outputs._MOST_METERS", 3)
    routes = Routes([Route("even", meters=Selection(ids=("*[02468]",)))])

    for _ in range(2):
        found = [number for number in range(20) if routes.outputs(f"m-{number}", b"")]
        assert found == list(range(0, 20, 2))


def test_a_choice_of_codes_keeps_the_matching_values_and_everything_about_them():
    made = message(IMPORT, VOLTAGE, EXPORT, blocks=[IMPORT, VOLTAGE], retracted=[VOLTAGE, EXPORT])
    (routed,) = outputs(Route("energy", obis=only("1-0:{1,2}.8.*.*")), made)
    kept = pb.MeterReadings.FromString(routed.value)

    assert [each.obis for each in kept.readings] == [IMPORT, EXPORT]
    assert [each.obis for each in kept.interval_blocks] == [IMPORT]
    assert [each.obis for each in kept.retracted] == [EXPORT]
    assert (kept.meter, kept.provenance, kept.revision) == (made.meter, made.provenance, 3)


def test_what_is_left_empty_is_not_sent():
    for form in ("protobuf", "json"):
        assert not outputs(Route("energy", obis=only("1-0:1.8.*.*"), format=form), message(VOLTAGE, blocks=[VOLTAGE]))


def test_a_withdrawal_alone_is_sent():
    (routed,) = outputs(Route("energy", obis=only("1-0:1.8.*.*")), message(VOLTAGE, retracted=[IMPORT]))

    assert not pb.MeterReadings.FromString(routed.value).readings


def test_a_code_that_is_none_fits_no_choice():
    assert not outputs(Route("energy", obis=only("*-*:*.*.*.*")), message("what"))


def test_json_is_the_canonical_form():
    made = message(IMPORT, VOLTAGE)
    (whole,) = outputs(Route("all", format="json"), made)
    (some,) = outputs(Route("energy", format="json", obis=only("1-0:1.8.*.*")), made)

    assert whole.value == json_form.text(made).encode()
    assert [each["obis"] for each in json.loads(some.value)["readings"]] == [IMPORT]


def test_json_that_would_be_too_long_is_cut_and_loses_nothing():
    made = message(IMPORT)
    made.interval_blocks.add(obis=IMPORT, period_s=60, mantissas=[1 << 20] * 60_000, scale=-3)
    routed = outputs(Route("all", format="json"), made)
    parts = [json.loads(each.value) for each in routed]

    assert len(made.SerializeToString()) <= MOST_OCTETS
    assert len(parts) > 1
    assert all(len(each.value) <= MOST_OCTETS for each in routed)
    assert sum(len(block["values"]) for each in parts for block in each.get("intervalBlocks", [])) == 60_000
    assert sum(len(each.get("readings", [])) for each in parts) == 1


def test_the_framing_stands_before_the_value_or_in_a_header():
    serialized = message(IMPORT).SerializeToString()
    guid = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
    before, header, of_json = (
        Routes([route]).outputs("meter-1", serialized, NO_METERS)[0]
        for route in (
            Route("a", framing=framing.prefix(258, protobuf=True)),
            Route("b", framing=framing.header(guid, protobuf=True)),
            Route("c", framing=framing.prefix(258, protobuf=False), format="json"),
        )
    )

    assert before.value == struct.pack(">bIb", 0, 258, 0) + serialized
    assert header.value == serialized
    assert header.headers == (("__value_schema_id", b"\x01" + bytes.fromhex(guid.replace("-", "")) + b"\x00"),)
    assert of_json.value[:6] == b"\x00\x00\x00\x01\x02{"


def test_each_route_gets_its_own():
    routes = Routes(
        [
            Route("all"),
            Route("json", format="json"),
            Route("energy", obis=only("1-0:1.8.*.*")),
            Route("others", meters=Selection(ids=("other",))),
        ]
    )
    found = routes.outputs("meter-1", message(IMPORT, VOLTAGE).SerializeToString(), NO_METERS)

    assert [each.topic for each in found] == ["mdms.all.v1", "mdms.json.v1", "mdms.energy.v1"]
    assert routes.topics == ("mdms.all.v1", "mdms.json.v1", "mdms.energy.v1", "mdms.others.v1")


CODES = st.lists(st.sampled_from([IMPORT, EXPORT, VOLTAGE, "1.1.1.8.0.255", "7.0.3.0.0.101"]), max_size=6)
PATTERNS = st.lists(st.sampled_from(["1-0:1.8.*.*", "1-*:{1,2}.8.0", "7-0:*.*.*.*", "1-0:32.7.0"]), min_size=1)


@given(CODES, CODES, CODES, PATTERNS)
def test_a_route_and_its_opposite_hold_every_value_once(readings, blocks, retracted, patterns):
    made = message(*readings, blocks=blocks, retracted=retracted)
    chosen = only(*patterns)

    class Others:
        def __contains__(self, code):
            return code not in chosen

    found = Counter()
    for obis in (chosen, Others()):
        for routed in outputs(Route("some", obis=obis), made):
            kept = pb.MeterReadings.FromString(routed.value)
            for kind in ("readings", "interval_blocks", "retracted"):
                found.update((kind, each.obis) for each in getattr(kept, kind))

    assert found == Counter(
        [("readings", code) for code in readings]
        + [("interval_blocks", code) for code in blocks]
        + [("retracted", code) for code in retracted]
    )
