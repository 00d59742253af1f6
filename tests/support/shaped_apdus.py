"""What the tests of shapes share: the generic decoder as the oracle, and APDUs of many shapes."""

from hypothesis import strategies as st

from ami_dlms import apdu, axdr
from ami_dlms.apdu import DataAccessResult, DataNotification, EventNotification, GetResponseNormal, GetResponseWithList
from ami_dlms.axdr import BitString, CompactArray, Data, Tag, TypeDescription
from ami_dlms.errors import DlmsError

BOUNDS = {
    Tag.INT8: (-(2**7), 2**7 - 1), Tag.DELTA_INT8: (-(2**7), 2**7 - 1),
    Tag.INT16: (-(2**15), 2**15 - 1), Tag.DELTA_INT16: (-(2**15), 2**15 - 1),
    Tag.INT32: (-(2**31), 2**31 - 1), Tag.DELTA_INT32: (-(2**31), 2**31 - 1),
    Tag.INT64: (-(2**63), 2**63 - 1),
    Tag.UINT8: (0, 2**8 - 1), Tag.BCD: (0, 2**8 - 1), Tag.ENUM: (0, 2**8 - 1), Tag.DELTA_UINT8: (0, 2**8 - 1),
    Tag.UINT16: (0, 2**16 - 1), Tag.DELTA_UINT16: (0, 2**16 - 1),
    Tag.UINT32: (0, 2**32 - 1), Tag.DELTA_UINT32: (0, 2**32 - 1),
    Tag.UINT64: (0, 2**64 - 1),
}  # fmt: skip

OBIS = [bytes.fromhex(code) for code in ("0100010800ff", "0100020800ff", "0000010000ff", "00002a0000ff")]


def values(tag):
    if tag in BOUNDS:
        return st.integers(*BOUNDS[tag])
    return {
        Tag.NULL: st.none(),
        Tag.DONT_CARE: st.none(),
        Tag.BOOLEAN: st.booleans(),
        Tag.BIT_STRING: st.binary(max_size=3).map(lambda octets: BitString(max(0, len(octets) * 8 - 3), octets)),
        Tag.OCTET_STRING: st.one_of(st.sampled_from(OBIS), st.binary(max_size=13)),
        Tag.VISIBLE_STRING: st.text(st.characters(max_codepoint=255), max_size=9),
        Tag.UTF8_STRING: st.text(max_size=5),
        Tag.FLOAT32: st.floats(width=32),
        Tag.FLOAT64: st.floats(),
        Tag.DATE_TIME: st.binary(min_size=12, max_size=12),
        Tag.DATE: st.binary(min_size=5, max_size=5),
        Tag.TIME: st.binary(min_size=4, max_size=4),
    }[tag]


PLAIN = [tag for tag in Tag if tag not in (Tag.ARRAY, Tag.STRUCTURE, Tag.COMPACT_ARRAY)]
DESCRIPTIONS = st.recursive(
    st.sampled_from([tag for tag in PLAIN if tag not in (Tag.NULL, Tag.DONT_CARE)]).map(TypeDescription),
    lambda inner: st.one_of(
        st.tuples(st.integers(1, 3), inner).map(lambda pair: TypeDescription(Tag.ARRAY, pair[0], (pair[1],))),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda members: TypeDescription(Tag.STRUCTURE, len(members), tuple(members))
        ),
    ),
    max_leaves=4,
)


def contents(description):
    if description.tag in (Tag.ARRAY, Tag.STRUCTURE):
        members = description.members * (description.size if description.tag == Tag.ARRAY else 1)
        return st.tuples(*map(contents, members)).map(lambda items: Data(description.tag, items))
    return values(description.tag).map(lambda value: Data(description.tag, value))


SCALER_UNIT = st.builds(lambda s, u: axdr.structure(axdr.int8(s), axdr.enum(u)), st.integers(-20, 20), st.just(30))
REGISTER = st.builds(
    lambda code, value, unit: axdr.structure(axdr.octets(code), axdr.uint32(value), unit),
    st.sampled_from(OBIS), st.integers(0, 2**32 - 1), SCALER_UNIT,
)  # fmt: skip
CAPTURE = st.builds(
    lambda kind, code: axdr.structure(axdr.uint16(kind), axdr.octets(code), axdr.int8(2), axdr.uint16(0)),
    st.integers(1, 8), st.sampled_from(OBIS),
)  # fmt: skip
COMPACT = DESCRIPTIONS.flatmap(
    lambda description: st.lists(contents(description), max_size=4).map(
        lambda items: Data(Tag.COMPACT_ARRAY, CompactArray(description, tuple(items)))
    )
)
LEAF = st.one_of(
    st.sampled_from(PLAIN).flatmap(lambda tag: values(tag).map(lambda value: Data(tag, value))),
    REGISTER, SCALER_UNIT, CAPTURE, COMPACT,
)  # fmt: skip


@st.composite
def tables(draw):
    """An array whose rows are alike: the same types, other values."""
    kinds = draw(st.lists(st.sampled_from(PLAIN), min_size=1, max_size=4))
    cells = [st.binary(min_size=12, max_size=12) if kind == Tag.OCTET_STRING else values(kind) for kind in kinds]
    return axdr.array(
        *[axdr.structure(*map(Data, kinds, [draw(cell) for cell in cells])) for _ in range(draw(st.integers(1, 6)))]
    )


DATA = st.recursive(
    st.one_of(LEAF, tables()),
    lambda inner: st.tuples(st.sampled_from([Tag.ARRAY, Tag.STRUCTURE]), st.lists(inner, max_size=4)).map(
        lambda pair: Data(pair[0], tuple(pair[1]))
    ),
    max_leaves=8,
)
MOMENTS = st.binary(min_size=12, max_size=12)
APDUS = st.one_of(
    st.builds(
        DataNotification, st.integers(0, 2**32 - 1), st.one_of(st.just(b""), MOMENTS), DATA
    ),
    st.builds(DataNotification, st.integers(0, 2**32 - 1), MOMENTS, DATA, st.just(True)),
    st.builds(EventNotification, st.one_of(st.none(), MOMENTS), st.integers(0, 99), st.sampled_from(OBIS),
              st.integers(1, 9), DATA),
    st.builds(GetResponseNormal, st.integers(0, 255), DATA),
    st.builds(GetResponseWithList, st.integers(0, 255),
              st.lists(st.one_of(DATA, st.sampled_from(DataAccessResult)), max_size=4).map(tuple)),
)  # fmt: skip


def outcome(decode, octets):
    """What comes out, NaN comparable too: a value, or the error with all it says."""
    try:
        return repr(decode(octets))
    except DlmsError as error:
        return type(error), str(error), getattr(error, "offset", None)


def generic(octets):
    """What the generic decoder says."""
    return outcome(apdu.decode, octets)


def fast(shapes, octets):
    """What a cache of shapes says."""
    return outcome(lambda value: shapes.decode(value).apdu, octets)
