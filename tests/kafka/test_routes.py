"""Routes on a real broker: same transaction, partition and source; a missing topic is said, never tried for ever."""

import json
import threading

import pytest
from google.protobuf import json_format
from structlog.testing import capture_logs
from support.kafka_reader import headers, read_all

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_cli.main import run as command
from ami_dlms.framing import wrapper
from ami_kafka import clients
from ami_kafka.errors import KafkaRoomError, TopicMissing
from ami_normalize.stream.run import run
from ami_normalize.stream.settings import Settings
from ami_schemas import topics as names

pytestmark = pytest.mark.kafka

ENERGY = "020309060100010800ff060000303902020f00161e"
VOLTAGE = "020309060100200700ff12090002020fff1623"
FRAMED = wrapper.encode(bytes.fromhex(f"0f00000001000202{ENERGY}{VOLTAGE}"), 1, 16)
HEADERS = [("ami-framing", b"wrapper"), ("ami-exchange", b"push"), ("ce_time", b"2024-03-01T12:00:00.000000Z")]

ROUTES = """
routes:
  - name: all
  - name: json
    format: json
    meters: {ids: ["meter-*"]}
  - name: energy
    obis: ["1-0:1.8.0"]
    topic: {retention.ms: 3600000}
  - name: homes
    meters: {groups: [household], utilities: [north]}
  - name: nothing
    obis: ["7-*:*.*.*.*"]
"""


@pytest.fixture(scope="module")
def routes(tmp_path_factory):
    path = tmp_path_factory.mktemp("routes") / "routes.yaml"
    path.write_text(ROUTES)
    return path


@pytest.fixture(scope="module")
def bootstrap(own_kafka, routes):
    with pytest.raises(TopicMissing):
        run(Settings(own_kafka), threading.Event())
    assert command(["topics", "apply", "--bootstrap", own_kafka]) == 0
    inventory = routes.with_name("meters.yaml")
    inventory.write_text("- {id: meter-7, group: household, utility: north}\n- {id: meter-8, group: household}\n")
    assert command(["meters", "import", str(inventory), "--bootstrap", own_kafka]) == 0
    with pytest.raises(TopicMissing, match=r"mdms\.all\.v1, mdms\.json\.v1.*apply --routes FILE"):
        run(Settings(own_kafka, routes=routes), threading.Event())
    assert command(["topics", "apply", "--routes", str(routes), "--bootstrap", own_kafka]) == 0
    return own_kafka


@pytest.fixture
def normalizer(bootstrap, routes):
    """A normalizer that runs with the routes; gives what it says."""
    stop, ended = threading.Event(), []

    def work():
        try:
            run(Settings(bootstrap, routes=routes), stop)
        except KafkaRoomError as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    with capture_logs() as told:
        thread.start()
        yield lambda: (told, ended)
        stop.set()
        thread.join(60)


def send(bootstrap, *records):
    producer = clients.producer(bootstrap)
    for partition, key, value in records:
        producer.produce(names.RAW, value, key, partition, headers=HEADERS)
    assert producer.flush(30) == 0


def found(bootstrap, topic):
    return [
        (record.key(), record.partition(), headers(record)["ami-source"].decode())
        for record in read_all(bootstrap, topic)
    ]


def test_readings_go_where_routes_want_them(bootstrap, normalizer, wait_until):
    send(bootstrap, (3, b"meter-1", FRAMED), (4, b"other-1", FRAMED), (3, b"meter-1", FRAMED + FRAMED))
    wait_until(lambda: len(read_all(bootstrap, names.READINGS)) == 4, 60)
    readings, whole, energy, as_json = (
        read_all(bootstrap, topic) for topic in (names.READINGS, "mdms.all.v1", "mdms.energy.v1", "mdms.json.v1")
    )

    assert [each.value() for each in whole] == [each.value() for each in readings]
    assert found(bootstrap, "mdms.all.v1") == found(bootstrap, names.READINGS)
    assert found(bootstrap, "mdms.energy.v1") == found(bootstrap, names.READINGS)
    assert found(bootstrap, "mdms.json.v1") == [
        each for each in found(bootstrap, names.READINGS) if each[0] == b"meter-1"
    ]
    assert {source for *_, source in found(bootstrap, "mdms.json.v1")} == {
        "ami.raw.v1/3/0",
        "ami.raw.v1/3/1#0",
        "ami.raw.v1/3/1#1",
    }
    assert {
        tuple(reading.obis for reading in pb.MeterReadings.FromString(each.value()).readings) for each in energy
    } == {("1.0.1.8.0.255",)}
    assert json_format.Parse(
        as_json[0].value(), pb.MeterReadings(), ignore_unknown_fields=True
    ) == pb.MeterReadings.FromString(readings[0].value())
    assert [each["value"] for each in json.loads(as_json[0].value())["readings"]] == ["12345", "230.4"]
    assert not read_all(bootstrap, "mdms.nothing.v1")


def test_meters_are_chosen_by_what_the_registry_says_of_them(bootstrap, normalizer, wait_until):
    before = len(read_all(bootstrap, names.READINGS))
    send(bootstrap, (7, b"meter-7", FRAMED), (8, b"meter-8", FRAMED), (9, b"meter-9", FRAMED))
    wait_until(lambda: len(read_all(bootstrap, names.READINGS)) == before + 3, 60)

    assert found(bootstrap, "mdms.homes.v1") == [(b"meter-7", 7, "ami.raw.v1/7/0")]


def test_a_route_added_while_running_waits_for_its_topic(bootstrap, normalizer, routes, wait_until):
    before = len(read_all(bootstrap, names.READINGS))
    told, ended = normalizer()
    routes.write_text(ROUTES + "  - name: added\n")
    wait_until(lambda: any("wait for their topics" in line["event"] for line in told), 60)
    send(bootstrap, (5, b"meter-5", FRAMED))
    wait_until(lambda: len(read_all(bootstrap, names.READINGS)) == before + 1, 60)

    assert command(["topics", "apply", "--routes", str(routes), "--bootstrap", bootstrap]) == 0
    wait_until(lambda: any(line["event"] == "routes in force" for line in told), 60)
    send(bootstrap, (5, b"meter-5", FRAMED))
    wait_until(lambda: len(read_all(bootstrap, "mdms.added.v1")) == 1, 60)

    assert found(bootstrap, "mdms.added.v1") == [(b"meter-5", 5, "ami.raw.v1/5/1")]
    assert found(bootstrap, "mdms.all.v1") == found(bootstrap, names.READINGS)
    assert not ended


def test_a_topic_that_goes_ends_the_normalizer_with_a_sentence(bootstrap, normalizer, wait_until):
    _, ended = normalizer()
    before = len(read_all(bootstrap, names.READINGS))
    send(bootstrap, (6, b"meter-6", FRAMED))
    wait_until(lambda: len(read_all(bootstrap, names.READINGS)) == before + 1, 60)
    admin = clients.admin(bootstrap)
    admin.delete_topics(["mdms.added.v1"])["mdms.added.v1"].result()
    wait_until(lambda: "mdms.added.v1" not in admin.list_topics(timeout=10).topics, 60)
    send(bootstrap, (6, b"meter-6", FRAMED))
    wait_until(lambda: ended, 100)

    (error,) = ended
    assert isinstance(error, TopicMissing)
    assert "mdms.added.v1" in str(error)
    assert len(read_all(bootstrap, names.READINGS)) == before + 1
