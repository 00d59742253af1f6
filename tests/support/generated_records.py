"""Raw records of many shapes and values, for holding two ways of normalizing against each other. Seeded."""

import json
import struct
from dataclasses import replace

from ami.raw.v1 import exchange_pb2
from ami_dlms import axdr
from ami_dlms.apdu import (
    CosemAttribute,
    DataNotification,
    EventNotification,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithList,
)
from ami_dlms.apdu.results import DataAccessResult
from ami_dlms.axdr import BitString, CompactArray, Data, Tag, TypeDescription
from ami_dlms.framing import hdlc, wrapper
from ami_dlms.obis import parse_obis
from ami_dlms.security import Form, Keys, Protection, protect
from ami_keys.keystore import KeyUnavailable, Wrapped
from ami_keys.session_key import wrap_session_key
from ami_normalize.dialects import Dialects
from ami_normalize.keys import KeyRing, meter_keys
from ami_normalize.meter import Limits, MeterFacts, Meters
from ami_normalize.pipeline import Context, RawRecord
from ami_normalize.plausibility import EARLIEST_US
from ami_normalize.session_keys import SessionKeys

CODES = (
    "1.0.1.8.0.255", "1.0.2.8.0.255", "1.0.1.8.1.255", "1.0.1.7.0.255", "1.0.2.7.0.255", "1.0.21.7.0.255",
    "1.0.31.7.0.255", "1.0.51.7.0.255", "1.0.71.7.0.255", "1.0.32.7.0.255", "1.0.52.7.0.255", "1.0.72.7.0.255",
    "1.0.13.7.0.255", "1.0.14.7.0.255", "1.0.3.8.0.255", "1.1.1.8.0.255", "1.0.1.8.0.101", "1.0.199.7.0.255",
    "0.0.1.0.0.255", "0.0.42.0.0.255", "0.0.96.1.0.255", "0.0.96.1.1.255", "1.1.0.2.129.255", "0.0.96.5.0.255",
    "0.0.43.1.0.255", "0.0.96.7.21.255", "7.0.3.0.0.255", "1.0.1.29.0.255", "1.0.1.6.0.255", "0.0.128.1.1.255",
)  # fmt: skip
UNITS = (27, 28, 29, 30, 31, 32, 33, 35, 44, 13, 0, 255, 200)
INTEGERS = {
    Tag.INT8: "b", Tag.INT16: "h", Tag.INT32: "i", Tag.INT64: "q",
    Tag.UINT8: "B", Tag.UINT16: "H", Tag.UINT32: "I", Tag.UINT64: "Q",
}  # fmt: skip
FLOATS = (0.0, -0.0, 1.5, 0.1, 230.4, -1e-3, 3.4e38, 1e300, float("nan"), float("inf"), float("-inf"))
NAMES = (b"KFM1200000000042", b"Kamstrup_V0001  ", b"ABC0000000000001", b"    pad         ", b"\x00" * 16, b"\xff" * 16)
TITLES = tuple(bytes.fromhex(title) for title in ("4b464d0000000001", "4142430000000002", "0102030405060708"))
DIALECTS = [
    {"name": "abc", "match": [{"flag": "ABC"}], "time": {"zone": "Europe/Vienna", "deviation_inverted": True},
     "objects": [{"obis": "1.0.2.8.0.255", "unit": "Wh", "scaler": 1, "override": True},
                 {"obis": "1.1.*.*.*.*", "as": "1.0.*.*.*.*"},
                 {"obis": "1.0.{32,52,72}.7.0.255", "unit": "V", "scaler": -1, "no_value": [65535, 0]}]},
    {"name": "named", "match": [{"logical_device_name": "KFM"}], "nulls": "absent",
     "objects": [{"obis": "0.0.96.5.0.255", "number": True}]},
    {"name": "start", "match": [{"system_title": "0102"}], "time": {"row_stamp": "start"}},
    {"name": "listed", "match": [], "layouts": [
        {"name": "dated", "columns": [
            {"type": "text", "starts": "ABC", "obis": "0.0.42.0.0.255"}, {"type": "date", "part": "date"},
            {"type": "time", "part": "time"}, {"type": "number", "obis": "1.0.1.8.0.255", "unit": "Wh"},
            {"type": "number", "obis": "1.0.32.7.0.255", "unit": "V", "scaler": -1, "no_value": [65535]}]}]},
]  # fmt: skip
"""Dialects that use what a mapping can say."""


