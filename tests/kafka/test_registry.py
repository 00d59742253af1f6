"""The registry on a real broker: read to its end first, then followed; keys that come take effect while it runs."""

import threading
from dataclasses import replace

import pytest
import structlog
from support.kafka_reader import headers, read_all

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.apdu import DataNotification
from ami_dlms.axdr import Data, Tag, structure
from ami_dlms.security import Form, Keys, Protection, protect
from ami_kafka import clients, topics
from ami_kafka.errors import KafkaUnavailable, TopicMissing
from ami_kafka.loop import EventKind
from ami_kafka.table import Row, Table, partition_of, write
from ami_keys.keystore import FileKeyStore, NoKeyStore, add_kek
from ami_normalize.dialects import Dialects
from ami_normalize.keys import KeyKind, KeyRing
from ami_normalize.meter import MeterFacts
from ami_normalize.registry import records
from ami_normalize.registry.records import KeyName
from ami_normalize.stream.registry_reader import RegistryReader, record_of, snapshot
from ami_normalize.stream.run import run
from ami_normalize.stream.settings import Settings
from ami_schemas import topics as names

pytestmark = pytest.mark.kafka

LOG = structlog.wrap_logger(structlog.ReturnLogger())
EK, AK = bytes(range(16)), bytes(range(16, 32))
ENERGY = structure(
    Data(Tag.OCTET_STRING, bytes((1, 0, 1, 8, 0, 255))),
    Data(Tag.UINT32, 12345),
    structure(Data(Tag.INT8, 0), Data(Tag.ENUM, 30)),
)
SENT = [("ami-framing", b"none"), ("ami-exchange", b"push"), ("ce_time", b"2024-03-01T12:00:00Z")]
PUSH = DataNotification(1, b"", structure(ENERGY)).to_bytes()


@pytest.fixture(scope="module")
def bootstrap(own_kafka):
    topics.apply(own_kafka)
    return own_kafka


@pytest.fixture(scope="module")
def kek(tmp_path_factory):
    path = tmp_path_factory.mktemp("kek") / "kek.json"
    add_kek(path, "test")
    return path


@pytest.fixture(scope="module")
def store(kek):
    return FileKeyStore(kek)


def title(number):
    return b"AMI" + number.to_bytes(5, "big")


def registered(bootstrap, *made):
    write(bootstrap, names.REGISTRY, [Row(*record) for record in made])


def keys_of(number, store):
    pairs = ((KeyKind.GUEK, EK), (KeyKind.GAK, AK))
    return [records.key_record(KeyName(title(number), kind, ""), key, store)[1] for kind, key in pairs]


def push(number):
    return protect(
        PUSH,
        keys=Keys(EK, AK),
        system_title=title(number),
        invocation_counter=1,
        protection=Protection.AUTHENTICATED_ENCRYPTED,
        suite=0,
        form=Form.GENERAL_GLO,
    )


def test_what_was_written_is_read_whole_and_then_followed(bootstrap, wait_until, store):
    facts = [MeterFacts(f"whole-{number}", system_title=title(number)) for number in range(500)]
    registered(bootstrap, *map(records.meter_record, facts))
    view = snapshot(bootstrap, store)
    assert [view.by_name(one.meter_id) for one in facts] == facts

    reader = RegistryReader(bootstrap, store, LOG)
    with reader.following():
        wait_until(reader.ready.is_set, 30)
        reader.take()
        registered(bootstrap, records.meter_record(replace(facts[3], group="moved")), *keys_of(700, store))
        registered(bootstrap, records.Record(b"meter/whole-4", None))
        seen = set()

        def followed():
            later, changes = reader.take()
            seen.update(changes.titles)
            return later.by_name("whole-4") is None

        wait_until(followed, 30)
        wait_until(lambda: reader.take()[0].timeline(title(700)) is not None, 30)
    later, changes = reader.take()
    seen.update(changes.titles)
    assert seen == {title(3), title(4), title(700)}
    assert later.by_title(title(3)).group == "moved"
    assert KeyRing(timelines=later).find(title(700)).keys == Keys(EK, AK)
    assert view.by_name("whole-4") == facts[4]  # an old view stays as it was


