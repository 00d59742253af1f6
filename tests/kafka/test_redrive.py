"""Parked records become readings by themselves when what they wait for comes, once, while live records go on."""

import json
import signal
import threading
from collections import Counter

import pytest
from structlog.testing import capture_logs
from support.kafka_reader import headers, read_all
from support.processes import start, stop, until
from support.pushes import HEADERS, TITLE, energy, key_file, sealed

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_cli.main import run as ami
from ami_kafka import clients, topics
from ami_kafka.broker import LocalBroker
from ami_kafka.errors import KafkaRoomError
from ami_kafka.loop import EventKind
from ami_kafka.offsets import bounds
from ami_kafka.transaction import Aborted, Writer
from ami_normalize.stream.redrive import RedrivePolicy
from ami_normalize.stream.run import run
from ami_normalize.stream.settings import Settings
from ami_schemas import topics as names

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

UNKNOWN = bytes.fromhex("0f00000001000202" + "0600000001" + "0600000002")
TITLE_KEY = f"st-{TITLE.hex()}".encode()
LAYOUT = [{"type": "number", "obis": f"1.0.{group}.8.0.255", "unit": "Wh"} for group in (1, 2)]
MAPPING = json.dumps([{"name": "new-maker", "layouts": [{"name": "two energies", "columns": LAYOUT}]}])


@pytest.fixture
def bootstrap(tmp_path, require):
    """A Kafka of the test's own, with the topics under their real names, empty."""
    try:
        with LocalBroker(tmp_path / "kafka") as broker:
            topics.apply(broker.bootstrap)
            yield broker.bootstrap
    except KafkaRoomError as error:
        require(f"no real Kafka: {error}")


class Normalizer:
    """A normalizer in a thread of this process."""

    def __init__(self, bootstrap, **settings):
        self.stop = threading.Event()
        self.events = []
        self._thread = threading.Thread(
            target=run, args=(Settings(bootstrap, **settings), self.stop, self.events.append)
        )

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self._thread.join()


def send(bootstrap, values, key=b"meter-1", partition=3):
    producer = clients.producer(bootstrap)
    for value in values:
        producer.produce(names.RAW, value, key, partition, headers=list(HEADERS))
    assert producer.flush(30) == 0


def waiting(bootstrap):
    """Sources parked, less those that a marker resolved."""
    found = set()
    for record in read_all(bootstrap, names.PARKED):
        told = headers(record)
        if "ami-resolves" in told:
            assert record.value() is None
            assert "ami-source" not in told
            found.discard(told["ami-resolves"])
        else:
            assert "ami-attempt" not in told
            found.add(told["ami-source"])
    return found


def readings(bootstrap):
    """How often each source has readings, and those that a redrive made."""
    found, redriven = Counter(), {}
    for record in read_all(bootstrap, names.READINGS):
        told = headers(record)
        found[told["ami-source"]] += 1
        if "ami-attempt" in told:
            assert told["ami-attempt"] == b"1"
            redriven[told["ami-source"]] = pb.MeterReadings.FromString(record.value())
    return found, redriven


def source(offset, partition=3):
    return f"{names.RAW}/{partition}/{offset}".encode()


def test_a_new_maker_is_added_while_running_and_what_was_parked_comes_out_under_its_source(bootstrap, tmp_path):
    path = tmp_path / "mapping.json"
    with capture_logs(), Normalizer(bootstrap, mappings=(path,)):
        send(bootstrap, [UNKNOWN] * 1200)
        send(bootstrap, [UNKNOWN] * 20, b"meter-2", 5)
        until(lambda: len(waiting(bootstrap)) == 1220, "all are parked")
        path.write_text(MAPPING)
        for _ in range(10):  # live traffic goes on meanwhile
            send(bootstrap, [energy(1)] * 10, b"meter-9", 3)
        until(lambda: not waiting(bootstrap), "nothing waits any more")
    found, redriven = readings(bootstrap)
    assert set(found.values()) == {1}
    assert len(found) == 1320
    assert set(redriven) == {*(source(n) for n in range(1200)), *(source(n, 5) for n in range(20))}
    values = [(each.obis, each.mantissa) for each in redriven[source(7)].readings]
    assert values == [("1.0.1.8.0.255", 1), ("1.0.2.8.0.255", 2)]
    assert (redriven[source(7)].provenance.offset, redriven[source(7)].provenance.dialect) == (7, "new-maker")
    markers = [headers(each) for each in read_all(bootstrap, names.PARKED) if "ami-resolves" in headers(each)]
    assert {(told["ami-outcome"], told["ami-attempt"]) for told in markers} == {(b"readings", b"1")}