def keys_of(title):
    """Keys of a meter: two of three have them, one without authentication."""
    return Keys(title * 2, None if title == TITLES[1] else title[::-1] * 2)


class OpenStore:
    """A key store that hides nothing, so that all is made of the seed."""

    def wrap(self, key, bound_to):
        return Wrapped(bound_to.hex(), bytes(12), key)

    def unwrap(self, wrapped, bound_to):
        if wrapped.kek_id != bound_to.hex():
            raise KeyUnavailable("wrapped for another")
        return wrapped.ciphertext


def contexts(folder):
    """What is in force: nothing special; dialects and zone; a registry too."""
    path = folder / "mapping.json"
    path.write_text(json.dumps(DIALECTS))
    ring = KeyRing({title: meter_keys(_hex(keys_of(title)), "test") for title in TITLES[:2]})
    facts = Meters(
        [
            MeterFacts("meter-7", system_title=TITLES[0], zone="America/New_York", limits=Limits(25.0, None, 3, 230.0)),
            MeterFacts("meter-8", logical_device_name="ABC0000000000001", min_protection=Protection.ENCRYPTED),
            MeterFacts("meter-9", inventory_id="inventory-9", zone="Australia/Lord_Howe"),
        ]
    )
    own = Dialects.load(path)
    return (
        Context(keys=ring, session_keys=SessionKeys(OpenStore())),
        Context(keys=ring, dialects=own, default_zone="Europe/Berlin", unidentified="accept"),
        Context(keys=ring, dialects=own, registry=facts),
    )


def _hex(keys):
    return {"guek": keys.encryption.hex(), "gak": keys.authentication.hex() if keys.authentication else None}


