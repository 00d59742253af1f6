"""APDUs by a seeded generator: every service, every data type, values at the edges of their range among them."""

import random
import struct

from ami_dlms import axdr
from ami_dlms.apdu import (
    Aare,
    Aarq,
    ActionRequestNextPblock,
    ActionRequestNormal,
    ActionResponseNormal,
    ActionResponseWithPblock,
    ActionResult,
    ConfirmedServiceError,
    Conformance,
    CosemAttribute,
    CosemMethod,
    DataAccessResult,
    DataNotification,
    EventNotification,
    ExceptionResponse,
    GeneralBlockTransfer,
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithDatablock,
    GetResponseWithList,
    InitiateRequest,
    InitiateResponse,
    Rlre,
    Rlrq,
    SelectiveAccess,
    SetRequestNormal,
    SetRequestWithDatablock,
    SetRequestWithFirstDatablock,
    SetResponseDatablock,
    SetResponseLastDatablock,
    SetResponseNormal,
)
from ami_dlms.axdr import BitString, CompactArray, Data, Tag, TypeDescription

BITS = {
    Tag.INT8: (8, True), Tag.INT16: (16, True), Tag.INT32: (32, True), Tag.INT64: (64, True),
    Tag.UINT8: (8, False), Tag.UINT16: (16, False), Tag.UINT32: (32, False), Tag.UINT64: (64, False),
    Tag.ENUM: (8, False), Tag.BCD: (8, False),
    Tag.DELTA_INT8: (8, True), Tag.DELTA_INT16: (16, True), Tag.DELTA_INT32: (32, True),
    Tag.DELTA_UINT8: (8, False), Tag.DELTA_UINT16: (16, False), Tag.DELTA_UINT32: (32, False),
}  # fmt: skip
CONTAINERS = (Tag.ARRAY, Tag.STRUCTURE)
PLAIN = [tag for tag in Tag if tag not in (*CONTAINERS, Tag.COMPACT_ARRAY)]
CLASSES = (1, 3, 4, 5, 7, 8, 9, 11, 15, 17, 18, 20, 21, 22, 23, 40, 41, 64, 70, 71, 72)
SERVICES = ("get", "set", "action", "notify", "refuse", "associate")


