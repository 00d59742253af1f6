"""The fast path means what the generic one means: marks, limits, alarms, statuses and clocks that change by value."""

import json
import os
import random
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from ami_dlms.apdu import DataNotification
from ami_dlms.axdr import NULL, Data, Tag, array, structure
from ami_dlms.cosem_time import CosemDateTime
from ami_normalize.dialects import Dialects
from ami_normalize.fast import Normalizer
from ami_normalize.meter import Limits, MeterFacts, Meters
from ami_normalize.pipeline import Context, RawRecord, normalize

pytestmark = pytest.mark.unit

RECEIVED = datetime(2024, 10, 27, 1, 5, tzinfo=timezone.utc)
VIENNA = ZoneInfo("Europe/Vienna")
W, VARH, WH, A, V = 27, 32, 30, 33, 35
CODES = {
    "1.0.1.7.0.255": (W, (0, 100, 690, 1480, 1481, 5_000, 900_000)),
    "1.0.21.7.0.255": (W, (0, 100, 5_000, 5_100)),
    "1.0.32.7.0.255": (V, (0, 230, 253)),
    "1.0.52.7.0.255": (V, (230,)),
    "1.0.72.7.0.255": (V, (230, 65_535)),
    "1.0.31.7.0.255": (A, (0, 1, 20, 21, 2_000)),
    "1.0.51.7.0.255": (A, (1,)),
    "1.0.71.7.0.255": (A, (1, 63)),
    "1.0.1.8.0.255": (WH, (0, 5, 999_999, 0xFFFF_FFFF)),
    "1.0.3.8.1.255": (VARH, (1, 0x7FFF_FFFF)),
    "1.0.128.8.0.255": (WH, (1, 0xFFFF_FFFF)),
    "0.0.97.98.0.255": (None, (0, 0, 0, 1, 1 << 13)),
    "0.0.97.97.0.255": (None, (0, 0, 2)),
    "0.0.96.11.0.255": (None, (0, 0, 1, 99)),
}
MAPPING = [
    {
        "name": "mine",
        "match": [{"registry": True}],
        "companion": "idis",
        "objects": [
            {"obis": "1.0.1.8.0.255", "digits": 6, "no_value": [5]},
            {"obis": "1.0.3.8.1.255", "as": "1.0.4.8.1.255", "scaler": 1, "unit": "varh", "override": True},
        ],
        "layouts": [
            {
                "name": "rows",
                "rows": True,
                "columns": [
                    {"type": "date-time", "obis": "0.0.1.0.0.255"},
                    {"type": "number", "obis": "0.0.96.10.1.255"},
                    {"type": "number", "obis": "1.0.1.29.0.255", "unit": "Wh", "no_value": [0xFFFF_FFFF]},
                    {"type": "number"},
                ],
            }
        ],
    }
]
FACTS = MeterFacts("meter-1", zone="Europe/Vienna", limits=Limits(fuse_a=20, phases=3, nominal_v=230), dialect="mine")


def contexts():
    dialects = Dialects.of_contents([("test", json.dumps(MAPPING).encode())])
    return [
        Context(),
        Context(dialects=dialects, registry=Meters([FACTS])),
        Context(default_zone="Europe/Vienna", registry=Meters([MeterFacts("meter-1", limits=Limits(ct_primary_a=20))])),
    ]


def octets(value):
    return Data(Tag.OCTET_STRING, bytes(value))


def clock(source):
    """Now, ahead, long ago, in the hour that is twice; with deviation, with status, or local time alone."""
    moment = RECEIVED + timedelta(minutes=source.choice([0, 0, -30, -90, 14, 16, 60, 900, -60 * 24 * 365 * 24]))
    local = moment.astimezone(VIENNA)
    if source.random() < 0.4:
        return CosemDateTime.from_datetime(local, source.choice([0, 1, 2, None])).to_bytes()
    return CosemDateTime.from_datetime(local.replace(tzinfo=None), source.choice([0, 0x80, 3, None])).to_bytes()


class Shape:
    """Messages alike but for their values."""

    def __init__(self, source):
        self.source = source
        self.codes = source.sample(sorted(CODES), source.randrange(1, 9))
        self.tags = {code: source.choice([Tag.UINT32, Tag.INT32, Tag.INT64, Tag.FLOAT32]) for code in self.codes}
        self.scalers = {code: source.choice([0, 0, -1, 1, None]) for code in self.codes}
        self.headed, self.clocked = source.random() < 0.5, source.random() < 0.5
        self.rows = source.choice([0, 0, 1, 4])
        self.nulls = source.random() < 0.3

    def body(self):
        if self.rows:
            return array(*(self.row(number) for number in range(self.rows)))
        objects = [self.object(code) for code in self.codes]
        if self.clocked:
            objects.insert(0, structure(octets((0, 0, 1, 0, 0, 255)), octets(clock(self.source))))
        return structure(*objects)

    def object(self, code):
        unit, values = CODES[code]
        tag, scaler = self.tags[code], self.scalers[code]
        value = self.source.choice(values)
        value = float(value) if tag == Tag.FLOAT32 and unit else min(value, 0x7FFF_FFFF if tag == Tag.INT32 else value)
        data = Data(tag if unit or tag != Tag.FLOAT32 else Tag.UINT32, value)
        stated = structure(Data(Tag.INT8, scaler or 0), Data(Tag.ENUM, unit or 255))
        name = octets(map(int, code.split(".")))
        return structure(name, data, stated) if unit and scaler is not None else structure(name, data)

    def row(self, number):
        source = self.source
        moment = (RECEIVED + timedelta(minutes=15 * (number - source.choice([6, 6, 30, 2])))).astimezone(VIENNA)
        known = source.random() < 0.7
        stamp = CosemDateTime.from_datetime(moment if known else moment.replace(tzinfo=None), 0 if known else None)
        return structure(
            NULL if self.nulls and number else octets(stamp.to_bytes()),
            Data(Tag.UINT8, source.choice([0, 0, 0x80, 0x02, 0x08, 0xFF])),
            Data(Tag.UINT32, source.choice([1, 3_795, 3_796, 0xFFFF_FFFF])),
            Data(Tag.UINT16, source.randrange(9)),
        )

    def record(self):
        apdu = DataNotification(1, clock(self.source) if self.headed else b"", self.body()).to_bytes()
        headers = {"ce_time": RECEIVED.isoformat().encode()} if self.source.random() < 0.9 else {}
        return RawRecord("ami.raw.v1", 0, 0, b"meter-1", apdu, headers)


@pytest.mark.parametrize("seed", range(60 if os.environ.get("AMI_REQUIRE") == "1" else 10))
def test_what_values_mean_is_the_same_by_both_paths(seed):
    source = random.Random(seed)
    of = contexts()
    fast = [Normalizer(context) for context in of]
    for _ in range(4):
        shape = Shape(source)
        for _ in range(25):
            record = shape.record()
            for context, path in zip(of, fast, strict=True):
                assert path.normalize(record) == normalize(record, context), record
    assert sum(path.disproved for path in fast) == 0


def test_messages_of_these_shapes_do_go_by_the_fast_path():
    source = random.Random(1)
    fast = Normalizer(contexts()[1])
    for _ in range(40):
        shape = Shape(source)
        for _ in range(25):
            fast.normalize(shape.record())
    assert fast.quick > 200
