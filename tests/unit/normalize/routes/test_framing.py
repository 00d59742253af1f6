"""The framing of a route is what Confluent's own clients write and read.

Their registry is in memory here (`mock://`); the client's extras are needed by this test alone.
"""

import importlib
import re
from pathlib import Path

import pytest

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_normalize.routes import framing
from ami_normalize.routes.outputs import Routes
from ami_normalize.routes.route import Route
from ami_schemas import json_form

pytestmark = pytest.mark.unit

MESSAGE = pb.MeterReadings(meter=pb.Meter(id="m"), readings=[pb.Reading(obis="1.0.1.8.0.255", mantissa=5)])
GUID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
PROTO = Path(__file__).resolve().parents[4] / "schemas" / "proto" / "ami" / "readings" / "v1" / "meter_readings.proto"


@pytest.fixture(scope="module")
def confluent():
    """The client's package, with its extras."""
    return importlib.import_module("confluent_kafka.schema_registry")


@pytest.fixture
def registry(confluent):
    return confluent.SchemaRegistryClient.new_client({"url": "mock://"})


def routed(route):
    (found,) = Routes([route]).outputs("m", MESSAGE.SerializeToString())
    return found


def test_the_bytes_are_those_that_are_documented():
    assert framing.prefix(1, protobuf=True).prefix == bytes.fromhex("00 00000001 00")
    assert framing.prefix(2**31 - 1, protobuf=False).prefix == bytes.fromhex("00 7fffffff")
    (header,) = framing.header(GUID, protobuf=True).headers
    assert header == ("__value_schema_id", bytes.fromhex("01 0f1e2d3c4b5a69788796a5b4c3d2e1f0 00"))


def test_the_readings_are_the_first_message_of_their_file_which_needs_no_other():
    text = PROTO.read_text()

    assert re.search(r"^message (\w+)", text, re.MULTILINE)[1] == "MeterReadings"
    assert "import " not in re.sub(r"//.*", "", text)
    assert next(iter(pb.DESCRIPTOR.message_types_by_name)) == "MeterReadings"


@pytest.mark.parametrize("place", ["prefix", "header"])
def test_their_deserializer_reads_what_a_route_writes(confluent, registry, place):
    from confluent_kafka.schema_registry import protobuf
    from confluent_kafka.serialization import MessageField, SerializationContext

    route = Route("lake")
    serializer = protobuf.ProtobufSerializer(pb.MeterReadings, registry)
    serializer(MESSAGE, SerializationContext(route.topic, MessageField.VALUE))  # registers the schema
    registered = registry.get_latest_version(f"{route.topic}-value")
    framed = (
        framing.prefix(registered.schema_id, protobuf=True)
        if place == "prefix"
        else framing.header(registered.guid, protobuf=True)
    )
    found = routed(Route("lake", framing=framed))
    context = SerializationContext(route.topic, MessageField.VALUE, list(found.headers))

    assert protobuf.ProtobufDeserializer(pb.MeterReadings, {}, registry)(found.value, context) == MESSAGE


@pytest.mark.parametrize("place", ["prefix", "header"])
def test_a_route_writes_what_their_serializer_writes(confluent, registry, place):
    from confluent_kafka.schema_registry import protobuf
    from confluent_kafka.serialization import MessageField, SerializationContext

    in_header = {"schema.id.serializer": confluent.header_schema_id_serializer} if place == "header" else {}
    context = SerializationContext("mdms.lake.v1", MessageField.VALUE, [])
    theirs = protobuf.ProtobufSerializer(pb.MeterReadings, registry, in_header)(MESSAGE, context)
    registered = registry.get_latest_version("mdms.lake.v1-value")
    framed = (
        framing.header(registered.guid, protobuf=True)
        if in_header
        else framing.prefix(registered.schema_id, protobuf=True)
    )
    ours = routed(Route("lake", framing=framed))

    assert (ours.value, list(ours.headers)) == (theirs, context.headers)


def test_their_json_deserializer_reads_the_canonical_form(confluent, registry):
    from confluent_kafka.schema_registry.json_schema import JSONDeserializer
    from confluent_kafka.serialization import MessageField, SerializationContext

    schema = confluent.Schema(json_form.schema_text(), "JSON")
    schema_id = registry.register_schema("mdms.lake.v1-value", schema)
    found = routed(Route("lake", format="json", framing=framing.prefix(schema_id, protobuf=False)))
    read = JSONDeserializer(json_form.schema_text(), schema_registry_client=registry)
    context = SerializationContext("mdms.lake.v1", MessageField.VALUE, list(found.headers))

    assert read(found.value, context)["readings"][0]["value"] == "5"
