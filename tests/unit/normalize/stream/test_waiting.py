"""What waits, for what, and when it is due: the index behind redrive."""

import pytest

from ami_keys.keystore import FileKeyStore, NoKeyStore, add_kek
from ami_keys.session_key import wrap_session_key
from ami_normalize.keys import KeyKind, KeyRing, meter_keys
from ami_normalize.meter import MeterFacts, Meters
from ami_normalize.pipeline import Context
from ami_normalize.registry import records
from ami_normalize.registry.packed import RegistryState
from ami_normalize.registry.records import KeyName
from ami_normalize.session_keys import SessionKeys
from ami_normalize.stream.waiting import Need, Place, Waiting, need_of, stamp_of
from ami_schemas.reasons import Reason

pytestmark = pytest.mark.unit

PARKED, DEAD = "ami.parked.v1", "ami.dlq.v1"
TITLE = bytes.fromhex("414d490000000042")
KEYS = {"guek": "00" * 16, "gak": "11" * 16}


def hear(waiting, source, at, *, reason="MAPPING_MISSING", topic=PARKED, key=b"meter-1", group=b"g", time=0, **more):
    told = {
        "ami-source": f"ami.raw.v1/3/{source}".encode(),
        "dlq.reason": reason.encode(),
        "dlq.group": group,
        "ami-fingerprint": b"abc",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    waiting.hear(Place(topic, at), key, list(told.items()), time)


def mark(waiting, source, at, attempt=1, outcome=b"readings"):
    told = {
        "ami-resolves": f"ami.raw.v1/3/{source}".encode(),
        "ami-attempt": str(attempt).encode(),
        "ami-outcome": outcome,
        "dlq.group": b"g",
    }
    waiting.hear(Place(PARKED, at), b"meter-1", list(told.items()), 0)


def check(waiting, stamp):
    for need in waiting.groups():
        waiting.check(need, stamp)


def due(waiting):
    return [entry.source for entry in waiting.next(100)]


def test_what_a_marker_names_waits_no_longer():
    waiting = Waiting("g", 100)
    for source in range(3):
        hear(waiting, source, source)
    mark(waiting, 1, 3)
    check(waiting, "then")
    check(waiting, "now")
    assert due(waiting) == [0, 2]
    assert len(waiting) == 2


def test_only_the_newest_is_tried_before_anything_is_known_to_have_changed():
    waiting = Waiting("g", 100)
    for source in range(5):
        hear(waiting, source, source)
    check(waiting, "now")
    (probe,) = waiting.next(100)
    assert probe.source == 4
    waiting.unresolved(probe)
    check(waiting, "now")
    assert due(waiting) == []


def test_a_probe_that_succeeds_makes_its_whole_group_due():
    waiting = Waiting("g", 100)
    for source in range(5):
        hear(waiting, source, source)
    hear(waiting, 9, 9, key=b"meter-2")
    check(waiting, "now")
    probe = next(entry for entry in waiting.next(100) if entry.source == 4)
    waiting.resolved(probe)
    waiting.remove(probe.source)
    assert due(waiting) == [0, 1, 2, 3, 9]


def test_a_parked_one_that_still_waits_speaks_for_its_group_and_a_dead_letter_only_for_itself():
    waiting = Waiting("g", 100)
    for source in range(3):
        hear(waiting, source, source)
        hear(waiting, 10 + source, source, topic=DEAD, reason="TAG_MISMATCH")
    check(waiting, "then")
    check(waiting, "now")
    waiting.unresolved(next(entry for entry in waiting.next(100) if entry.place.topic == PARKED))
    letters = waiting.next(100)
    assert [entry.source for entry in letters] == [10, 11, 12]
    waiting.unresolved(letters[0])
    assert due(waiting) == [11, 12]


def test_peers_do_not_speak_for_each_other():
    waiting = Waiting("g", 100)
    for source in range(2):
        hear(waiting, source, source, key=b"peer-10.0.0.1")
    check(waiting, "now")
    assert due(waiting) == [0, 1]


def test_other_dead_letters_and_other_groups_do_not_wait():
    waiting = Waiting("g", 100)
    hear(waiting, 0, 0, topic=DEAD, reason="COUNTER_REUSED")
    hear(waiting, 1, 1, group=b"other")
    assert len(waiting) == 0


def test_what_was_redriven_three_times_is_left_to_a_person():
    waiting = Waiting("g", 100)
    hear(waiting, 0, 0)
    mark(waiting, 0, 1, attempt=3, outcome=b"parked")
    check(waiting, "now")
    assert (len(waiting), due(waiting)) == (1, [])
    ask(waiting, 0, "ami.parked.v1/0", attempt=3)
    assert due(waiting) == [0]


def ask(waiting, source, at, **more):
    told = {"ami-redrive": f"ami.raw.v1/3/{source}".encode(), "ami-redrive-at": at.encode(), "dlq.group": b"g"}
    told |= {f"ami-{name.replace('_', '-')}": str(value).encode() for name, value in more.items()}
    waiting.hear(Place(PARKED, 99), b"meter-1", list(told.items()), 0)


def test_a_request_names_any_dead_letter_until_a_marker_answers_it():
    waiting = Waiting("g", 100)
    ask(waiting, 7, "ami.dlq.v1/5", accept_counter=1, attempt=1)
    (entry,) = waiting.next(100)
    assert (entry.source, entry.place, entry.attempt) == (7, Place(DEAD, 5), 1)
    assert entry.request.accept_counter
    mark(waiting, 7, 100, attempt=2, outcome=b"rejected")
    assert len(waiting) == 0


def test_a_marker_of_an_earlier_attempt_says_nothing_of_a_later_one():
    waiting = Waiting("g", 100)
    hear(waiting, 0, 0, topic=DEAD, reason="TAG_MISMATCH")
    hear(waiting, 0, 4, topic=DEAD, reason="TAG_MISMATCH", ami_attempt=b"1")
    mark(waiting, 0, 0, attempt=1, outcome=b"rejected")
    check(waiting, "now")
    (entry,) = waiting.next(100)
    assert (entry.place.offset, entry.attempt) == (4, 1)


def test_what_an_aborted_transaction_tried_is_due_again():
    waiting = Waiting("g", 100)
    hear(waiting, 0, 0)
    check(waiting, "now")
    (entry,) = waiting.next(100)
    waiting.resolved(entry)
    assert due(waiting) == []
    waiting.again([entry])
    assert due(waiting) == [0]


def test_a_record_that_was_parked_by_what_was_in_force_before_is_tried():
    waiting = Waiting("g", 100)
    hear(waiting, 0, 0)
    check(waiting, "now")
    (entry,) = waiting.next(100)
    waiting.unresolved(entry)
    hear(waiting, 1, 1)
    assert due(waiting) == []
    waiting.late(Place(PARKED, 1))
    assert due(waiting) == [1]


def test_a_record_moves_to_what_it_waits_for_next_and_is_not_tried_before_that_changes():
    waiting = Waiting("g", 100)
    hear(waiting, 0, 0, reason="KEY_MISSING")
    check(waiting, "now")
    (entry,) = waiting.next(100)
    need = Need("MAPPING_MISSING", b"abc", b"meter-1")
    waiting.moved(entry, need, "mapping-1")
    assert waiting.groups() == [need]
    check(waiting, "mapping-1")
    assert due(waiting) == []
    check(waiting, "mapping-2")
    assert due(waiting) == [0]


def test_the_index_is_bounded_and_says_so():
    waiting = Waiting("g", 2)
    for source in range(3):
        hear(waiting, source, source)
    assert (len(waiting), waiting.incomplete) == (2, True)
    ask(waiting, 7, "ami.dlq.v1/5")
    assert len(waiting) == 3


def test_the_oldest_parked_expire_first():
    waiting = Waiting("g", 100)
    for source, time in ((0, 100), (1, 200), (2, 300)):
        hear(waiting, source, source, time=time)
    hear(waiting, 9, 9, topic=DEAD, reason="TAG_MISMATCH", time=400)
    assert [entry.source for entry in waiting.older_than(300, 10)] == [0, 1]
    assert [entry.source for entry in waiting.older_than(1000, 10)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("reason", "key", "told", "subject"),
    [
        (Reason.KEY_MISSING, b"st-" + TITLE.hex().encode(), {}, TITLE),
        (Reason.KEY_MISSING, b"meter-1", {"ami-system-title": TITLE.hex().encode()}, TITLE),
        (Reason.KEY_MISSING, b"meter-1", {"ami-system-title": b"zz\xff"}, b""),
        (Reason.MAPPING_MISSING, b"meter-1", {"ami-fingerprint": b"abc"}, b"abc"),
    ],
)
def test_what_a_record_waits_for_is_in_its_headers(reason, key, told, subject):
    assert need_of(reason.value, key, told, Place(PARKED, 7)) == (reason.value, subject, key, "")


def test_records_under_session_keys_wait_for_what_wraps_them(tmp_path):
    """One that waits speaks for those that wait for the same key encryption key, and for no others."""
    waiting = Waiting("g", 100)
    for source, kek in enumerate(("new", "lost", "new")):
        add_kek(tmp_path / kek, kek) if source < 2 else None
        wrapped = wrap_session_key(bytes(16), TITLE, FileKeyStore(tmp_path / kek))
        hear(waiting, source, source, reason="KEY_MISSING", ami_session_key=wrapped)
    hear(waiting, 3, 3, reason="KEY_MISSING", ami_session_key=b"\xff")
    check(waiting, "then")
    check(waiting, "now")
    for entry in waiting.next(100):
        waiting.unresolved(entry) if entry.source in (1, 3) else None
    assert due(waiting) == [0, 2]
    told = {"ami-session-key": b"\xff"}
    assert need_of("KEY_MISSING", b"m", told, Place(PARKED, 7)).kek == ""


def test_a_stamp_changes_with_what_a_group_waits_for_and_with_nothing_else():
    ring = KeyRing({TITLE: meter_keys(KEYS, "test")})
    empty, keyed = Context(), Context(keys=ring)
    named = Context(registry=Meters([MeterFacts("m", inventory_id="meter-1", dialect="some")]))
    key, mapping = Need("KEY_MISSING", TITLE, b"meter-1"), Need("MAPPING_MISSING", b"abc", b"meter-1")
    nobody, unknown = Need("UNIDENTIFIED_METER", b"", b"peer-1@7"), Need("KEY_MISSING", b"", b"meter-1")
    assert stamp_of(key, empty, 0) == stamp_of(key, named, 1) != stamp_of(key, keyed, 0)
    assert stamp_of(mapping, empty, 0) == stamp_of(mapping, keyed, 1) != stamp_of(mapping, named, 0)
    assert stamp_of(nobody, empty, 0) != stamp_of(nobody, Context(unidentified="accept"), 0)
    assert stamp_of(unknown, empty, 0) != stamp_of(unknown, empty, 1)
    refreshed = Context(session_keys=SessionKeys(NoKeyStore()))
    assert stamp_of(key, empty, 0) != stamp_of(key, refreshed, 0)
    assert stamp_of(mapping, empty, 0) == stamp_of(mapping, refreshed, 0)


def test_a_stamp_changes_with_the_validity_of_a_key_and_with_a_key_of_another_kind(tmp_path):
    add_kek(tmp_path / "kek.json", "test")
    store, title = FileKeyStore(tmp_path / "kek.json"), bytes.fromhex("414d490000000001")

    def stamp(*keys):
        state = RegistryState(store)
        state.apply(
            records.key_record(KeyName(title, kind, ""), bytes([seed]) * 16, store, from_us=since)[1]
            for kind, seed, since in keys
        )
        context = Context(keys=KeyRing(timelines=state.view))
        return stamp_of(Need("KEY_MISSING", title, b"st-414d490000000001"), context, 0)

    guek, gbek = (KeyKind.GUEK, 1, 5_000_000), (KeyKind.GBEK, 2, 5_000_000)
    assert stamp(guek) == stamp(guek)
    assert stamp(guek) != stamp((KeyKind.GUEK, 1, 4_000_000))
    assert stamp(guek) != stamp(guek, gbek)
