"""A bad key roll-out stops the line before anything is written, says so, and goes on by itself when keys are right."""

import json
import threading
from collections import Counter

import pytest
from support.kafka_reader import headers, read_all

from ami_dlms.apdu import DataNotification
from ami_dlms.axdr import enum, int8, octets, structure, uint32
from ami_dlms.framing import wrapper
from ami_dlms.security import Keys, Protection, protect
from ami_kafka import clients, topics
from ami_kafka.loop import EventKind
from ami_normalize.stream.run import run
from ami_normalize.stream.settings import Settings
from ami_schemas import topics as names

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

FLEET = [b"AMI\0\0\0\0" + bytes((number,)) for number in range(60)]
STRANGERS = [b"AMI\1\0\0\0" + bytes((number,)) for number in range(100)]
RIGHT = Keys(bytes(16), bytes(range(16)))
PUSH = DataNotification(
    1,
    bytes.fromhex("07e80301050c0000ff000000"),
    structure(structure(octets(bytes((1, 0, 1, 8, 0, 255))), uint32(12345), structure(int8(0), enum(30)))),
).to_bytes()


def write_keys(path, bad=()):
    """Write the key file as a roll-out does; the keys of `bad` are wrong."""
    entry = {"guek": RIGHT.encryption.hex(), "gak": RIGHT.authentication.hex()}
    wrong = {"guek": "ff" * 16, "gak": "ee" * 16}
    content = {title.hex(): wrong if title in bad else entry for title in (*FLEET, *STRANGERS)}
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(content))
    fresh.chmod(0o600)
    fresh.rename(path)


class Line:
    """A normalizer in a thread, and what it says."""

    def __init__(self, bootstrap, keys):
        self.bootstrap = bootstrap
        self.events = []
        self.counter = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=run, args=(Settings(bootstrap, keys=keys), self._stop, self.events.append)
        )
        self._producer = clients.producer(bootstrap)

    def send(self, titles, *, noise=False):
        """Push once from each meter; noise is ciphered with a key nobody has."""
        self.counter += 1
        for title in titles:
            keys = Keys(b"n" * 16, b"o" * 16) if noise else RIGHT
            sealed = protect(
                PUSH,
                keys=keys,
                system_title=title,
                invocation_counter=self.counter,
                protection=Protection.AUTHENTICATED_ENCRYPTED,
                suite=0,
            )
            told = [("ami-framing", b"wrapper"), ("ami-exchange", b"push"), ("ce_time", b"2024-03-01T12:00:00.000000Z")]
            self._producer.produce(names.RAW, wrapper.encode(sealed, 1, 16), f"st-{title.hex()}".encode(), headers=told)
        assert self._producer.flush(30) == 0

    def consumed(self):
        return sum(event.fields["records"] for event in self.events if event.kind is EventKind.COMMITTED)

    def held(self):
        held = [event for event in self.events if event.kind is EventKind.HELD]
        return [event.sentence for event in held if event.fields["cause"] == "breaker"]

    def reasons(self):
        return Counter(headers(record)["dlq.reason"] for record in read_all(self.bootstrap, names.DEAD_LETTERS))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


def test_a_bad_roll_out_opens_it_and_noise_does_not(own_kafka, tmp_path, wait_until):
    topics.apply(own_kafka)
    keys = tmp_path / "keys.json"
    write_keys(keys)
    with Line(own_kafka, keys) as line:
        line.send(FLEET)
        wait_until(lambda: line.consumed() == 60, 60)

        line.send(STRANGERS, noise=True)
        line.send(FLEET)
        wait_until(lambda: line.consumed() == 220, 60)
        assert line.reasons() == {b"TAG_MISMATCH": 100}
        assert line.held() == []

        write_keys(keys, bad=FLEET[::3])
        line.send(FLEET)
        wait_until(line.held, 60)
        assert "cannot be opened any more; correct the keys" in line.held()[0]
        sent_to_dead_letters = line.reasons()[b"TAG_MISMATCH"] - 100
        assert sent_to_dead_letters < 10, "fewer than the meters it takes to open it"
        line.send(FLEET)
        held = len(line.held())
        wait_until(lambda: len(line.held()) >= held + 3, 60)
        assert line.reasons()[b"TAG_MISMATCH"] - 100 == sent_to_dead_letters

        write_keys(keys)
        wait_until(lambda: line.consumed() == 340, 60)
        # the dead letters of the wrong keys become readings too, now that the right ones are there
        wait_until(lambda: len(read_all(own_kafka, names.READINGS)) == 240, 60)
    assert line.reasons()[b"TAG_MISMATCH"] - 100 == sent_to_dead_letters