def test_a_key_that_comes_later_opens_what_was_parked_and_its_counters_are_seen(bootstrap, tmp_path):
    keys = key_file(tmp_path / "keys.json")
    with capture_logs(), Normalizer(bootstrap, keys=keys):
        send(bootstrap, [sealed(counter) for counter in (1, 2, 3)], TITLE_KEY)
        until(lambda: len(waiting(bootstrap)) == 3, "all are parked")
        key_file(keys, TITLE)
        until(lambda: not waiting(bootstrap), "nothing waits any more")
        send(bootstrap, [sealed(2), sealed(2, value=9)], TITLE_KEY)
        until(lambda: read_all(bootstrap, names.DEAD_LETTERS), "the reused counter is a dead letter")
    found, redriven = readings(bootstrap)
    assert found == Counter(source(n) for n in (0, 1, 2, 3))
    assert set(redriven) == {source(n) for n in (0, 1, 2)}
    (letter,) = read_all(bootstrap, names.DEAD_LETTERS)
    assert headers(letter)["dlq.reason"] == b"COUNTER_REUSED"


def test_killed_in_the_middle_of_a_redrive_each_is_redriven_once(bootstrap, tmp_path):
    """The mapping changed while nobody ran; each normalizer is killed after a part of the work."""
    count, path, log = 20_000, tmp_path / "mapping.json", tmp_path / "normalize.log"
    with capture_logs(), Normalizer(bootstrap, mappings=(path,)):
        send(bootstrap, [UNKNOWN] * count)
        until(lambda: len(waiting(bootstrap)) == count, "all are parked")
    path.write_text(MAPPING)
    admin = clients.admin(bootstrap)
    for _ in range(3):
        process = start("normalize", "--bootstrap", bootstrap, "--mapping", path, log=log)
        before = bounds(admin, names.PARKED, [3])[3].high
        until(lambda: bounds(admin, names.PARKED, [3])[3].high > before, "markers", process=process, log=log)  # noqa: B023
        process.send_signal(signal.SIGKILL)
        process.wait()
    left = len(waiting(bootstrap))
    process = start("normalize", "--bootstrap", bootstrap, "--mapping", path, log=log)
    try:
        until(lambda: not waiting(bootstrap), "nothing waits any more", process=process, log=log)
    finally:
        stop(process)
    found, redriven = readings(bootstrap)
    assert found == Counter(source(n) for n in range(count))
    assert set(redriven) == set(found)
    assert 0 < left < count, "the kills came too late, or too early, to show anything"


def test_a_dead_letter_of_a_wrong_key_is_tried_again_when_the_key_is_corrected(bootstrap, tmp_path):
    keys, wrong = tmp_path / "keys.json", {TITLE.hex(): {"guek": "00" * 16, "gak": "11" * 16}}
    keys.write_text(json.dumps(wrong))
    keys.chmod(0o600)
    with capture_logs(), Normalizer(bootstrap, keys=keys):
        damaged = bytearray(sealed(3))
        damaged[-1] ^= 1
        send(bootstrap, [sealed(1), sealed(2), bytes(damaged)], TITLE_KEY)
        until(lambda: len(read_all(bootstrap, names.DEAD_LETTERS)) == 3, "all are dead letters")
        key_file(keys, TITLE)
        until(lambda: len(readings(bootstrap)[1]) == 2, "the right ones are readings")
    found, redriven = readings(bootstrap)
    assert found == Counter(source(n) for n in (0, 1))
    assert set(redriven) == set(found)
    assert len(read_all(bootstrap, names.DEAD_LETTERS)) == 3
    markers = [headers(each) for each in read_all(bootstrap, names.PARKED)]
    assert {told["ami-resolves"] for told in markers} == {source(0), source(1)}


def test_what_waited_in_vain_is_a_dead_letter_before_its_retention_ends(bootstrap):
    policy = RedrivePolicy(expire_after_s=3.0)
    with capture_logs(), Normalizer(bootstrap, redrive=policy):
        send(bootstrap, [UNKNOWN] * 3)
        until(lambda: len(read_all(bootstrap, names.DEAD_LETTERS)) == 3, "all are expired")
        until(lambda: not waiting(bootstrap), "nothing waits any more")
    for letter in read_all(bootstrap, names.DEAD_LETTERS):
        told = headers(letter)
        assert letter.value() == UNKNOWN
        assert (told["dlq.reason"], told["ami-attempt"]) == (b"PARK_EXPIRED", b"1")
        assert told["dlq.message"] == b"it waited as MAPPING_MISSING"
    markers = [headers(each) for each in read_all(bootstrap, names.PARKED) if "ami-resolves" in headers(each)]
    assert [told["ami-outcome"] for told in markers] == [b"rejected"] * 3


