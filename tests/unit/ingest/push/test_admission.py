"""Who may push: strangers by policy, connections and octets by bounds, counted and named."""

import pytest

from ami_dlms.framing import Framing, Message
from ami_ingest.config.model import Push
from ami_ingest.push import admission as module
from ami_ingest.push.admission import Admission
from ami_ingest.push.gaps import CounterGaps

pytestmark = pytest.mark.unit

TITLE = bytes.fromhex("4d4d4d0000000001")
OTHER = bytes.fromhex("4d4d4d0000000002")
PLAIN = bytes.fromhex("0f40000000000001")
REFUSED = "pushes are refused: the inventory does not know the sender"


class Meter:
    def __init__(self, system_title=None, push_from=None):
        self.id = "meter-1"
        self.system_title = system_title
        self.push_from = push_from


def ciphered(title, counter=1, length=b"\x10"):
    return b"\xdb\x08" + title + length + b"\x30" + counter.to_bytes(4, "big") + b"c" * 11


def message(apdu):
    return Message(b"\x00" * 8 + apdu, Framing.WRAPPER, (apdu,), complete=True)


def admission(log, senders=(), **settings):
    return Admission(Push(**settings), senders, log.logger())


def test_everybody_may_push_where_the_policy_accepts(log):
    messages = [message(PLAIN), message(ciphered(TITLE))]

    assert admission(log).admitted("10.0.0.1", messages) == messages


def test_strangers_are_refused_counted_and_named_once(log):
    doors = admission(log, [Meter(TITLE), Meter(push_from="10.0.0.7")], unknown="refuse")
    stranger, known = message(ciphered(OTHER)), message(ciphered(TITLE))

    assert doors.admitted("10.0.0.1", [stranger, known, message(PLAIN)]) == [known]
    assert doors.admitted("10.0.0.1", [stranger]) == []
    assert doors.admitted("10.0.0.7", [stranger, message(PLAIN)]) == [stranger, message(PLAIN)]
    assert doors.admitted("10.0.0.2", [message(PLAIN)]) == []

    assert doors.refused_messages == 4
    assert doors.refused_octets == 2 * len(stranger.raw) + 2 * len(message(PLAIN).raw)
    said = [(entry["peer"], entry["system_title"]) for entry in log if entry["event"] == REFUSED]
    assert said == [("10.0.0.1", OTHER.hex()), ("10.0.0.2", None)]


def test_a_stranger_is_not_named_anew_because_something_else_changed(log):
    doors = admission(log, unknown="refuse")
    doors.admitted("10.0.0.1", [message(ciphered(OTHER))])
    for _ in range(3):
        doors.apply(Push(unknown="refuse"), [Meter(TITLE)])
        doors.admitted("10.0.0.1", [message(ciphered(OTHER))])
    assert log.events().count(REFUSED) == 1

    doors.apply(Push(), [Meter(TITLE)])
    doors.apply(Push(unknown="refuse"), [Meter(TITLE)])
    doors.admitted("10.0.0.1", [message(ciphered(OTHER))])
    assert log.events().count(REFUSED) == 2, "the policy was another meanwhile"


def test_a_new_inventory_lets_in_who_was_refused(log):
    doors = admission(log, unknown="refuse")
    assert doors.admitted("10.0.0.1", [message(ciphered(TITLE))]) == []

    doors.apply(Push(unknown="refuse"), [Meter(TITLE)])
    assert len(doors.admitted("10.0.0.1", [message(ciphered(TITLE))])) == 1
    doors.apply(Push(), [])
    assert len(doors.admitted("10.0.0.1", [message(PLAIN)])) == 1


def test_a_peer_beyond_its_rate_waits_as_long_as_it_is_ahead(log, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    doors = admission(log, max_bytes_per_s_per_peer=1000.0)

    assert doors.pause_for("10.0.0.1", 2000) == 0
    assert doors.pause_for("10.0.0.1", 500) == pytest.approx(0.5)
    assert doors.pause_for("10.0.0.2", 500) == 0
    now[0] += 1.0
    assert doors.pause_for("10.0.0.1", 500) == 0
    now[0] += 1000.0
    assert doors.pause_for("10.0.0.1", 2000) == 0
    assert doors.pause_for("10.0.0.1", 1) > 0
    assert admission(log).pause_for("10.0.0.1", 1 << 30) == 0


def test_a_peer_that_sends_datagrams_at_twice_its_rate_loses_half(log, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    doors = admission(log, max_bytes_per_s_per_peer=1000.0)
    taken = 0
    for _ in range(1000):
        now[0] += 0.05
        taken += doors.takes("10.0.0.1", 100)

    assert 500 <= taken <= 525, "a burst of two seconds, then every second one"
    assert admission(log).takes("10.0.0.1", 1 << 30)


def test_gaps_of_counters_are_counted_by_title():
    gaps = CounterGaps()
    gaps.note([message(ciphered(TITLE, 5)), message(ciphered(OTHER, 1)), message(PLAIN), message(b"")])
    gaps.note([message(ciphered(TITLE, 6)), message(ciphered(TITLE, 9)), message(ciphered(OTHER, 2))])
    assert gaps.missing == 2
    gaps.note(
        [message(ciphered(TITLE, 1)), message(ciphered(TITLE, 2, b"\x82\x00\x10")), message(ciphered(TITLE)[:12])]
    )
    assert gaps.missing == 2
