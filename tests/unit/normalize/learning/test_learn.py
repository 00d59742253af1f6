"""Layouts are learnt from what meters' values do; what nothing tells stays unknown."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.households import Number, Text, date_time, records, states
from support.layouts import ALPINE, CURRENTS, ENERGIES, NORDIC, ONE_PHASE, POWERS, TARIFFS, VOLTAGES
from support.mutations import damaged

from ami_dlms.apdu import DataNotification
from ami_dlms.axdr import NULL, Data, Tag, structure
from ami_normalize.dialects import Dialects
from ami_normalize.learning.proposal import SURE, as_mapping, learn
from ami_normalize.learning.samples import samples
from ami_normalize.mapping.check import check
from ami_normalize.offline import to_record, with_keys
from ami_normalize.pipeline import Context, Parked, RawRecord, ReadingsOutcome, normalize, understand

pytestmark = pytest.mark.unit

CONTEXT = Context()


def fleet(meters=6, sunny=2, days=2, every_s=900, first=0, **more):
    return [(first + n, states(first + n, days=days, every_s=every_s, sun=n < sunny, **more)) for n in range(meters)]


def learnt(layout, homes, maker="", **more):
    """The raw records and the one proposal learnt of them."""
    raw = records(layout, homes, maker, **more)
    (proposal,) = learn(samples(raw, CONTEXT))
    assert len(proposal.table.samples) == len(raw)
    return raw, proposal


def said(proposal):
    """What each place is taken for: code, unit and scaler, nothing where it is not sure."""
    return [
        (place.finding.obis, place.finding.unit, place.finding.scaler)
        if place.finding.obis and place.finding.confidence >= SURE
        else ("", None, 0)
        for place in proposal.places
    ]


def due(layout):
    return [(place.obis, place.unit, place.scaler) if place.obis else ("", None, 0) for place in layout]


LAYOUTS = {
    "nordic": (NORDIC, {"maker": "ABC", "header": date_time, "tagged": True}, {}),
    "nordic, hourly": (NORDIC, {"maker": "ABC", "header": date_time}, {"every_s": 3600, "days": 4}),
    "nordic, without titles and keys": (NORDIC, {"by_meter": False}, {}),
    "alpine": (ALPINE, {"maker": "ABC"}, {}),
    "one phase": (ONE_PHASE, {"maker": "MYM", "header": date_time}, {"phases": 1}),
    "tariffs": (TARIFFS, {}, {}),
    "no counters": (POWERS + CURRENTS + VOLTAGES, {"header": date_time}, {}),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_column_is_learnt_and_the_mapping_then_decodes_the_messages(name, tmp_path):
    layout, sent, lived = LAYOUTS[name]
    raw, proposal = learnt(layout, fleet(**lived), **sent)
    assert said(proposal) == due(layout)

    text = json.dumps(as_mapping([proposal]))
    assert check(text.encode()).problems == ()
    path = tmp_path / "mapping.json"
    path.write_text(text)
    context = replace(CONTEXT, dialects=Dialects.load(path), unidentified="accept")
    codes = {place.obis for place in layout if place.obis}
    for record in raw[:: len(raw) // 20]:
        assert isinstance(normalize(record, CONTEXT)[0], Parked)
        (outcome,) = normalize(record, context)
        assert isinstance(outcome, ReadingsOutcome)
        (part,) = understand(record, context).parts
        assert part.statement.dialect == proposal.name
        assert {reading.obis for reading in part.statement.readings} >= codes - {"0.0.1.0.0.255"}


def test_the_parts_of_a_clock_are_found(tmp_path):
    raw, proposal = learnt(ALPINE, fleet(), "ABC")
    path = tmp_path / "mapping.json"
    path.write_text(json.dumps(as_mapping([proposal])))
    context = replace(CONTEXT, dialects=Dialects.load(path))
    (part,) = understand(raw[0], context).parts
    stamp = raw[0].headers["ce_time"].decode()
    assert part.statement.meter_time.local.isoformat()[:16] == stamp[:16]


@pytest.mark.parametrize("seed", range(100, 109))
def test_what_is_not_sure_is_not_said_and_what_is_said_is_right(seed):
    """Many fleets, some too small or too dull to learn from: no column is taken for what it is not."""
    names = list(LAYOUTS)
    layout, sent, lived = LAYOUTS[names[seed % len(names)]]
    meters = (1, 3, 6)[seed % 3]
    homes = fleet(meters, seed % (meters + 1), **{"days": 1 + seed % 3, **lived}, first=seed)
    _, proposal = learnt(layout, homes, **sent)
    for found, right in zip(said(proposal), due(layout), strict=True):
        assert found in {right, ("", None, 0)}


def test_export_that_no_meter_has_stays_unknown_but_is_named_as_a_candidate():
    _, proposal = learnt(NORDIC, fleet(sunny=0), "ABC", header=date_time)
    by_code = dict(zip([place.obis for place in NORDIC], proposal.places, strict=True))
    for code in ("1.0.2.7.0.255", "1.0.2.8.0.255"):
        found = by_code[code].finding
        assert (found.obis, found.confidence < SURE) == (code, True)
        assert "always 0" in found.reason
        assert "obis" not in by_code[code].as_column(SURE)
    assert by_code["1.0.1.8.0.255"].finding.confidence >= SURE


def test_a_counter_alone_may_count_water():
    layout = [Text("0.0.96.1.0.255", lambda state: state.serial), ENERGIES[0]]
    _, proposal = learnt(layout, fleet())
    found = proposal.places[1].finding
    assert found.confidence < SURE
    assert "nothing in the message shows that it counts electricity" in found.reason


def test_noise_and_a_single_message_teach_nothing_of_numbers():
    noise = [Number("", None, 0, lambda state, n=n: (state.random * (2 * n + 1)) % 65536) for n in range(12)]
    _, proposal = learnt(noise, fleet(), header=date_time)
    assert said(proposal) == due(noise)
    _, proposal = learnt(NORDIC, [(0, list(states(0, days=1, every_s=3600))[:1])], "ABC", header=date_time)
    assert {code for code, *_ in said(proposal)} == {"", "0.0.1.0.0.255"}


def test_heavy_users_are_not_taken_for_tenths():
    heavy = [
        Number(place.obis, place.unit, place.scaler, lambda state, p=place: 30 * p.value(state))
        if isinstance(place, Number) and place.unit != "V"
        else place
        for place in NORDIC[1:]
    ]
    _, proposal = learnt(heavy, fleet(), "ABC", header=date_time)
    assert said(proposal)[2:] == due(heavy)[2:]


def test_messages_of_one_layout_that_lack_phases_are_learnt_together(tmp_path):
    def of_phase(place, phase, name):
        def value(state):
            values = getattr(state, name)
            return values[phase] if phase < len(values) else None

        return Number(place.obis, place.unit, place.scaler, value)

    currents = [of_phase(place, phase, "amperes") for phase, place in enumerate(CURRENTS)]
    voltages = [of_phase(place, phase, "volts") for phase, place in enumerate(VOLTAGES)]
    layout = [*NORDIC[:7], *currents, *voltages, *NORDIC[13:]]
    homes = [*fleet(3, sunny=1), *fleet(3, sunny=1, first=10, phases=1)]
    raw, proposal = learnt(layout, homes, "ABC", header=date_time)
    assert len(proposal.table.fingerprints) == 2
    assert said(proposal) == due(layout)
    assert proposal.as_dialect()["nulls"] == "absent"
    path = tmp_path / "mapping.json"
    path.write_text(json.dumps(as_mapping([proposal])))
    context = replace(CONTEXT, dialects=Dialects.load(path))
    counts = {len(understand(record, context).parts[0].statement.readings) for record in raw}
    assert counts == {len(layout), len(layout) - 4}


def test_layouts_and_makers_are_told_apart():
    raw = records(NORDIC, fleet(2), "ABC") + records(NORDIC, fleet(2), "XYZ") + records(ALPINE, fleet(2), "ABC")
    found = learn(samples(raw, CONTEXT))
    assert sorted(proposal.table.maker for proposal in found) == ["ABC", "ABC", "XYZ"]
    assert len({proposal.name for proposal in found}) == 3
    others = [
        *records([Text("", lambda _: "AAA_1"), ENERGIES[0]], fleet(2)),
        *records([Text("", lambda _: "BBB_1"), ENERGIES[0]], fleet(2)),
    ]
    assert [place[0].starts for place in (p.places for p in learn(samples(others, CONTEXT)))] == ["AAA_", "BBB_"]


def test_a_deviation_with_the_wrong_sign_is_noticed():
    def local(minutes):
        """An hour ahead of UTC, with this deviation stated."""
        octets = (minutes & 0xFFFF).to_bytes(2, "big")
        return lambda state: date_time(_later(state), octets)

    _, wrong = learnt(NORDIC, fleet(), "ABC", header=local(60))
    _, right = learnt(NORDIC, fleet(), "ABC", header=local(-60))
    assert wrong.as_dialect()["time"] == {"deviation_inverted": True}
    assert "time" not in right.as_dialect()


def _later(state):
    return type(state)(**{**vars(state), "at": state.at + timedelta(hours=1)})


def test_what_a_mapping_explains_already_is_not_learnt_again(tmp_path):
    raw, proposal = learnt(NORDIC, fleet(), "ABC", header=date_time)
    path = tmp_path / "mapping.json"
    path.write_text(json.dumps(as_mapping([proposal])))
    context = replace(CONTEXT, dialects=Dialects.load(path))
    assert list(samples(raw, context)) == []


def test_a_body_that_is_no_list_is_counted_and_gets_no_entry():
    raw = records(NORDIC, fleet(1))[:3]
    own = b"\x0f" + bytes(5) + b"\x09\x04\x01\x02\x03\x04"
    (proposal,) = learn(samples([record._replace(value=own) for record in raw], CONTEXT))
    assert (len(proposal.table.samples), proposal.places, as_mapping([proposal])) == (3, (), [])


def test_an_empty_string_in_the_place_of_a_number_is_a_null():
    class Empty(Number):
        def item(self, state):
            found = super().item(state)
            return Data(Tag.OCTET_STRING, b"") if found == NULL else found

    layout = [
        Empty(place.obis, place.unit, place.scaler, lambda s, p=place: p.value(s) or None)
        if place.obis == "1.0.2.7.0.255"
        else place
        for place in NORDIC
    ]
    _, proposal = learnt(layout, fleet(), "ABC", header=date_time)
    assert said(proposal) == due(layout)


def test_damaged_and_odd_messages_teach_nothing_and_break_nothing(corpus):
    found = []
    for message in damaged(corpus, 3_000, seed=9):
        own = with_keys(message["keys"], Context(lenient=True))
        found += samples([to_record(message)], own)
    assert len(found) > 100
    proposals = learn(found)
    assert sum(len(proposal.table.samples) for proposal in proposals) == len(found)
    assert check(json.dumps(as_mapping(proposals, 0.0)).encode()).problems == ()


ODD = st.one_of(
    st.just(NULL),
    st.sampled_from([float("nan"), float("inf"), -0.0, 3.4e38]).map(lambda value: Data(Tag.FLOAT64, value)),
    st.integers(-(1 << 63), (1 << 63) - 1).map(lambda value: Data(Tag.INT64, value)),
    st.integers(0, (1 << 64) - 1).map(lambda value: Data(Tag.UINT64, value)),
    st.binary(max_size=13).map(lambda value: Data(Tag.OCTET_STRING, value)),
    st.sampled_from(["", "A", "\x1b[2J", "äöü"]).map(lambda value: Data(Tag.VISIBLE_STRING, value)),
    st.booleans().map(lambda value: Data(Tag.BOOLEAN, value)),
    st.integers(0, 255).map(lambda value: Data(Tag.ENUM, value)),
)


@settings(max_examples=60)
@given(st.lists(st.lists(ODD, min_size=3, max_size=3), min_size=1, max_size=24), st.booleans())
def test_values_of_any_kind_end_in_a_proposal(rows, timed):
    raw = [
        RawRecord(
            "t", 0, number, b"m-%d" % (number % 3),
            DataNotification(1, b"", structure(*row)).to_bytes(),
            {"ami-framing": b"none", "ami-exchange": b"push"}, 1_780_000_000_000 + 900_000 * number if timed else 0,
        )
        for number, row in enumerate(rows)
    ]  # fmt: skip
    found = list(samples(raw, CONTEXT))
    proposals = learn(found)
    assert sum(len(proposal.table.samples) for proposal in proposals) == len(found)
    assert all(0 <= place.finding.confidence <= 1 for proposal in proposals for place in proposal.places)
    assert check(json.dumps(as_mapping(proposals, 0.0)).encode()).problems == ()


class Stated(Number):
    """Scaler and unit of the number before."""

    def __init__(self, scaler, unit):
        super().__init__("", None, 0, None)
        self.stated = structure(Data(Tag.INT8, scaler), Data(Tag.ENUM, unit))

    def item(self, _):
        return self.stated


def test_a_unit_that_the_message_states_is_held_against_what_values_say():
    volt, degree = 35, 9
    layout = [*VOLTAGES[:1], Stated(-1, volt)]
    _, agreed = learnt(layout, fleet(), header=date_time)
    assert said(agreed)[0] == ("1.0.32.7.0.255", "V", -1)
    _, denied = learnt([*VOLTAGES[:1], Stated(-1, degree)], fleet(), header=date_time)
    assert said(denied)[0] == ("", None, 0)
    assert "the message states the unit degC" in denied.places[0].finding.reason
