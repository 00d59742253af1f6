"""What the cache keeps is bounded, and what it learned stays useful while somebody floods it."""

import gc
import random
import tracemalloc

import pytest
from support.shaped_apdus import fast, generic

from ami_dlms import axdr
from ami_dlms.apdu import DataNotification, GetResponseNormal
from ami_dlms.axdr import Data, Tag
from ami_dlms.errors import DataMalformed
from ami_dlms.shapes import Shapes

pytestmark = pytest.mark.unit

CODE = bytes.fromhex("0100010800ff")


def push(*items):
    return DataNotification(1, bytes(12), axdr.structure(*items)).to_bytes()


def register(number, value):
    """A push of one register whose OBIS code is a constant of its own."""
    return push(axdr.octets(b"\x01\x00" + number.to_bytes(3, "big") + b"\xff"), axdr.uint32(value))


def test_meters_of_one_layout_share_a_template():
    shapes = Shapes()
    templates = {shapes.decode(register(1, value)).template for value in range(100)}
    assert (len(templates), len(shapes), shapes.learned, shapes.generic, shapes.hits) == (1, 1, 1, 1, 99)


def test_constants_tell_templates_apart():
    shapes = Shapes()
    units = [
        push(axdr.octets(CODE), axdr.uint32(7), axdr.structure(axdr.int8(scaler), axdr.enum(unit)))
        for scaler, unit in ((0, 30), (-1, 30), (0, 32))
    ]
    assert len({shapes.decode(message).template for message in units * 2}) == 3
    assert [shapes.decode(message).values[-1] for message in units] == [7, 7, 7]
    assert shapes.learned == 3


def test_serial_numbers_do_not():
    shapes = Shapes()
    meters = [
        push(axdr.octets(b"%06d" % number), axdr.visible(f"{number:08}"), axdr.uint32(number)) for number in range(50)
    ]
    assert len({shapes.decode(message).template for message in meters}) == 1
    assert shapes.decode(meters[3]).values == (1, bytes(12), b"000003", "00000003", 3)


def test_templates_are_bounded_in_number_and_those_in_use_stay():
    shapes = Shapes(64)
    used = register(0, 0)
    template = shapes.decode(used).template
    for number in range(1, 1000):
        message = register(number, number)
        assert fast(shapes, message) == generic(message)
        assert shapes.decode(used).template is template
        assert len(shapes) <= 64
    assert shapes.learned == 1000


def test_templates_are_bounded_in_octets():
    most = 1024 * 1024
    shapes = Shapes(max_octets=most)
    gc.collect()
    tracemalloc.start()
    try:
        for length in range(250):
            shapes.decode(push(axdr.octets(bytes(length + 14)), *[axdr.uint8(1), axdr.int64(2)] * 20))
        gc.collect()
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert 20 < len(shapes) < 250
    assert held < 2 * most
    large = push(axdr.octets(bytes(200_000)))
    assert shapes.decode(large).template is None
    assert fast(shapes, large) == generic(large)


def test_a_flood_of_shapes_is_learned_less_and_less():
    shapes, source = Shapes(), random.Random(3)
    used = register(0, 0)
    template = shapes.decode(used).template
    kinds = [axdr.uint8(1), axdr.int8(1), axdr.enum(1), axdr.boolean(True), Data(Tag.BCD, 1)]
    for _ in range(6000):
        message = push(*source.choices(kinds, k=8))
        shapes.decode(message)
    assert shapes.learned < 4096 + 200
    assert shapes.decode(used).template is template
    assert len(shapes) <= 4096


def test_layouts_of_one_length_are_bounded():
    """Each layout of a length costs a look-up: there are never more than sixteen of a generation."""
    shapes = Shapes()
    for bits in range(256):
        message = push(*[axdr.octets(b"\x00") if bits >> at & 1 else axdr.int16(0) for at in range(8)])
        assert fast(shapes, message) == generic(message)
        assert fast(shapes, message) == generic(message)
    assert shapes.learned == 256
    assert [len(layouts) for layouts in shapes._young.values()] == [16]
    assert len(shapes) == 16


