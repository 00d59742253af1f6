"""Exactly once through chaos: the real command, killed, paused, cut off; the forms of at most two minutes."""

import signal

import pytest
from support.chaos import Chaos, Plan
from support.chaos_records import Stream

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

EVERY_END = {
    ("ami.readings.v1",), ("ami.events.v1",), ("ami.dlq.v1",), ("ami.parked.v1",),
    ("ami.readings.v1", "ami.parked.v1", "markers"),
}  # fmt: skip


def test_nothing_is_lost_and_nothing_doubled(tmp_path):
    """Three brokers, three normalizers, a proxy between them; a broker and normalizers are killed in mid-stream."""
    plan = Plan(Stream(records=30_000, meters=200), seed=6, kills=3, broker_kills=1, stalls=1, cuts=2)
    with Chaos(tmp_path, plan) as chaos:
        wrong, ends = chaos.run()
    assert wrong == []
    assert {topics for topics, _reason in ends} == EVERY_END


def test_a_normalizer_paused_past_its_session_cannot_commit(tmp_path):
    """Stopped in mid-stream; woken when another has its partitions and has done its work."""
    plan = Plan(Stream(records=30_000, meters=200), nodes=1, batch=1000)
    with Chaos(tmp_path, plan) as chaos:
        chaos.give_keys()
        zombie = chaos.start()
        chaos.feed(28_000)
        chaos.until(lambda: chaos.account.ended > 1000, "the first commits")
        zombie.send_signal(signal.SIGSTOP)
        try:
            before = chaos.account.ended
            chaos.start()
            chaos.until(lambda: chaos.account.ended == 28_000, "the heir's work")
        finally:
            zombie.send_signal(signal.SIGCONT)
        assert before < 28_000
        told = {"aborted", "rebuilt", "revoked"}
        chaos.until(lambda: chaos.log(*told, path=zombie.log), "the zombie's notice")
        wrong, _ends = chaos.finish()
    assert wrong == []