class Generator:
    """Random APDUs; the same seed gives the same ones. `invokes`: the invoke ids and priorities to choose from."""

    def __init__(self, seed, invokes=range(256), services=SERVICES):
        self.random = random.Random(seed)
        self.invokes = invokes
        self.services = services

    def long_invoke(self):
        """Four octets: the flags of a short invoke id in front, whatever number behind."""
        return (self.random.choice(self.invokes) & 0xF0) << 24 | self.u(24)

    def octets(self, low, high):
        return self.random.randbytes(self.random.randint(low, high))

    def u(self, bits):
        """An unsigned number, at an edge one time in four."""
        top = (1 << bits) - 1
        return self.random.choice((0, 1, top // 2, top)) if self.random.random() < 0.25 else self.random.randint(0, top)

    # Data

    def plain(self, tag):
        """A value of a type that holds no others."""
        draw = self.random
        if tag in BITS:
            bits, signed = BITS[tag]
            value = self.u(bits)
            return value - (1 << bits) if signed and value >> (bits - 1) else value
        if tag is Tag.BOOLEAN:
            return draw.random() < 0.5
        if tag is Tag.BIT_STRING:
            length = draw.randint(0, 40)
            octets = bytearray(draw.randbytes((length + 7) // 8))
            if length % 8:
                octets[-1] &= 0xFF << (8 - length % 8) & 0xFF
            return BitString(length, bytes(octets))
        if tag is Tag.OCTET_STRING:
            return self.octets(0, draw.choice((6, 12, 40, 300)))
        if tag is Tag.VISIBLE_STRING:
            return draw.randbytes(draw.randint(0, 30)).decode("latin-1") if draw.random() < 0.3 else self.text()
        if tag is Tag.UTF8_STRING:
            return (
                "".join(map(chr, draw.choices(range(1, 0x800), k=draw.randint(0, 9))))
                if draw.random() < 0.3
                else self.text()
            )
        if tag is Tag.FLOAT32:
            return struct.unpack(
                ">f", struct.pack(">f", draw.choice((0.0, -0.0, 1.5, 3.4e38, draw.uniform(-1e6, 1e6))))
            )[0]
        if tag is Tag.FLOAT64:
            return draw.choice((0.0, -0.0, 1.5, 1.7e308, draw.uniform(-1e6, 1e6)))
        if tag is Tag.DATE_TIME:
            return (
                self.date()
                + self.time()
                + draw.choice((b"\x80\x00", b"\xff\xc4", b"\x00\x00", b"\xff\x88"))
                + draw.choice((b"\x00", b"\x80", b"\xff"))
            )
        if tag is Tag.DATE:
            return self.date()
        return self.time() if tag is Tag.TIME else None

    def text(self):
        return "".join(map(chr, self.random.choices(range(0x20, 0x7F), k=self.random.randint(0, 20))))

    def date(self):
        return struct.pack(
            ">HBBB", self.random.randint(2000, 2090), self.random.randint(1, 12), self.random.randint(1, 28), 0xFF
        )

    def time(self):
        return bytes(
            (
                self.random.randint(0, 23),
                self.random.randint(0, 59),
                self.random.randint(0, 59),
                self.random.choice((0, 50, 0xFF)),
            )
        )

    def data(self, depth=3, tags=PLAIN):
        """Any value, compact arrays aside."""
        if depth and self.random.random() < 0.35:
            items = tuple(self.data(depth - 1, tags) for _ in range(self.random.choice((0, 1, 2, 3, 5))))
            return Data(self.random.choice(CONTAINERS), items)
        tag = self.random.choice(tags)
        return Data(tag, self.plain(tag))

    def compact_array(self, tags, *, arrays):
        """A compact array of plain values, structures and, where asked for, arrays."""
        description = self.description(tags, 2, arrays=arrays)
        items = tuple(self.described(description) for _ in range(self.random.randint(1, 4)))
        return Data(Tag.COMPACT_ARRAY, CompactArray(description, items))

    def description(self, tags, depth, *, arrays):
        kind = self.random.random()
        if depth and kind < 0.4:
            members = tuple(self.description(tags, depth - 1, arrays=arrays) for _ in range(self.random.randint(1, 3)))
            return TypeDescription(Tag.STRUCTURE, len(members), members)
        if depth and arrays and kind < 0.6:
            return TypeDescription(
                Tag.ARRAY, self.random.randint(1, 3), (self.description(tags, depth - 1, arrays=arrays),)
            )
        return TypeDescription(self.random.choice(tags))

    def described(self, description):
        if description.tag not in CONTAINERS:
            return Data(description.tag, self.plain(description.tag))
        members = description.members * (description.size if description.tag == Tag.ARRAY else 1)
        return Data(description.tag, tuple(map(self.described, members)))

    # APDUs

    def apdu(self):
        """One APDU of any service."""
        return getattr(self, self.random.choice(self.services))()

    def attribute(self):
        return CosemAttribute(self.random.choice(CLASSES), self.octets(6, 6), self.random.randint(0, 127))

    def access(self):
        return SelectiveAccess(self.random.randint(0, 255), self.data(2)) if self.random.random() < 0.4 else None

    def result(self):
        """A value, or the reason why there is none."""
        if self.random.random() < 0.2:
            return self.random.choice([code for code in DataAccessResult if code])
        return self.data()

    def get(self):
        draw, invoke = self.random, self.random.choice(self.invokes)
        return draw.choice(
            (
                lambda: GetRequestNormal(invoke, self.attribute(), self.access()),
                lambda: GetRequestNext(invoke, self.u(32)),
                lambda: GetRequestWithList(
                    invoke, tuple((self.attribute(), self.access()) for _ in range(draw.randint(1, 4)))
                ),
                lambda: GetResponseNormal(invoke, self.result()),
                lambda: GetResponseWithDatablock(invoke, draw.random() < 0.5, self.u(32), self.octets(0, 200)),
                lambda: GetResponseWithDatablock(
                    invoke, draw.random() < 0.5, self.u(32), DataAccessResult(draw.choice((1, 14, 250)))
                ),
                lambda: GetResponseWithList(invoke, tuple(self.result() for _ in range(draw.randint(1, 4)))),
            )
        )()

    def set(self):
        draw, invoke = self.random, self.random.choice(self.invokes)
        return draw.choice(
            (
                lambda: SetRequestNormal(invoke, self.attribute(), self.access(), self.data()),
                lambda: SetRequestWithFirstDatablock(
                    invoke, self.attribute(), self.access(), draw.random() < 0.5, 1, self.octets(0, 200)
                ),
                lambda: SetRequestWithDatablock(invoke, draw.random() < 0.5, self.u(32), self.octets(0, 200)),
                lambda: SetResponseNormal(invoke, draw.choice(list(DataAccessResult))),
                lambda: SetResponseDatablock(invoke, self.u(32)),
                lambda: SetResponseLastDatablock(invoke, draw.choice(list(DataAccessResult)), self.u(32)),
            )
        )()

    def action(self):
        draw, invoke = self.random, self.random.choice(self.invokes)
        method = CosemMethod(draw.choice(CLASSES), self.octets(6, 6), draw.randint(0, 127))
        return draw.choice(
            (
                lambda: ActionRequestNormal(invoke, method, self.data() if draw.random() < 0.7 else None),
                lambda: ActionRequestNextPblock(invoke, self.u(32)),
                lambda: ActionResponseNormal(
                    invoke, draw.choice(list(ActionResult)), self.result() if draw.random() < 0.7 else None
                ),
                lambda: ActionResponseWithPblock(invoke, draw.random() < 0.5, self.u(32), self.octets(0, 200)),
            )
        )()

    def notify(self):
        draw, stamp = self.random, self.plain(Tag.DATE_TIME)
        return draw.choice(
            (
                lambda: DataNotification(self.long_invoke(), draw.choice((b"", stamp)), self.data(4)),
                lambda: EventNotification(
                    draw.choice((None, stamp)),
                    draw.choice(CLASSES),
                    self.octets(6, 6),
                    draw.randint(0, 127),
                    self.data(),
                ),
                lambda: GeneralBlockTransfer(
                    draw.random() < 0.5,
                    draw.random() < 0.5,
                    draw.randint(0, 63),
                    self.u(16),
                    self.u(16),
                    self.octets(0, 200),
                ),
            )
        )()

    def refuse(self):
        draw = self.random
        if draw.random() < 0.5:
            error = draw.randint(1, 6)
            return ExceptionResponse(draw.randint(1, 2), error, self.u(32) if error == 6 else None)
        return ConfirmedServiceError(1, 6, draw.randint(0, 4))

    def conformance(self):
        return Conformance(sum(bit for bit in Conformance if self.random.random() < 0.5))

    def proposal(self):
        return InitiateRequest(
            self.conformance(),
            self.u(16),
            self.random.choice((None, self.octets(16, 16))),
            response_allowed=self.random.random() < 0.8,
            quality_of_service=self.random.choice((None, None, self.random.randint(-128, 127))),
        )

    def agreement(self):
        return InitiateResponse(self.conformance(), self.u(16), self.random.choice((None, self.random.randint(0, 127))))

    def associate(self):
        draw = self.random
        title = draw.choice((None, self.octets(8, 8)))
        mechanism = draw.choice((None, 1, 2, 3, 4, 5, 6, 7))
        secret = None if mechanism is None else self.octets(1, 64)
        context = draw.randint(1, 4)
        return draw.choice(
            (
                self.proposal,
                self.agreement,
                lambda: Aarq(context, title, None, mechanism, secret, self.proposal().to_bytes()),
                lambda: Aare(
                    draw.randint(0, 2),
                    draw.randint(0, 14),
                    False,
                    context,
                    title,
                    None,
                    mechanism,
                    secret,
                    self.agreement().to_bytes(),
                ),
                lambda: Aare(
                    1, 1, False, context, user_information=ConfirmedServiceError(1, 6, draw.randint(0, 4)).to_bytes()
                ),
                lambda: Rlrq(draw.choice((None, 0, 1, 30)), draw.choice((b"", self.proposal().to_bytes()))),
                lambda: Rlre(draw.choice((None, 0, 1, 30)), draw.choice((b"", self.agreement().to_bytes()))),
            )
        )()


def tags_in(data):
    """The tags of a value and of all in it."""
    yield data.tag
    if data.tag in CONTAINERS:
        for item in data.value:
            yield from tags_in(item)
    elif data.tag == Tag.COMPACT_ARRAY:
        for item in data.value.items:
            yield from tags_in(item)


def data_in(apdu):
    """The values an APDU holds."""
    for name in apdu.__slots__:
        yield from _data(getattr(apdu, name))


def _data(part):
    if isinstance(part, Data):
        yield part
    elif isinstance(part, SelectiveAccess):
        yield part.parameters
    elif isinstance(part, tuple) and not isinstance(part, axdr.BitString):
        for item in part:
            yield from _data(item)
