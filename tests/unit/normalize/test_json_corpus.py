"""What real meters' payloads become, in canonical JSON: nothing is lost, and the published schema holds."""

import json

import pytest
from google.protobuf import json_format
from support.readings_json import beside_removed, closed

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_normalize.offline import to_record, with_keys
from ami_normalize.pipeline import Context, ReadingsOutcome, normalize
from ami_schemas import json_form

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def messages(corpus):
    """Every message of readings that the corpus yields."""
    base = Context(lenient=True)  # more of them become readings
    found = []
    for vector in corpus:
        outcomes = normalize(to_record(vector), with_keys(vector.get("keys"), base))
        found += [
            pb.MeterReadings.FromString(made)
            for of in outcomes
            if isinstance(of, ReadingsOutcome)
            for made in of.messages
        ]
    return found


def test_every_reading_of_the_corpus_satisfies_the_schema_and_loses_nothing(messages):
    assert len(messages) >= 60
    for message in messages:
        text = json_form.text(message)
        read = json_format.Parse(text, pb.MeterReadings(), ignore_unknown_fields=True)
        made = json.loads(text)

        assert read.SerializeToString(deterministic=True) == message.SerializeToString(deterministic=True)
        assert beside_removed(made) == json.loads(json_format.MessageToJson(message))
        closed().validate(made)


def test_every_value_of_the_corpus_is_there_as_text(messages):
    for message in messages:
        made = json.loads(json_form.text(message))
        for reading, told in zip(message.readings, made.get("readings", []), strict=True):
            assert (told["value"] is None) == (reading.WhichOneof("value") is None)
        for block, told in zip(message.interval_blocks, made.get("intervalBlocks", []), strict=True):
            assert len(told["values"]) == max(len(block.mantissas), len(block.reals), len(block.texts))
