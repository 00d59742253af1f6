"""The right key at the right time: validity, overlap, and versions that only open what they must not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.apdu import DataNotification
from ami_dlms.axdr import Data, Tag, structure
from ami_dlms.security import Form, Keys, Protection, protect
from ami_keys.keystore import FileKeyStore, KeyStoreAway, NoKeyStore, Wrapped, add_kek
from ami_keys.names import key_name, version_of
from ami_normalize.keys import BEGIN, END, KeyKind, KeyRing, meter_keys, span_text
from ami_normalize.pipeline import Context, Parked, RawRecord, ReadingsOutcome, Rejected, normalize
from ami_normalize.registry.timeline import KeyVersion, WrappedTimeline
from ami_schemas.reasons import Reason

pytestmark = pytest.mark.unit

TITLE, OTHER = bytes.fromhex("414d490000000001"), bytes.fromhex("414d490000000002")
DAY = 86_400_000_000
OLD, NEW = (bytes([seed]) * 16 for seed in (1, 2))
AK, AK2 = (bytes([seed]) * 16 for seed in (3, 4))
CHANGE = 1_704_067_200_000_000  # 2024-01-01T00:00:00Z
ENERGY = structure(
    Data(Tag.OCTET_STRING, bytes((1, 0, 1, 8, 0, 255))),
    Data(Tag.UINT32, 12345),
    structure(Data(Tag.INT8, 0), Data(Tag.ENUM, 30)),
)
PUSH = DataNotification(1, b"", structure(ENERGY)).to_bytes()


@pytest.fixture
def store(tmp_path):
    add_kek(tmp_path / "kek.json", "test")
    return FileKeyStore(tmp_path / "kek.json")


def version(store, kind, key, from_us=BEGIN, until_us=END, title=TITLE):
    name = version_of(kind, key)
    return KeyVersion(kind, name, from_us, until_us, store.wrap(key, key_name(title, kind, name)))


class Timelines:
    """Timelines of one meter."""

    def __init__(self, *versions, store):
        self._timeline = WrappedTimeline(TITLE, versions, store)

    def timeline(self, system_title):
        return self._timeline if system_title == TITLE else None


def changed_keys(store, **validity):
    """The encryption key changes at CHANGE, the authentication key stays."""
    return [
        version(store, KeyKind.GUEK, OLD),
        version(store, KeyKind.GUEK, NEW, **{"from_us": CHANGE, **validity}),
        version(store, KeyKind.GAK, AK),
    ]


def record(key, at_us, protection=Protection.AUTHENTICATED_ENCRYPTED, authentication=AK):
    apdu = protect(
        PUSH,
        keys=Keys(key, authentication),
        system_title=TITLE,
        invocation_counter=7,
        protection=protection,
        suite=0,
        form=Form.GENERAL_GLO,
    )
    found = {"ami-framing": b"none", "ami-exchange": b"push"}
    return RawRecord("ami.raw.v1", 0, 1, b"peer-1", apdu, found, timestamp_ms=at_us // 1000)


def outcome(record, *versions, store, **ring):
    context = replace(CONTEXT, keys=KeyRing(timelines=Timelines(*versions, store=store), **ring))
    (found,) = normalize(record, context)
    return found


CONTEXT = Context()


@pytest.mark.parametrize(
    ("key", "at_us"), [(OLD, CHANGE - 365 * DAY), (OLD, CHANGE - 1000), (NEW, CHANGE), (NEW, CHANGE + 365 * DAY)]
)
def test_the_key_in_force_opens(store, key, at_us):
    found = outcome(record(key, at_us), *changed_keys(store), store=store)

    assert isinstance(found, ReadingsOutcome)
    provenance = pb.MeterReadings.FromString(found.messages[0]).provenance
    expected = meter_keys({"guek": key.hex(), "gak": AK.hex()}, "test").version
    assert provenance.key_version == expected  # as a key file with these keys would name it


@pytest.mark.parametrize(
    "protection", [Protection.AUTHENTICATED_ENCRYPTED, Protection.ENCRYPTED, Protection.AUTHENTICATED]
)
@pytest.mark.parametrize(
    ("key", "off", "accepted"),
    [
        (OLD, 6 * DAY, True),  # the meter has not changed yet
        (NEW, -6 * DAY, True),  # it changed early
        (OLD, 8 * DAY, False),
        (NEW, -8 * DAY, False),
    ],
)
def test_another_version_is_accepted_within_the_overlap_only(store, protection, key, off, accepted):
    versions = changed_keys(store)
    if protection is Protection.ENCRYPTED:
        versions = versions[:2]  # an authentication key would demand a tag
    found = outcome(record(key, CHANGE + off, protection), *versions, store=store)

    if accepted:
        assert isinstance(found, ReadingsOutcome)
    else:
        assert isinstance(found, Rejected)
        assert found.reason is Reason.KEY_OUT_OF_VALIDITY
        assert version_of(KeyKind.GUEK, key) in found.message
        assert key.hex() not in found.message


def test_the_overlap_is_a_setting(store):
    late = record(OLD, CHANGE + 8 * DAY)

    assert isinstance(outcome(late, *changed_keys(store), store=store, overlap_us=9 * DAY), ReadingsOutcome)
    assert isinstance(outcome(late, *changed_keys(store), store=store, overlap_us=0), Rejected)


def test_a_key_that_nobody_registered_is_no_version(store):
    found = outcome(record(AK2, CHANGE + DAY), *changed_keys(store), store=store)

    assert (type(found), found.reason) == (Rejected, Reason.TAG_MISMATCH)


def test_where_no_version_was_in_force_the_record_waits_for_it(store):
    later = version(store, KeyKind.GUEK, NEW, CHANGE), version(store, KeyKind.GAK, AK)
    found = outcome(record(OLD, CHANGE - 30 * DAY), *later, store=store)

    assert (type(found), found.reason) == (Parked, Reason.KEY_MISSING)
    assert "was in force then" in found.message
    assert isinstance(outcome(record(NEW, CHANGE - DAY), *later, store=store), ReadingsOutcome)


def test_each_kind_changes_at_its_own_time(store):
    versions = [*changed_keys(store), version(store, KeyKind.GAK, AK2, CHANGE + 10 * DAY)]

    assert isinstance(outcome(record(NEW, CHANGE + 5 * DAY), *versions, store=store), ReadingsOutcome)
    changed = record(NEW, CHANGE + 15 * DAY, authentication=AK2)
    assert isinstance(outcome(changed, *versions, store=store), ReadingsOutcome)


def test_a_plain_message_after_the_last_key_is_still_a_downgrade(store):
    ended = version(store, KeyKind.GUEK, OLD, until_us=CHANGE), version(store, KeyKind.GAK, AK, until_us=CHANGE)
    plain = record(OLD, CHANGE + 30 * DAY)._replace(value=PUSH, key=f"st-{TITLE.hex()}".encode())

    assert outcome(plain, *ended, store=store).reason is Reason.DOWNGRADED


def test_a_key_wrapped_for_another_meter_opens_nothing_and_says_so(store):
    foreign = version(store, KeyKind.GUEK, OLD, title=OTHER)
    found = outcome(record(OLD, CHANGE), foreign, store=store)

    assert (type(found), found.reason) == (Parked, Reason.KEY_MISSING)
    assert "another meter" in found.message


def test_a_key_that_cannot_be_used_is_named_also_where_others_can(store, tmp_path):
    add_kek(tmp_path / "other.json", "lost")
    lost = FileKeyStore(tmp_path / "other.json")
    mixed = version(store, KeyKind.GUEK, OLD, until_us=CHANGE), version(lost, KeyKind.GUEK, NEW, CHANGE)
    found = outcome(record(NEW, CHANGE + DAY, Protection.ENCRYPTED), *mixed, store=store)

    assert (type(found), found.reason) == (Parked, Reason.KEY_MISSING)
    assert "does not hold the KEK lost" in found.message
    assert isinstance(outcome(record(OLD, CHANGE - DAY, Protection.ENCRYPTED), *mixed, store=store), ReadingsOutcome)


@given(
    st.lists(
        st.tuples(st.sampled_from([KeyKind.GUEK, KeyKind.GAK]), st.integers(0, 8), st.integers(0, 8)),
        max_size=6,
    )
)
def test_at_any_time_the_version_of_each_kind_that_began_last_is_in_force(spans):
    class Open(NoKeyStore):
        def unwrap(self, wrapped, bound_to):
            return wrapped.ciphertext

    versions = [
        KeyVersion(
            kind, f"{number:08x}", since or BEGIN, END if until == 8 else until, Wrapped("", b"", bytes([number]) * 16)
        )
        for number, (kind, since, until) in enumerate(spans)
        if since < until
    ]
    timeline = WrappedTimeline(TITLE, versions, Open())
    for now in (-1, *range(10)):
        in_force = {}
        for one in sorted(versions, key=lambda one: (one.from_us, one.version)):
            if one.from_us <= now < one.until_us:
                in_force[one.kind] = one
        found = timeline.at(now)
        if KeyKind.GUEK not in in_force:
            assert found is None
        else:
            assert found.keys.encryption == in_force[KeyKind.GUEK].wrapped.ciphertext
            gak = in_force.get(KeyKind.GAK)
            assert found.keys.authentication == (gak and gak.wrapped.ciphertext)
            assert found.from_us <= now < found.until_us
        outside = list(timeline.others(now))
        assert all(one.distance(now) > 0 for one in outside)
        assert [one.distance(now) for one in outside] == sorted(one.distance(now) for one in outside)


def test_without_a_key_store_the_record_waits_and_names_the_option(store):
    ring = KeyRing(timelines=Timelines(version(store, KeyKind.GUEK, OLD), store=NoKeyStore()))
    (found,) = normalize(record(OLD, CHANGE), replace(CONTEXT, keys=ring))

    assert (type(found), found.reason) == (Parked, Reason.KEY_MISSING)
    assert "--kek" in found.message


def test_a_key_store_that_is_away_is_no_outcome(store):
    class Away(NoKeyStore):
        def unwrap(self, wrapped, bound_to):
            raise KeyStoreAway("the module does not answer")

    ring = KeyRing(timelines=Timelines(version(store, KeyKind.GUEK, OLD), store=Away()))
    with pytest.raises(OSError, match="does not answer"):
        normalize(record(OLD, CHANGE), replace(CONTEXT, keys=ring))


def test_the_registry_comes_before_the_file(store):
    own = meter_keys({"guek": NEW.hex()}, "test")
    ring = KeyRing({TITLE: own, OTHER: own}, timelines=Timelines(version(store, KeyKind.GUEK, OLD), store=store))

    assert ring.find(TITLE).keys.encryption == OLD
    assert ring.find(OTHER).keys.encryption == NEW
    assert ring.find(None) is None
    assert ring.find(bytes(8)) is None


def test_what_was_looked_up_is_forgotten_where_it_changed(store):
    first = Timelines(version(store, KeyKind.GUEK, OLD), store=store)
    second = Timelines(version(store, KeyKind.GUEK, NEW), store=store)
    ring = KeyRing(timelines=first)
    old = ring.find(TITLE)

    assert ring.renewed(timelines=second, changed=[OTHER]).find(TITLE) is old
    assert ring.renewed(timelines=second, changed=[TITLE]).find(TITLE).keys.encryption == NEW
    assert ring.renewed(timelines=second).find(TITLE).keys.encryption == NEW
    assert ring.find(TITLE) is old


def test_no_key_shows(store):
    timelines = Timelines(*changed_keys(store), store=store)
    shown = repr(timelines.timeline(TITLE)) + repr(timelines.timeline(TITLE).at(CHANGE))

    assert NEW.hex() not in shown
    assert repr(NEW)[2:-1] not in shown


@pytest.mark.parametrize(
    ("span", "text"),
    [
        ((BEGIN, END), "always"),
        ((CHANGE, END), "from 2024-01-01T00:00:00Z"),
        ((BEGIN, CHANGE), "until 2024-01-01T00:00:00Z"),
        ((CHANGE, CHANGE + DAY), "from 2024-01-01T00:00:00Z until 2024-01-02T00:00:00Z"),
    ],
)
def test_a_span_in_words(span, text):
    assert span_text(*span) == text