def test_text_that_is_not_utf_8_is_refused_as_by_the_generic_decoder():
    shapes = Shapes()
    good, bad = (push(Data(Tag.UTF8_STRING, "aé")), push(Data(Tag.UTF8_STRING, "aé")).replace(b"\xc3", b"\xff"))
    for _ in range(2):
        assert fast(shapes, good) == generic(good)
        assert fast(shapes, bad) == generic(bad)
        with pytest.raises(DataMalformed):
            shapes.decode(bad)


def test_a_number_that_is_none_is_no_obstacle():
    shapes = Shapes()
    good, bad = (push(Data(Tag.FLOAT32, value)) for value in (1.5, float("nan")))
    assert shapes.decode(bad).template is None
    template = shapes.decode(good).template
    assert shapes.decode(bad).template is template
    assert fast(shapes, bad) == generic(bad)


def profile(rows, source):
    return Data(
        Tag.ARRAY,
        tuple(
            axdr.structure(
                axdr.octets(source.randbytes(12)),
                axdr.uint8(source.getrandbits(8)),
                axdr.uint32(source.getrandbits(32)),
                axdr.int64(source.getrandbits(60)),
            )
            for _ in range(rows)
        ),
    )


@pytest.mark.parametrize("rows", [1, 2, 96, 1500])
def test_profiles_are_one_run_whose_columns_are_slices(rows):
    source, shapes = random.Random(rows), Shapes()
    for _ in range(3):
        body = axdr.structure(axdr.octets(CODE), profile(rows, source), axdr.visible("end"))
        message = GetResponseNormal(1, body).to_bytes()
        template, values, _ = decoded = shapes.decode(message)
        assert decoded.apdu == GetResponseNormal(1, body)
        table = body.value[1].value
        if rows > 1:
            run = template.runs[1]
            assert [field.path for field in run.fields] == [("result", 1, None, column) for column in range(4)]
            assert run.rows == rows
            for column in range(4):
                assert values[run.column(column)] == tuple(row.value[column].value for row in table)
    assert shapes.learned == 1


def test_rows_written_differently_are_still_right():
    """Lengths may be written longer than needed; rows alike in all but that have other offsets."""
    plain, long = bytes.fromhex("0202 11aa 0901bb"), bytes.fromhex("028102 11aa 0901bb")
    for rows in (4, 3000):
        body = b"\x01\x82" + rows.to_bytes(2, "big") + (plain + long) * (rows // 2)
        message = b"\xc4\x01\x01\x00" + body
        shapes = Shapes()
        for _ in range(2):
            assert fast(shapes, message) == generic(message)
        changed = message.replace(b"\xaa", b"\xab")
        assert fast(shapes, changed) == generic(changed)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x0f",
        b"\x0f\x00\x00\x00\x01\x00" + b"\x02\x01" * 100_000,
        b"\x0f\x00\x00\x00\x01\x00" + bytes.fromhex("0182ffff") * 16_384,
        b"\x0f\x00\x00\x00\x01\x00" + b"\x02\x03\x11\x01\x11",
        b"\xc4\x01\x01\x00" + b"\x01\x84\xff\xff\xff\xff",
        b"\xc4\x01\x01\x00" + b"\x01\x82\xff\xff" + bytes(65_535),
        b"\xc4\x01\x01\x00" + b"\x02\x01" * 31 + b"\x02\x00",
    ],
)
def test_hostile_messages_end_as_with_the_generic_decoder(octets):
    shapes = Shapes()
    for _ in range(3):
        assert fast(shapes, octets) == generic(octets)


def test_a_plan_stays_with_its_template():
    shapes = Shapes()
    shapes.decode(register(1, 1)).template.plan = "compiled"
    assert shapes.decode(register(1, 2)).template.plan == "compiled"
