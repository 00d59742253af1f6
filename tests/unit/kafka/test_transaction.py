"""A transaction whose broker does not answer is given up when nothing can come of it any more."""

import threading

import pytest

from ami_kafka import clients
from ami_kafka.transaction import Rebuild, Writer

pytestmark = pytest.mark.unit


class Deaf:
    """A producer whose coordinator never answers the offsets."""

    def __init__(self):
        self.released = threading.Event()

    def begin_transaction(self):
        pass

    def flush(self, _timeout):
        return 0

    def produce(self, *_record, headers):
        raise AssertionError("there are no records")

    def send_offsets_to_transaction(self, _offsets, _membership):
        self.released.wait()


def test_offsets_are_given_up_when_their_transaction_has_timed_out(monkeypatch):
    producer = Deaf()
    monkeypatch.setattr(clients, "transactional_producer", lambda *_args, **_settings: producer)
    told = []
    writer = Writer("", "t", timeout_ms=1000, on_error=lambda _error: None, on_wait=told.append)
    try:
        with pytest.raises(Rebuild, match="did not return within 1 s") as caught:
            writer.write([], [], b"")
        assert caught.value.step == "offsets"
    finally:
        producer.released.set()
        writer.close()
    assert told == ["offsets takes long"]