class Shape:
    """Messages that differ in nothing but their values, most of the time."""

    def __init__(self, random):
        self.random = random
        self.kind = random.choices(
            ("coded", "push-list", "positional", "profile", "answer", "answers", "rows", "event", "unknown"),
            (30, 10, 10, 15, 10, 8, 5, 2, 5),
        )[0]
        self.layouts = [layout for dialect in Dialects.load().in_order for layout in dialect.layouts]
        self.title = random.choice((*TITLES, *TITLES, None))
        keyed = self.title in TITLES[:2]
        self.protection = random.choices(("sealed", "plain", "encrypted"), (8, 1, 1) if keyed else (1, 12, 1))[0]
        self.framing = random.choice(("wrapper", "wrapper", "none", "hdlc"))
        self.dates = random.choice(("usual", "usual", "local", "any"))
        self.tagged = random.random() < 0.2
        self.timed = random.random() < 0.8
        self.key = random.choice((b"inventory-9", b"peer-10.0.0.1:4059", b"st-0102030405060708", None))
        self.received = random.choice((True, True, True, False))
        self.entries = [self._entry() for _ in range(random.randint(1, 6))]
        self.layout = random.choice(self.layouts)
        self.columns = [self._column(column) for column in self.layout.columns]
        self.rows = random.randint(1, 6)
        self.cells = [random.choice((Tag.UINT32, Tag.UINT16, Tag.INT32, Tag.UINT8)) for _ in range(3)]
        self.period = random.choice((0, 900, 3600))
        self.gaps = random.random() < 0.15
        self.only_first = random.random() < 0.2
        self.form = random.randrange(4)
        self.counter = random.choice((0, 0, 2000, 1 << 31))
        self.session_key = random.choice((None,) * 7 + (self.title[::-1] * 2,)) if self.title else None

    def _entry(self):
        code = self.random.choice(CODES)
        make = self.random.choice(
            (self._integer, self._integer, self._integer, self._float, self._text, self._other, self._date_time)
        )
        if code == "0.0.1.0.0.255":
            make = self._date_time
        stated = None
        if self.random.random() < 0.7:
            stated = axdr.structure(axdr.int8(self.random.randint(-9, 9)), axdr.enum(self.random.choice(UNITS)))
        return axdr.octets(parse_obis(code)), make(), stated, code

    def _integer(self):
        tag = self.random.choice((*INTEGERS, Tag.UINT32, Tag.UINT32, Tag.UINT16))
        code = INTEGERS[tag]
        bits = 8 * struct.calcsize(code)
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if code.islower() else (0, (1 << bits) - 1)

        def value():
            if self.random.random() < 0.15:
                return Data(tag, self.random.choice((low, high, 0, high - 1, low + 1)))
            return Data(tag, self.random.randint(max(low, -5000), min(high, 5000)))

        return value

    def _float(self):
        tag = self.random.choice((Tag.FLOAT32, Tag.FLOAT64))

        def value():
            number = self.random.choice(FLOATS) if self.random.random() < 0.3 else self.random.uniform(-1000, 1000)
            if tag == Tag.FLOAT32:
                number = struct.unpack(">f", struct.pack(">f", number if abs(number) < 3e38 else 1.0))[0]
            return Data(tag, number)

        return value

    def _text(self):
        tag = self.random.choice((Tag.OCTET_STRING, Tag.OCTET_STRING, Tag.VISIBLE_STRING, Tag.UTF8_STRING))
        length = self.random.choice((16, 16, 6, 12, 8, 0))
        known = self.random.choice(NAMES)

        def value():
            octets = known if length == 16 and self.random.random() < 0.6 else None
            if octets is None:
                octets = bytes(self.random.choice(b"ABCKFM0123 \x00\x01\x07\xe8\xff") for _ in range(length))
            if tag == Tag.OCTET_STRING:
                return Data(tag, octets)
            return Data(
                tag,
                octets.decode("latin-1")
                if tag == Tag.VISIBLE_STRING
                else octets.decode("ascii", "replace")[:length].replace("\ufffd", "?"),
            )

        return value

    def _date_time(self):
        tag = self.random.choice((Tag.OCTET_STRING, Tag.OCTET_STRING, Tag.DATE_TIME))
        return lambda: Data(tag, self.moment())

    def _other(self):
        choice = self.random.randrange(8)
        row = self._integer()
        return (
            lambda: Data(Tag.BOOLEAN, self.random.random() < 0.5),
            lambda: Data(Tag.ENUM, self.random.randrange(256)),
            lambda: axdr.NULL,
            lambda: Data(Tag.BCD, self.random.randrange(256)),
            lambda: Data(Tag.BIT_STRING, BitString(12, bytes((self.random.randrange(256), 0xF0)))),
            lambda: Data(Tag.DATE, self.moment()[:5]),
            lambda: Data(Tag.TIME, self.moment()[5:9]),
            lambda: axdr.structure(row(), row()),
        )[choice]

    def _column(self, column):
        if column.type == "number":
            return self._integer()
        if column.type == "boolean":
            return lambda: Data(Tag.BOOLEAN, self.random.random() < 0.5)
        lengths = {"date-time": 12, "date": 5, "time": 4, "obis": 6}
        if column.type == "obis":
            return lambda: axdr.octets(parse_obis("1.0.1.8.0.255"))
        if column.type in lengths:
            begin = 5 if column.type == "time" else 0
            return lambda: axdr.octets(self.moment()[begin : begin + lengths[column.type]])
        filler = 12 - len(column.starts)
        return lambda: axdr.octets(
            column.starts.encode() + bytes(self.random.choice(b"0123456789") for _ in range(filler))
        )

    def moment(self, minutes=None):
        """A date-time of twelve octets."""
        of = self.random
        if self.dates == "any" and of.random() < 0.3:
            return bytes(of.choice((0xFF, 0, 0x80, of.randrange(256))) for _ in range(12))
        when = of.choice((1_711_843_200, 1_729_987_200, 1_709_294_400, 946_684_800)) // 60 + of.randrange(600)
        if minutes is not None:
            when = 1_729_980_000 // 60 + minutes
        day, minute = divmod(when, 1440)
        year, month, date = _civil(day)
        deviation = {"usual": of.choice((-60, -120, 0, 300)), "local": -0x8000}.get(
            self.dates, of.choice((-0x8000, -60))
        )
        if minutes is not None and self.dates != "local":
            deviation = -60
        second = of.randrange(60) if minutes is None else 0
        status = of.choice((0, 0, 0, 0x80, 0xFF, 1, 2)) if minutes is None else 0
        hour, minute, hundredths = minute // 60, minute % 60, of.choice((0, 0xFF))
        return struct.pack(">HBBBBBBBhB", year, month, date, 0xFF, hour, minute, second, hundredths, deviation, status)

    def _table(self):
        start, step = self.random.randrange(96) * 15, self.random.choice((15, 15, 15, 60, 7))
        rows = []
        at = start
        for number in range(self.rows):
            stamp = axdr.octets(self.moment(at)) if not (self.only_first and number) else axdr.NULL
            rows.append(axdr.structure(stamp, *[Data(tag, self._cell(tag)) for tag in self.cells]))
            at += step * (self.random.choice((1, 2)) if self.gaps else 1)
        return Data(Tag.ARRAY, tuple(rows))

    def _cell(self, tag):
        if self.random.random() < 0.02:
            return {Tag.UINT32: 0xFFFFFFFF, Tag.UINT16: 0xFFFF, Tag.INT32: -1, Tag.UINT8: 255}[tag]
        return self.random.choice((0, 0, 0, 1, 8)) if tag == Tag.UINT8 else self.random.randrange(30000)

    CAPTURED = ((8, "0.0.1.0.0.255"), (1, "0.0.96.10.1.255"), (3, "1.0.1.8.0.255"), (3, "1.0.32.7.0.255"))

    def body(self):
        """What is notified."""
        if self.kind == "push-list":
            targets = [_target(3, entry[3], 2) for entry in self.entries]
            return axdr.structure(Data(Tag.ARRAY, tuple(targets)), *[self._valued(entry) for entry in self.entries])
        if self.kind == "positional":
            return Data(Tag.STRUCTURE, tuple(make() for make in self.columns))
        if self.kind == "profile":
            profile = "1.0.99.1.0.255"
            wanted = [(7, profile, 3), (7, profile, 4), (7, profile, 2)]
            captured = Data(Tag.ARRAY, tuple(_target(of, code, 2) for of, code in self.CAPTURED))
            return axdr.structure(
                Data(Tag.ARRAY, tuple(_target(*each) for each in wanted)),
                captured,
                axdr.uint32(self.period),
                self._table(),
            )
        if self.kind == "rows":
            description = TypeDescription(
                Tag.STRUCTURE, 0, (TypeDescription(Tag.OCTET_STRING), TypeDescription(Tag.UINT32))
            )
            items = tuple(
                axdr.structure(axdr.octets(parse_obis(entry[3])), axdr.uint32(self.random.randrange(9000)))
                for entry in self.entries
            )
            return Data(Tag.COMPACT_ARRAY, CompactArray(description, items))
        if self.kind == "unknown":
            return axdr.structure(*[entry[1]() for entry in self.entries], axdr.boolean(value=True))
        form = self.form
        if form == 0:
            parts = []
            for code, make, stated, _ in self.entries:
                parts += [code, make(), *((stated,) if stated else ())]
            return Data(Tag.STRUCTURE, tuple(parts))
        rows = tuple(
            axdr.structure(code, make(), *((stated,) if stated and form == 1 else ()))
            for code, make, stated, _ in self.entries
        )
        return Data(Tag.ARRAY, rows)

    @staticmethod
    def _valued(entry):
        _, make, stated, _ = entry
        return axdr.structure(make(), stated) if stated else make()

    def apdu(self):
        """A plain APDU, and the context of a poll."""
        self.counter += 1
        if self.kind == "event":
            code, make, _, _ = self.entries[0]
            return EventNotification(self.moment(), 1, code.value, 2, make()).to_bytes(), None
        if self.kind in {"answer", "answers"}:
            return self._answer()
        time = self.moment() if self.timed else b""
        return DataNotification(self.counter, time, self.body(), self.tagged and bool(time)).to_bytes(), None

    def _answer(self):
        exchange = exchange_pb2.Exchange()
        if self.form == 3 and self.kind == "answer":
            target = CosemAttribute(7, parse_obis("1.0.99.1.0.255"), 2)
            exchange.request = GetRequestNormal(0xC1, target).to_bytes()
            for of, code in self.CAPTURED:
                column = exchange.capture_objects.add(class_id=of, obis=parse_obis(code), attribute=2)
                if of == 3:
                    column.scaler_unit.scaler, column.scaler_unit.unit = -1, 30
            exchange.capture_period_s = self.period
            return GetResponseNormal(0xC1, self._table()).to_bytes(), exchange
        targets = [CosemAttribute(3, code.value, 2) for code, *_ in self.entries]
        results = [make() for _, make, _, _ in self.entries]
        if self.kind == "answer":
            exchange.request = GetRequestNormal(0xC1, targets[0]).to_bytes()
            if self.form == 0:
                exchange.scaler_unit.scaler, exchange.scaler_unit.unit = -2, 30
            if self.form == 1:
                exchange.logical_device_name = b"ABC0000000000001"
            return GetResponseNormal(0xC1, results[0]).to_bytes(), exchange
        exchange.request = GetRequestWithList(0xC1, tuple((target, None) for target in targets)).to_bytes()
        if self.form == 0:
            results[0] = DataAccessResult.OBJECT_UNDEFINED
        return GetResponseWithList(0xC1, tuple(results)).to_bytes(), exchange

    def record(self, offset):
        """The next raw record of this shape."""
        octets, exchange = self.apdu()
        headers = {"ami-exchange": b"poll" if exchange else b"push", "ami-framing": self.framing.encode()}
        if exchange:
            headers["ami-context"] = exchange.SerializeToString()
        title = self.title
        if title and self.protection != "plain":
            keys = keys_of(title)
            sealed = self.protection == "sealed" and keys.authentication is not None
            protection = Protection.AUTHENTICATED_ENCRYPTED if sealed else Protection.ENCRYPTED
            form = Form.GENERAL_GLO
            if self.session_key:
                keys = replace(keys, dedicated=self.session_key)
                form = Form.DED if exchange else Form.GENERAL_DED
                whose = title if self.random.random() < 0.9 else TITLES[2]
                wrapped = wrap_session_key(self.session_key, whose, OpenStore())
                headers["ami-session-key"] = wrapped if self.random.random() < 0.9 else wrapped[1:]
                headers["ami-system-title"] = title.hex().encode()
            octets = protect(
                octets, keys=keys, system_title=title, invocation_counter=self.counter, protection=protection, form=form
            )
            if self.random.random() < 0.02:
                octets = octets[:-1] + bytes((octets[-1] ^ 1,))
        elif title:
            headers["ami-system-title"] = title.hex().encode()
        if self.framing == "wrapper":
            octets = wrapper.encode(octets, 1, 16)
        elif self.framing == "hdlc":
            octets = (
                hdlc.HdlcFrame(b"\x03", b"\x21", 0x13, b"\xe6\xe7\x00" + octets).to_bytes()
                if len(octets) < 1900
                else octets
            )
        timestamp = 0
        if self.received:
            headers["ce_time"] = self.random.choice(
                (b"2024-10-27T01:30:%02d.%06dZ" % (self.random.randrange(60), self.random.randrange(10**6)),
                 b"2025-06-01T00:00:00Z", b"2026-11-26T10:00:60.000000Z", b"soon")
            )  # fmt: skip
            timestamp = self.random.choice((0, EARLIEST_US // 1000, 1_764_000_000_000))
        topic, partition = self.random.choice((("ami.raw.v1", 3), ("ami.raw.v1", 0)))
        return RawRecord(topic, partition, self.random.choice((0, offset)), self.key, octets, headers, timestamp)


def _target(class_id, code, attribute):
    return axdr.structure(axdr.uint16(class_id), axdr.octets(parse_obis(code)), axdr.int8(attribute), axdr.uint16(0))


def _civil(day):
    """Year, month and day of a number of days since 1970."""
    from datetime import date, timedelta

    found = date(1970, 1, 1) + timedelta(days=day)
    return found.year, found.month, found.day
