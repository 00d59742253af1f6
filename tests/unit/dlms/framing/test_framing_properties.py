"""The assembler on arbitrary octets: it never raises, loses nothing, and does bounded work."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_dlms.framing import Assembler, Framing, assembler, failure, hdlc, mbus, p1, unframe, wrapper

pytestmark = pytest.mark.unit

FRAMINGS = [None, *Framing]
APDU = b"\x0f\x00\x00\x00\x01\x00\x02\x01\x12\x00\x2a"
CIPHERED = bytes.fromhex("db08414d49303030303112") + b"\x20\x00\x00\x00\x01" + b"\x7e\xa0" * 6 + b"\x68"
TELEGRAM = b"/AMI5METER\r\n\r\n1-0:1.8.1(000123.456*kWh)\r\n!\r\n"

FRAMES = [
    wrapper.encode(APDU, 1, 1),
    wrapper.encode(CIPHERED, 1, 0x66),
    hdlc.HdlcFrame(b"\x03", b"\x02\x21", 0x13, b"\xe6\xe7\x00" + APDU).to_bytes(),
    hdlc.HdlcFrame(b"\x03", b"\x02\x21", 0x13, b"\xe6\xe7\x00" + CIPHERED[:12], segmented=True).to_bytes()
    + hdlc.HdlcFrame(b"\x03", b"\x02\x21", 0x13, CIPHERED[12:]).to_bytes(),
    hdlc.HdlcFrame(b"\x03", b"\x02\x21", 0x71).to_bytes(),
    b"".join(mbus.encode(CIPHERED, 1, 0x67, max_data=12)),
    CIPHERED,
    TELEGRAM,
]

pieces = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(FRAMES),
    st.sampled_from(
        [b"\x7e", b"\x7e\xa0", b"\x7e\xa7\xff", b"\x68\xff\xff\x68", b"\x00\x01", b"/AMI5", b"\xdb\x08", b"\r\n"]
    ),
    st.tuples(st.sampled_from(FRAMES), st.integers(0, 60), st.integers(0, 255)).map(
        lambda drawn: drawn[0][: drawn[1]] + bytes([drawn[2]]) + drawn[0][drawn[1] + 1 :]
    ),
)
streams = st.lists(pieces, max_size=8).map(b"".join)


def feed(chunks, framing, **options):
    link = Assembler(framing, **options)
    messages = [message for chunk in chunks for message in link.receive(chunk)]
    rest = link.flush()
    assert link.pending == 0
    assert link.flush() is None
    return messages + ([rest] if rest else [])


def chunks_of(data, sizes):
    chunks, begin = [], 0
    for size in sizes:
        chunks.append(data[begin : begin + size])
        begin += size
    return [*chunks, data[begin:]]


@settings(max_examples=250, deadline=None)
@given(streams, st.sampled_from(FRAMINGS), st.booleans(), st.lists(st.integers(1, 30), max_size=30))
def test_every_octet_is_accounted_for_however_it_arrives(data, framing, lenient, sizes):
    messages = feed([data], framing, lenient=lenient)

    assert b"".join(message.raw for message in messages) == data
    assert feed(chunks_of(data, sizes), framing, lenient=lenient) == messages
    for message in messages:
        assert message.raw
        assert not message.complete or message.apdus
        assert 0 <= message.noise <= len(message.raw)
        assert (failure(message) is None) == message.complete


@settings(max_examples=150, deadline=None)
@given(streams, st.sampled_from(FRAMINGS), st.integers(1, 50))
def test_no_message_exceeds_the_limit(data, framing, limit):
    for chunks in ([data], [data[index : index + 1] for index in range(len(data))]):
        messages = feed(chunks, framing, max_message=limit)

        assert b"".join(message.raw for message in messages) == data
        # What the end of a link leaves is at most one waiting frame behind one message.
        assert all(len(message.raw) <= limit for message in messages[:-1])


@settings(max_examples=150, deadline=None)
@given(streams, st.sampled_from(list(Framing)), st.booleans())
def test_unframe_takes_anything(data, framing, lenient):
    message = unframe(data, framing, lenient=lenient)

    assert message == Assembler(framing, lenient=lenient, exchange=True).receive_all(data)
    assert message.raw == data
    assert (failure(message) is None) == message.complete


@settings(max_examples=100, deadline=None)
@given(pieces, st.sampled_from(list(Framing)))
def test_a_record_of_one_frame_is_read_as_by_the_assembler(data, framing):
    assert unframe(data, framing) == Assembler(framing, exchange=True).receive_all(data)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(FRAMES), min_size=1, max_size=6), st.lists(st.integers(1, 30), max_size=20))
def test_frames_back_to_back_come_out_one_by_one(frames, sizes):
    messages = feed(chunks_of(b"".join(frames), sizes), None)

    whole = [message for message in messages if message.complete]
    assert len(whole) == sum(frame is not FRAMES[4] for frame in frames)
    assert sum(message.noise for message in messages) == 0


@pytest.mark.parametrize(
    "pattern",
    [
        b"\x7e",
        b"\x68",
        b"\x00\x01",
        b"\x7e\xa7\xff",
        b"\x7e\xa7\xff\x03\x21\x13",
        b"/AMI5",
        b"/AMI5\xff",
        b"\xdb\x08",
        b"\x00\x01\x00\x01\x00\x01\xff\xff\x0f",
        hdlc.HdlcFrame(b"\x03", b"\x21", 0x13, b"x" * 2030).to_bytes()[:8],
        hdlc.HdlcFrame(b"\x03", b"\x21", 0x13, b"x" * 2030).to_bytes()[:8] + b"\r\n",
        hdlc.HdlcFrame(b"\x03", b"\x21", 0x13, b"x", segmented=True).to_bytes(),
        mbus.encode(b"x", 1, 1)[0][:-1] + b"\x00",
    ],
    ids=bytes.hex,
)
def test_work_grows_with_the_octets_and_not_faster(pattern, monkeypatch):
    """Scanner calls are counted, not seconds: twice the octets, about twice the calls, whole or octet by octet."""
    calls = 0

    def counted(function):
        def call(*arguments, **options):
            nonlocal calls
            calls += 1
            return function(*arguments, **options)

        return call

    for module, name in ((hdlc, "scan"), (hdlc, "header_end"), (mbus, "scan"), (wrapper, "scan"), (p1, "scan_text")):
        monkeypatch.setattr(
            getattr(assembler, module.__name__.rpartition(".")[2]), name, counted(getattr(module, name))
        )
    counts = []
    for size in (10_000, 20_000):
        data = (pattern * (size // len(pattern) + 1))[:size]
        for step in (size, 1):
            calls = 0
            feed([data[begin : begin + step] for begin in range(0, size, step)], None)
            counts.append(calls)

    assert counts[2] <= 2.2 * counts[0] + 100
    assert counts[3] <= 2.2 * counts[1] + 100
    assert max(counts[2:]) <= 3 * 20_000


@pytest.mark.parametrize("octet", [b"\x7e", b"\x68", b"\x00\x01"], ids=bytes.hex)
def test_almost_frames_and_nothing_else_are_noise(octet):
    data = (octet * (1 << 16))[: 1 << 16]

    messages = feed([data], None)

    assert b"".join(message.raw for message in messages) == data
    assert sum(message.noise for message in messages) >= len(data) - 300
    assert not any(message.complete for message in messages)


WRAPPED = st.one_of(
    st.sampled_from([APDU, CIPHERED, CIPHERED + CIPHERED, CIPHERED[:-3], APDU + b"\xdb", b"\xe6\xe7\x00" + APDU]),
    st.sampled_from([bytes.fromhex("e0800001000005") + APDU[:5], bytes.fromhex("e0000001000003") + APDU[:3]]),
    st.binary(min_size=1, max_size=30),
).map(lambda apdu: wrapper.encode(apdu, 1, 16))


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.one_of(WRAPPED, pieces), max_size=8),
    st.sampled_from([None, Framing.WRAPPER]),
    st.lists(st.integers(1, 90), max_size=12),
)
def test_the_short_way_of_whole_wrappers_gives_what_the_general_way_gives(frames, framing, sizes):
    data = wrapper.encode(APDU, 1, 16) + b"".join(frames)
    chunks = chunks_of(data, sizes)

    class General(Assembler):
        def _take_whole_wrappers(self, data):
            return data

    def through(link):
        messages = [message for chunk in chunks for message in link.receive(chunk)]
        return [*messages, link.flush(), link.receive(data), link.flush()]

    assert through(Assembler(framing)) == through(General(framing))
