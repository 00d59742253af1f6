"""Serialized MeterReadings in, what routes write out, on one core: canonical JSON, and what choosing costs."""

import random
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.obis import Pattern
from ami_normalize.meter import MeterFacts, Meters
from ami_normalize.pipeline import Context, normalize
from ami_normalize.routes.outputs import Routes
from ami_normalize.routes.route import Obis, Route, Selection
from ami_schemas import json_form, topics
from ami_schemas.meanings import reading_type
from bench._messages import Meter
from bench._rate import rate
from bench._traffic import record
from bench.normalize import ring, serialized

METERS = 1000


def run(options: Namespace) -> Iterator[dict[str, Any]]:
    """Measure a ten-register push, and a day of quarter hours of four registers."""
    source = random.Random(1)
    for kind, values in (("push", pushes(source)), ("profile", [profile(source) for _ in range(METERS // 10)])):
        texts = [form(octets) for octets in values]
        generic = rate(lambda octets: json_format.MessageToJson(pb.MeterReadings.FromString(octets)), values, 1.0)
        value = rate(form, values, options.seconds)
        yield {
            "name": f"json-route-{kind}",
            "value": value,
            "unit": "messages/s",
            "messages": len(values),
            "octets": sum(map(len, texts)) // len(texts),
            "ratio": value / generic,
            "ratio_to": "protobuf's MessageToJson, which lacks the members beside it",
        }
    yield from choosing(pushes(source), options.seconds)


def choosing(values: list[bytes], seconds: float) -> Iterator[dict[str, Any]]:
    """Measure routes by group, id and code over registered meters in random order."""
    meters = [pb.MeterReadings.FromString(octets).meter.id for octets in values]
    items = list(zip(meters, values, strict=True))
    kinds = ("household", "business")
    registry = Meters(MeterFacts(meter, group=kinds[number % 2]) for number, meter in enumerate(meters))
    homes, ids = Selection(groups=frozenset({"household"})), Selection(ids=("st-42454e*1", "st-42454e*2"))
    energy = Obis([Pattern.parse("1-0:{1,2}.8.*.*")])
    for name, routes in (
        ("none", Routes()),
        ("bytes", Routes([Route("a"), Route("b", meters=homes), Route("c", meters=ids)])),
        ("obis", Routes([Route("d", obis=energy)])),
    ):
        yield {
            "name": f"route-{name}",
            "value": rate(lambda item: routes.outputs(*item, registry), items, seconds),  # noqa: B023
            "unit": "messages/s",
            "routes": len(routes),
        }


def form(octets: bytes) -> bytes:
    """Return what a JSON route writes for a message."""
    return json_form.text(pb.MeterReadings.FromString(octets)).encode()


def pushes(source: random.Random) -> list[bytes]:
    """Return what the pipeline makes of a push of each of many meters."""
    meters = [Meter(number, source) for number in range(METERS)]
    context = Context(keys=ring(set(meters)))
    records = [record(meter, meter.push(), offset) for offset, meter in enumerate(meters)]
    return [value for one in records for value in serialized(normalize(one, context))]


def profile(source: random.Random) -> bytes:
    """Return a message of four columns of 96 intervals."""
    message = pb.MeterReadings(meter=pb.Meter(id="st-42454e0000000001", system_title=b"BEN\0\0\0\0\1"))
    message.provenance.CopyFrom(pb.Provenance(topic=topics.RAW, offset=1, raw_sha256=source.randbytes(32)))
    for number in (1, 2, 3, 4):
        obis = f"1.0.{number}.8.0.255"
        message.interval_blocks.add(
            profile_obis="1.0.99.1.0.255",
            obis=obis,
            reading_type=reading_type(obis, 900),
            unit=30,
            period_s=900,
            first_interval_end_us=1_767_225_600_000_000,
            time_origin=pb.TIME_ORIGIN_DEVIATION,
            scale=-3,
            mantissas=[source.getrandbits(24) for _ in range(96)],
        )
    return message.SerializeToString()
