"""A promotion on a real Kafka leaves no stale value at a consumer."""

import json
import threading
import time

import pytest
from confluent_kafka import TopicPartition
from support.kafka_reader import headers, read_all

from ami.events.v1 import meter_events_pb2 as events_pb
from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.framing import wrapper
from ami_kafka import clients, topics
from ami_kafka.loop import EventKind
from ami_kafka.table import Row, write
from ami_normalize.meter import MeterFacts
from ami_normalize.registry.records import meter_record
from ami_normalize.replay.diff import diff
from ami_normalize.replay.errors import LiveExpired, MappingUnknown
from ami_normalize.replay.inputs import frozen
from ami_normalize.replay.promote import Settings as PromoteSettings
from ami_normalize.replay.promote import promote
from ami_normalize.replay.run import Settings as ReplaySettings
from ami_normalize.replay.run import replay
from ami_normalize.routes.watched import RouteFile
from ami_normalize.stream.run import run
from ami_normalize.stream.settings import Settings
from ami_schemas import topics as names

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]  # many topics are made

T0 = int(time.time()) * 1000 - 3_600_000  # as recent as retention wants it


def mapping(*codes):
    columns = [{"type": "number", "obis": f"1.0.{code}.8.0.255", "unit": "Wh"} for code in codes]
    return json.dumps([{"name": "new-maker", "layouts": [{"name": "two energies", "columns": columns}]}])


class Consumer:
    """The highest (revision, received time) of each natural key, as a consumer of the live topic holds it."""

    def __init__(self, bootstrap):
        self.held = {}
        for record in sorted(read_all(bootstrap, names.READINGS), key=lambda record: record.timestamp()[1]):
            message = pb.MeterReadings.FromString(record.value())
            rank = (message.revision, message.time.received_us)
            said = [((k.obis, k.at_us), None) for k in message.retracted]
            said += [((r.obis, r.measured_at_us), r.mantissa) for r in message.readings]
            for natural, value in said:
                key = (message.meter.id, *natural)
                if rank >= self.held.get(key, (rank, None))[0]:
                    self.held[key] = (rank, value)

    @property
    def values(self):
        return {key: value for key, (_, value) in self.held.items() if value is not None}


class Plant:
    """A Kafka, a mapping file, and a normalizer that is run as far as needed."""

    def __init__(self, bootstrap, path):
        self.bootstrap = bootstrap
        self.path = path
        self.produced = 0

    def settings(self):
        return Settings(self.bootstrap, mappings=(self.path,))

    def produce(self, *pushes):
        """Pushes as (meter, second, first value, second value), keyed by an inventory id."""
        producer = clients.producer(self.bootstrap)
        for meter, second, one, two in pushes:
            apdu = bytes.fromhex("0f0000000100" + "0202") + b"".join(
                b"\x06" + value.to_bytes(4, "big") for value in (one, two)
            )
            producer.produce(
                names.RAW,
                wrapper.encode(apdu, 1, 16),
                b"meter-%d" % meter,
                meter,
                timestamp=T0 + 1000 * second,
                headers=[("ami-framing", b"wrapper"), ("ami-exchange", b"push")],
            )
        assert producer.flush(30) == 0
        return len(pushes)

    def normalize(self, count):
        stop, seen = threading.Event(), [0]

        def on_event(event):
            if event.kind is EventKind.COMMITTED:
                seen[0] += event.fields["records"]
                if seen[0] >= count:
                    stop.set()

        run(self.settings(), stop, on_event)

    def live(self, *pushes):
        self.normalize(self.produce(*pushes))

    def replay(self, name, content=None, mapping_hash=None, **more):
        if content is not None:
            self.path.write_text(content)
        context = frozen(self.settings(), LOG, mapping_hash)
        assert replay(ReplaySettings(self.bootstrap, name, **more), context, threading.Event()).complete

    def promote(self, name, **more):
        return promote(PromoteSettings(self.bootstrap, name, **{"settle_s": 0.0, **more}))


class LOG:
    """Nobody listens."""

    info = warning = staticmethod(lambda *_, **__: None)


def us(second):
    return 1000 * (T0 + 1000 * second)


A, B, C = "1.0.1.8.0.255", "1.0.2.8.0.255", "1.0.3.8.0.255"


