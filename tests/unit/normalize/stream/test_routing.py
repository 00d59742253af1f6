"""Readings go also where routes want them, in the same transaction, numbered in each topic."""

import json

import pytest
import structlog
from structlog.testing import capture_logs

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_kafka.errors import KafkaUnavailable, TopicMissing
from ami_kafka.loop import Output, Stateless
from ami_normalize.errors import RoutesInvalid
from ami_normalize.meter import NO_METERS, MeterFacts, Meters
from ami_normalize.routes import framing
from ami_normalize.routes.outputs import Routes
from ami_normalize.routes.route import Route, Selection
from ami_normalize.stream import routes_in_force
from ami_normalize.stream.inputs import Inputs
from ami_normalize.stream.routes_in_force import RoutesInForce
from ami_normalize.stream.routing import Routing, routed
from ami_normalize.stream.settings import Settings

pytestmark = pytest.mark.unit

READINGS, EVENTS, DLQ = "ami.readings.v1", "ami.events.v1", "ami.dlq.v1"
VALUE = pb.MeterReadings(readings=[pb.Reading(obis="1.0.1.8.0.255", mantissa=1)]).SerializeToString()


def output(source, topic=READINGS, key=b"meter-1", value=VALUE, **headers):
    named = [(name.replace("_", "-"), told) for name, told in headers.items()]
    return Output(topic, 5, key, value, [*named, ("ami-source", source)])


def told(outputs, topic):
    return [dict(each.headers)["ami-source"].decode() for each in outputs if each.topic == topic]


def test_each_raw_record_is_numbered_by_itself_in_each_topic():
    given = [
        output(b"ami.raw.v1/5/1"),
        output(b"ami.raw.v1/5/1", EVENTS),
        output(b"ami.raw.v1/5/2#0"),
        output(b"ami.raw.v1/5/2#1", key=b"meter-2"),
        output(b"ami.raw.v1/5/2#2"),
        output(b"ami.raw.v1/5/3", DLQ),
    ]
    routes = Routes([Route("all"), Route("second", meters=Selection(ids=("meter-2",)), format="json")])
    made = list(routed(given, routes, NO_METERS))

    assert [each for each in made if not each.topic.startswith("mdms.")] == given
    assert told(made, "mdms.all.v1") == [
        "ami.raw.v1/5/1",
        "ami.raw.v1/5/2#0",
        "ami.raw.v1/5/2#1",
        "ami.raw.v1/5/2#2",
    ]
    assert told(made, "mdms.second.v1") == ["ami.raw.v1/5/2"]


def test_what_a_route_makes_keeps_partition_key_and_headers():
    route = Route("lake", framing=framing.header("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", protobuf=True))
    (_, made) = routed([output(b"ami.raw.v1/5/1", ami_attempt=b"2")], Routes([route]), NO_METERS)

    assert (made.topic, made.partition, made.key, made.value) == ("mdms.lake.v1", 5, b"meter-1", VALUE)
    assert [name for name, _ in made.headers] == ["__value_schema_id", "ami-attempt", "ami-source"]


def test_a_record_that_is_cut_for_json_is_numbered():
    long = pb.MeterReadings(interval_blocks=[pb.IntervalBlock(obis="1.0.1.8.0.255", mantissas=[1 << 30] * 60_000)])
    given = [output(b"ami.raw.v1/5/1", value=long.SerializeToString())]
    made = list(routed(given, Routes([Route("json", format="json")]), NO_METERS))

    assert told(made, "mdms.json.v1") == [f"ami.raw.v1/5/1#{number}" for number in range(len(made) - 1)]
    assert len(made) > 2


class Given:
    """Inputs with routes and a registry."""

    def __init__(self, routes, registry=NO_METERS):
        self.routes = routes
        self.context = type("Context", (), {"registry": registry})


class Remembering(Stateless):
    """A processor that also has something due, and notes what it hears."""

    def __init__(self):
        super().__init__(lambda batch: [output(b"ami.raw.v1/5/%d" % number) for number in batch])
        self.heard = []

    def due(self, partitions):
        return [output(b"ami.raw.v1/5/77", ami_attempt=b"1") for _ in partitions]

    def restore(self, partition, records):
        self.heard.append(("restore", partition, records))

    def release(self, partitions):
        self.heard.append(("release", partitions))

    def committed(self):
        self.heard.append("committed")

    def aborted(self):
        self.heard.append("aborted")