def request(bootstrap, letter, *more):
    """Ask for a redrive of a dead letter, as the command does."""
    at = f"{letter.topic()}/{letter.offset()}".encode()
    told = [("ami-redrive", headers(letter)["ami-source"]), ("ami-redrive-at", at), ("dlq.group", b"ami-normalize")]
    producer = clients.producer(bootstrap)
    producer.produce(names.PARKED, None, letter.key(), letter.partition(), headers=[*told, *more])
    assert producer.flush(30) == 0


def markers(bootstrap):
    found = [headers(each) for each in read_all(bootstrap, names.PARKED)]
    return [(told["ami-resolves"], told["ami-outcome"]) for told in found if "ami-resolves" in told]


def test_a_replayed_push_is_turned_down_after_its_partition_moved_and_redriven_only_where_somebody_says_so(
    bootstrap, tmp_path, capsys
):
    keys = key_file(tmp_path / "keys.json", TITLE)
    log = tmp_path / "normalize.log"
    first = start("normalize", "--bootstrap", bootstrap, "--keys", keys, log=log)
    send(bootstrap, [sealed(counter) for counter in range(5000, 5600)], TITLE_KEY)
    until(lambda: len(readings(bootstrap)[0]) == 600, "all are read", process=first, log=log)
    first.send_signal(signal.SIGKILL)
    first.wait()
    with capture_logs(), Normalizer(bootstrap, keys=keys):
        # an agent sends its last 500 again, then somebody plays an old one, and one with other content
        again = [sealed(counter) for counter in range(5100, 5600)]
        send(bootstrap, [*again, sealed(4000), sealed(5590, value=1), sealed(5600)], TITLE_KEY)
        until(lambda: len(readings(bootstrap)[0]) == 1101, "the retransmissions and the new one are read")
        letters = read_all(bootstrap, names.DEAD_LETTERS)
        assert [headers(each)["dlq.reason"] for each in letters] == [b"STALE_COUNTER", b"COUNTER_REUSED"]
        request(bootstrap, letters[0])
        until(lambda: len(markers(bootstrap)) == 1, "the request is answered")
        assert markers(bootstrap) == [(source(1100), b"rejected")]
        assert len(readings(bootstrap)[0]) == 1101
        request(bootstrap, letters[1], ("ami-accept-counter", b"1"))
        until(lambda: len(markers(bootstrap)) == 2, "the request is answered")
        assert ami(["ledger", "show", TITLE.hex(), "--bootstrap", bootstrap, "--json"]) == 0
        (shown,) = (json.loads(line) for line in capsys.readouterr().out.splitlines())
        assert (shown["highest"], shown["seen"], shown["partition"]) == (5600, 601, 3)
        assert ami(["ledger", "reset", TITLE.hex(), "--bootstrap", bootstrap, "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"asked": 1, "reset": 1}
        assert ami(["ledger", "show", TITLE.hex(), "--bootstrap", bootstrap]) == 7
        send(bootstrap, [sealed(1)], TITLE_KEY)
        until(lambda: len(readings(bootstrap)[0]) == 1103, "the meter that began again is heard")
    found, redriven = readings(bootstrap)
    assert set(redriven) == {source(1101)}
    assert set(found.values()) == {1}
    assert markers(bootstrap)[1] == (source(1101), b"readings")


def test_a_transaction_given_up_and_a_partition_that_moves_in_the_middle_of_a_redrive_double_nothing(
    bootstrap, tmp_path, monkeypatch
):
    count, path = 8000, tmp_path / "mapping.json"
    policy = RedrivePolicy(records=200)
    with capture_logs(), Normalizer(bootstrap, mappings=(path,), redrive=policy) as first:
        for partition in (2, 3, 8, 9):
            send(bootstrap, [UNKNOWN] * (count // 4), partition=partition)
        until(lambda: len(waiting(bootstrap)) == count, "all are parked")
        original, begun = Writer._flush, []

        def flush(self):
            begun.append(1)
            if len(begun) % 5 == 2:
                raise Aborted("flush", "as this test wants it")
            original(self)

        monkeypatch.setattr(Writer, "_flush", flush)
        path.write_text(MAPPING)
        until(lambda: len(waiting(bootstrap)) < count, "some are redriven")
        with Normalizer(bootstrap, mappings=(path,), redrive=policy) as second:
            until(lambda: not waiting(bootstrap), "nothing waits any more")
            until(lambda: EventKind.ASSIGNED in kinds(second), "partitions moved")
    assert EventKind.ABORTED in {*kinds(first), *kinds(second)}
    assert EventKind.REVOKED in kinds(first)
    found, redriven = readings(bootstrap)
    assert len(found) == count
    assert set(found.values()) == {1}
    assert set(redriven) == set(found)
    assert len(markers(bootstrap)) == count


def kinds(normalizer):
    return [event.kind for event in normalizer.events]