def test_one_partition_is_read_for_one_key(bootstrap, store):
    facts = MeterFacts("single", serial="1")
    registered(bootstrap, records.meter_record(replace(facts, serial="0")), records.meter_record(facts))

    assert records.facts_of(record_of(bootstrap, b"meter/single")) == facts
    assert record_of(bootstrap, b"meter/nobody") is None
    with Table(bootstrap, names.REGISTRY, only=b"meter/single") as table:
        assert table.unread == {partition_of(b"meter/single", 12)}


def test_no_key_is_on_the_topic_in_clear(bootstrap, store):
    registered(bootstrap, *keys_of(800, store))
    with Table(bootstrap, names.REGISTRY) as table:
        rows = []
        while not table.whole:
            rows += table.rows(0.2)

    octets = b"".join(row.key + (row.value or b"") for row in rows)
    assert title(800).hex().encode() in octets
    for key in (EK, AK):
        assert key not in octets
        assert key.hex().encode() not in octets


def test_a_kafka_that_is_away_or_has_no_registry_is_one_sentence(bootstrap):
    with pytest.raises(KafkaUnavailable):
        snapshot("127.0.0.1:1", NoKeyStore())
    with pytest.raises(TopicMissing):
        Table(bootstrap, "ami.nothing.v1")


class Running:
    """A normalizer in a thread."""

    def __init__(self, settings):
        self.events = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=run, args=(settings, self._stop, self.events.append, LOG))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(60)


def ended(bootstrap, topic, key):
    return [message for message in read_all(bootstrap, topic) if key in (message.key() or b"")]


def test_nothing_is_consumed_before_the_registry_was_read_and_then_all(bootstrap, wait_until, monkeypatch):
    key = f"st-{title(950).hex()}".encode()
    open_now = threading.Event()

    def table(*arguments, **more):
        if not open_now.is_set():
            raise KafkaUnavailable.at(bootstrap, "timed out")
        return Table(*arguments, **more)

    monkeypatch.setattr("ami_kafka.followed.Table", table)
    producer = clients.producer(bootstrap)
    producer.produce(names.RAW, push(950), key, 0, headers=SENT)
    assert producer.flush(30) == 0
    with Running(Settings(bootstrap, group="held-test")) as running:
        wait_until(lambda: running.events, 30)
        assert {event.kind for event in running.events} == {EventKind.HELD}
        told = running.events[0].fields
        assert (told["cause"], "timed out" in told["error"]) == ("registry", True)
        assert not ended(bootstrap, names.PARKED, key)
        open_now.set()
        wait_until(lambda: ended(bootstrap, names.PARKED, key), 60)


def test_keys_and_meters_take_effect_while_the_normalizer_runs(bootstrap, kek, store, wait_until):
    producer = clients.producer(bootstrap)

    def send(number):
        producer.produce(names.RAW, push(number), f"st-{title(number).hex()}".encode(), 0, headers=SENT)
        assert producer.flush(30) == 0

    key = title(900).hex().encode()
    with Running(Settings(bootstrap, group="registry-test", kek=kek)):
        send(900)
        wait_until(lambda: ended(bootstrap, names.PARKED, key), 60)
        (parked,) = ended(bootstrap, names.PARKED, key)
        assert headers(parked)["dlq.reason"] == b"KEY_MISSING"
        registered(bootstrap, *keys_of(901, store), records.meter_record(MeterFacts("MP-901", system_title=title(901))))

        def read():
            send(901)
            return ended(bootstrap, names.READINGS, b"MP-901")

        wait_until(read, 60)
        message = pb.MeterReadings.FromString(read()[0].value())
        assert message.meter.system_title == title(901)
        assert message.provenance.protection == pb.PROTECTION_AUTHENTICATED_ENCRYPTED
        registered(bootstrap, *keys_of(900, store))
        wait_until(lambda: ended(bootstrap, names.READINGS, key), 60)
        (redriven,) = ended(bootstrap, names.READINGS, key)
        assert headers(redriven)["ami-source"] == headers(parked)["ami-source"]
        assert headers(redriven)["ami-attempt"] == b"1"
        wait_until(lambda: snapshot(bootstrap, store).mappings, 60)
    written = record_of(bootstrap, f"mapping/{message.provenance.mapping}".encode())
    assert records.dialects_of_record(written).in_order == Dialects.load().in_order