def test_batches_and_what_is_due_are_routed_and_all_else_is_passed_on():
    inner = Remembering()
    registry = Meters([MeterFacts("meter-1", group="household")])
    routes = Routes([Route("homes", meters=Selection(groups=frozenset({"household"})))])
    routing = Routing(inner, Given(routes, registry))

    assert told(routing([1, 2]), "mdms.homes.v1") == ["ami.raw.v1/5/1", "ami.raw.v1/5/2"]
    assert told(routing.due([5]), "mdms.homes.v1") == ["ami.raw.v1/5/77"]
    routing.restore(1, [])
    routing.release([1])
    routing.committed()
    routing.aborted()
    assert inner.heard == [("restore", 1, []), ("release", [1]), "committed", "aborted"]


def test_without_routes_nothing_is_touched():
    outputs = [output(b"ami.raw.v1/5/1")]

    assert Routing(Stateless(lambda _: outputs), Given(Routes()))([]) is outputs


LOG = structlog.get_logger()


def test_routes_come_into_force_once_their_topics_are_there(tmp_path, monkeypatch):
    path, there = tmp_path / "routes.yaml", set()

    def check_alike(bootstrap, source, names):
        assert (bootstrap, source) == ("localhost:9", "ami.raw.v1")
        missing = set(names) - there
        if missing:
            raise TopicMissing.named(*missing)

    monkeypatch.setattr(routes_in_force, "check_alike", check_alike)
    there.add("mdms.one.v1")
    path.write_text("routes: [{name: one}]")
    in_force = RoutesInForce(Settings("localhost:9", routes=path), LOG)
    assert in_force.routes.topics == ("mdms.one.v1",)

    path.write_text("routes: [{name: one}, {name: two}]")
    with capture_logs() as lines:
        in_force.refresh()
        in_force.refresh()
    assert in_force.routes.topics == ("mdms.one.v1",)
    (line,) = lines
    assert (
        "Kafka has no topic mdms.two.v1; create what is declared with `ami topics apply --routes FILE`" in line["error"]
    )

    there.add("mdms.two.v1")
    in_force.refresh()
    assert in_force.routes.topics == ("mdms.one.v1", "mdms.two.v1")


def test_a_change_taken_back_while_it_waits_is_forgotten(tmp_path, monkeypatch):
    path, away = tmp_path / "routes.yaml", [True]

    def check_alike(*_):
        if away:
            raise KafkaUnavailable.at("localhost:9")

    monkeypatch.setattr(routes_in_force, "check_alike", check_alike)
    path.write_text("routes: []")
    in_force = RoutesInForce(Settings("localhost:9", routes=path), LOG)
    path.write_text("routes: [{name: two}]")
    in_force.refresh()
    path.write_text("routes: [{name: Two}]")
    in_force.refresh()
    away.clear()
    in_force.refresh()

    assert in_force.routes.topics == ()


def test_json_has_the_default_zone(tmp_path):
    path = tmp_path / "routes.yaml"
    path.write_text("routes: [{name: json, format: json}]")
    inputs = Inputs(Settings("localhost:9", routes=path, default_zone="Europe/Vienna"), LOG)
    made = pb.MeterReadings(readings=[pb.Reading(obis="1.0.1.8.0.255", time_origin=pb.TIME_ORIGIN_DEFAULT_ZONE)])
    (found,) = inputs.routes.outputs("m", made.SerializeToString())

    assert json.loads(found.value)["readings"][0]["measuredAt"] == "1970-01-01T01:00:00"


def test_a_wrong_file_is_refused_at_the_start(tmp_path):
    path = tmp_path / "routes.yaml"
    path.write_text("routes: 1")

    with pytest.raises(RoutesInvalid, match=r"routes\.yaml:1:9"):
        Inputs(Settings("localhost:9", routes=path), LOG)