def test_a_promotion_from_first_to_last(own_kafka, tmp_path):
    """One story: each step starts from what the one before left."""
    topics.apply(own_kafka)
    plant = Plant(own_kafka, tmp_path / "mapping.json")
    plant.path.write_text(mapping(1, 2))
    plant.live((1, 0, 10, 20), (1, 1, 11, 21), (2, 0, 30, 40))

    # The second column was another register: its values go from B to C, and live readings have the new revision.
    plant.replay("columns", mapping(1, 3))
    assert diff(own_kafka, "columns").kinds == {"removed": 3, "added": 3}
    first = Consumer(own_kafka).values
    routes = tmp_path / "routes.yaml"
    routes.write_text("routes: [{name: all}]")
    topics.apply(own_kafka, [topics.TopicSpec("mdms.all.v1", 12, {})])
    done = plant.promote("columns", routes=RouteFile(routes).routes)
    assert (done.revision, done.meters, done.values, done.withdrawn) == (1, 2, 3, 3)
    assert Consumer(own_kafka).values == {
        (meter, C if code == B else code, at): value for (meter, code, at), value in first.items()
    }
    assert diff(own_kafka, "columns").kinds == {}
    again = plant.promote("columns")
    assert (again.revision, again.meters) == (1, 0)

    plant.live((1, 2, 12, 22))
    (latest,) = (
        message
        for record in read_all(own_kafka, names.READINGS)
        if (message := pb.MeterReadings.FromString(record.value())).time.received_us == us(2)
    )
    assert latest.revision == 1
    promoted = [record for record in read_all(own_kafka, names.READINGS) if "ami-replay" in headers(record)]
    assert {headers(record)["ami-source"].partition(b"#")[0] for record in promoted} == {
        b"ami.raw.v1/1/0", b"ami.raw.v1/1/1", b"ami.raw.v1/2/0",
    }  # fmt: skip
    assert [(r.partition(), r.key(), r.value()) for r in read_all(own_kafka, "mdms.all.v1")] == [
        (r.partition(), r.key(), r.value()) for r in promoted
    ]
    assert all(record.partition() == int(headers(record)["ami-source"].split(b"/")[1]) for record in promoted)
    assert len({(headers(record)["ami-source"], headers(record)["ami-replay"]) for record in promoted}) == len(promoted)

    # A value that came again later, from outside the range, is not hidden by the promotion of the older one.
    before = Consumer(own_kafka).values
    past = read_all(own_kafka, names.READINGS)[0].value()
    provenance = pb.MeterReadings.FromString(past).provenance
    resent = pb.MeterReadings.FromString(latest.SerializeToString())
    resent.time.received_us = us(90)
    for reading in resent.readings:
        reading.measured_at_us, reading.mantissa = us(0), 77
    producer = clients.producer(own_kafka)
    producer.produce(
        names.READINGS, resent.SerializeToString(), b"meter-1", 1, headers=[("ami-source", b"ami.raw.v1/1/999")]
    )
    producer.flush()
    plant.replay("back", mapping_hash=provenance.mapping, until_ms=T0 + 1500)
    done = plant.promote("back")
    assert done.revision == 2
    after = Consumer(own_kafka).values
    assert after[("meter-1", A, us(0))] == after[("meter-1", C, us(0))] == 77
    assert after[("meter-1", B, us(0))] == 20
    assert after[("meter-1", B, us(1))] == 21
    assert ("meter-1", C, us(1)) not in after
    assert after[("meter-1", C, us(2))] == before[("meter-1", C, us(2))] == 22
    with pytest.raises(MappingUnknown, match="it holds: "):
        frozen(plant.settings(), LOG, "0123456789abcdef")

    # A meter gets another id: everything moves, and consumers are told.
    facts = MeterFacts("plant-2", inventory_id="meter-2")
    write(own_kafka, names.REGISTRY, [Row(*meter_record(facts))])
    plant.replay("renamed", mapping_hash=provenance.mapping, meters=frozenset({"plant-2"}))
    done = plant.promote("renamed", meters=frozenset({"plant-2"}))
    assert done.renamed == {"meter-2": "plant-2"}
    moved = Consumer(own_kafka).values
    assert not [key for key in moved if key[0] == "meter-2"]
    assert {key[1:]: value for key, value in moved.items() if key[0] == "plant-2"} == {
        (A, us(0)): 30,
        (B, us(0)): 40,
    }
    assert {key: value for key, value in moved.items() if key[0] == "meter-1"} == {
        key: value for key, value in after.items() if key[0] == "meter-1"
    }
    (event,) = (
        events_pb.MeterEvents.FromString(record.value())
        for record in read_all(own_kafka, names.EVENTS)
        if headers(record)["ami-source"] == b"replay/renamed/meter-2"
    )
    assert (event.meter.id, event.events[0].kind) == ("plant-2", "METER_RENAMED")

    # What has expired cannot be compared: nobody is told that a value vanished, unless it is wanted all the same.
    plant.replay("late", mapping(1, 3))
    admin = clients.admin(own_kafka)  # lives as long as its answers are waited for
    for future in admin.delete_records([TopicPartition(names.READINGS, 1, 2)]).values():
        future.result()
    with pytest.raises(LiveExpired, match=r"partitions \[1\]"):
        plant.promote("late")
    assert plant.promote("late", accept_expired=True).revision == 4
