"""What meters and gateways of the field do to frames, built by hand."""

import pytest

from ami_dlms.errors import FrameCheckFailed, FrameIncomplete, FrameMalformed, UsageError
from ami_dlms.framing import Assembler, Framing, checks, failure, hdlc, mbus, unframe, wrapper

pytestmark = pytest.mark.unit

LLC = b"\xe6\xe7\x00"
METER, CLIENT = b"\x02\x23", b"\x03"
NOTIFICATION = b"\x0f\x00\x00\x00\x01\x00\x02\x02\x12\x00\x2a\x09\x20" + bytes(range(32))
CIPHERED = bytes.fromhex("db08414d49303030303120") + b"\x20\x00\x00\x00\x01" + bytes(range(200, 227))


def ui(information, *, segmented=False, control=0x13):
    return hdlc.HdlcFrame(CLIENT, METER, control, information, segmented).to_bytes()


def numbered(number, information, *, segmented=False):
    return ui(information, segmented=segmented, control=0x10 | number << 1)


def spoilt(frame):
    return frame[:-4] + bytes([frame[-4] ^ 0x55]) + frame[-3:]


def block(number, data, *, last=False):
    return bytes([0xE0, 0x80 if last else 0x40]) + number.to_bytes(2, "big") + b"\x00\x00" + bytes([len(data)]) + data


def listen(*chunks, **options):
    link = Assembler(**options)
    messages = [message for chunk in chunks for message in link.receive(chunk)]
    rest = link.flush()
    assert b"".join(message.raw for message in [*messages, *([rest] if rest else [])]) == b"".join(chunks)
    return messages, rest


RR = ui(b"", control=0x11)


def test_link_frames_belong_to_the_message_after_them_and_trailing_ones_to_none():
    frame = ui(LLC + NOTIFICATION)

    (message,), rest = listen(RR, frame, RR)

    assert (message.raw, message.apdus, message.noise) == (RR + frame, (NOTIFICATION,), 0)
    assert (message.source, message.destination) == (1 << 7 | 0x11, 1)
    assert (rest.raw, rest.complete, rest.apdus) == (RR, False, ())


def test_frames_may_share_a_flag():
    frame = ui(LLC + NOTIFICATION)

    messages, rest = listen(frame + frame[1:] + frame[1:])

    assert [message.complete for message in messages] == [True, True, True]
    assert rest is None
    assert all(unframe(message.raw, Framing.HDLC).apdus == (NOTIFICATION,) for message in messages)


def test_segments_with_the_same_control_octet():
    frames = [
        ui(LLC + NOTIFICATION[:10], segmented=True),
        ui(NOTIFICATION[10:20], segmented=True),
        ui(NOTIFICATION[20:]),
    ]

    (message,), rest = listen(*frames)

    assert message.apdus == (NOTIFICATION,)
    assert rest is None


def test_a_lost_segment_is_never_passed_over():
    frames = [numbered(n, part, segmented=n < 3) for n, part in enumerate([LLC + b"\x0f1", b"22", b"33", b"44"])]

    (message,), _ = listen(frames[0], frames[2], frames[3])

    assert not message.complete
    assert isinstance(failure(message), FrameIncomplete)


def test_octets_lost_between_unnumbered_segments_spoil_the_message():
    (message,), _ = listen(ui(LLC + b"\x0f1", segmented=True), ui(b"22", segmented=True)[:-3] + b"\xff\xff", ui(b"33"))

    assert not message.complete


def test_a_new_apdu_ends_an_unfinished_one():
    unfinished, whole = ui(LLC + NOTIFICATION[:10], segmented=True), ui(LLC + NOTIFICATION)

    messages, rest = listen(unfinished + whole)

    assert [(message.raw, message.complete) for message in messages] == [(unfinished, False), (whole, True)]
    assert rest is None


def test_an_exchange_repeats_damaged_and_unacknowledged_frames():
    first, second, third = (
        numbered(0, LLC + NOTIFICATION[:10], segmented=True),
        numbered(1, NOTIFICATION[10:20], segmented=True),
        numbered(2, NOTIFICATION[20:]),
    )
    value = RR + first + spoilt(second) + second + second + spoilt(third) + third + third + RR

    message = unframe(value, Framing.HDLC)

    assert (message.complete, message.apdus, message.check_errors) == (True, (NOTIFICATION,), 2)


def test_an_exchange_that_was_never_repeated_is_damaged():
    value = numbered(0, LLC + NOTIFICATION[:10], segmented=True) + spoilt(numbered(1, NOTIFICATION[10:]))

    strict, lenient = unframe(value, Framing.HDLC), unframe(value, Framing.HDLC, lenient=True)

    assert (strict.complete, strict.apdus) == (False, ())
    assert isinstance(failure(strict), FrameCheckFailed)
    assert lenient.complete
    assert len(lenient.apdus[0]) == len(NOTIFICATION)


def test_block_responses_of_an_exchange_come_in_order():
    apdus = tuple(b"\xc4\x02\xc1\x00" + bytes([0, 0, 0, number]) + b"\x00\x02\x01\x02" for number in range(1, 6))

    for framing, value in (
        (Framing.WRAPPER, b"".join(wrapper.encode(apdu, 1, 16) for apdu in apdus)),
        (Framing.HDLC, b"".join(numbered(index, LLC + apdu) + RR for index, apdu in enumerate(apdus))),
    ):
        message = unframe(value, framing)
        assert (message.complete, message.apdus) == (True, apdus)


@pytest.mark.parametrize(
    "framed", [lambda apdu, _: wrapper.encode(apdu, 1, 16), lambda apdu, first: ui(LLC * first + apdu)]
)
def test_general_block_transfer_is_one_message(framed):
    parts = [CIPHERED[:20], CIPHERED[20:30], CIPHERED[30:]]
    frames = [framed(block(n, part, last=n == 3), n == 1) for n, part in enumerate(parts, 1)]

    (message,), rest = listen(b"".join(frames))
    (lost,), _ = listen(frames[0], frames[2])
    (repeated,), _ = listen(*frames[:2], *frames)
    others = [framed(block(n, bytes(9)), n == 1) for n in (1, 2)]
    (first, second), _ = listen(*others, *frames)

    assert message.apdus == (CIPHERED,)
    assert rest is None
    assert (lost.complete, lost.apdus) == (False, ())
    assert repeated.apdus == (CIPHERED,)
    assert (first.raw, first.complete) == (b"".join(others), False)
    assert (second.raw, second.apdus) == (b"".join(frames), (CIPHERED,))


def test_blocks_recovered_late_complete_an_exchange():
    frames = [wrapper.encode(block(n, bytes([n]) * 5, last=n == 4), 1, 16) for n in range(1, 5)]

    message = unframe(frames[0] + frames[3] + frames[2] + frames[2] + frames[1], Framing.WRAPPER)

    assert message.apdus == (b"".join(bytes([n]) * 5 for n in range(1, 5)),)


def test_a_block_over_several_frames_without_segmentation_bit():
    whole = block(1, CIPHERED[:20]) + block(2, CIPHERED[20:], last=True)

    (message,), rest = listen(ui(LLC + whole[:15]), ui(whole[15:25]), ui(whole[25:]))

    assert message.apdus == (CIPHERED,)
    assert rest is None


def test_several_apdus_in_one_frame_are_one_message():
    (message,), _ = listen(ui(LLC + CIPHERED + LLC + block(1, CIPHERED[:9]) + LLC + block(2, CIPHERED[9:], last=True)))

    assert message.apdus == (CIPHERED, CIPHERED)


def test_a_gateway_that_expands_line_feeds():
    frame = ui(LLC + b"\x0f\n\r\n\n\n" + b"~\xa0" * 40 + b"\n")
    sent = frame.replace(b"\n", b"\r\n")

    for chunks in ([sent], [sent[index : index + 1] for index in range(len(sent))]):
        (message,), rest = listen(*chunks)
        assert (message.raw, message.apdus) == (sent, (hdlc.decode(frame).information[3:],))
        assert rest is None


def test_a_sender_that_stuffs_octets():
    frame = ui(LLC + b"\x0f" + b"}~}^}]" * 30 + b"~")
    sent = b"~" + frame[1:-1].replace(b"}", b"}]").replace(b"~", b"}^") + b"~"

    for chunks in ([sent + sent], [sent[i : i + 1] for i in range(len(sent))] * 2):
        messages, rest = listen(*chunks)
        assert [message.raw for message in messages] == [sent, sent]
        assert {message.apdus for message in messages} == {(hdlc.decode(frame).information[3:],)}
        assert rest is None


def test_a_stuffed_frame_of_somebody_else():
    """From the tests of toreamun/amshan (MIT)."""
    found = hdlc.scan_frame(bytearray.fromhex("7ea00d0102011063ab7d5e7d5d7d23932d7e"), 0)

    assert (found.end, found.intact, found.frame.information) == (18, True, b"~}\x03")


def test_octets_that_look_stuffed_are_what_they_are():
    """A frame that fits as received is taken as received."""
    frame = ui(LLC + b"\x0f" + b"}]}^~" * 20)
    assert listen(frame)[0][0].apdus == (hdlc.decode(frame).information[3:],)

    (message,), _ = listen(spoilt(b"~" + frame[1:-1].replace(b"}", b"}]").replace(b"~", b"}^") + b"~"), frame)
    assert message.apdus == (hdlc.decode(frame).information[3:],)


def test_a_length_field_without_its_upper_bits():
    head = bytes([0xA0, 0x01]) + CLIENT + METER + b"\x13"
    body = head + checks.fcs16(head)
    body += LLC + b"\x0f" + bytes(0x101 - len(body) - 4 - 2)
    frame = b"\x7e" + body + checks.fcs16(body) + b"\x7e"
    assert len(frame) == 0x101 + 2

    messages, rest = listen(frame + frame)

    assert [message.raw for message in messages] == [frame, frame]
    assert all(message.complete for message in messages)
    assert rest is None


def test_m_bus_segments_and_a_wrapped_length_field():
    frames = mbus.encode(CIPHERED * 3, 1, 0x67, max_data=20)
    (message,), _ = listen(b"".join(frames))
    assert (message.apdus[0][:1], message.source, message.destination) == (b"\xdb", 1, 0x67)

    (lost, *_), _ = listen(b"".join(frames[:1] + frames[2:]))
    assert not lost.complete

    data = CIPHERED + bytes(252 - len(CIPHERED))
    body = b"\x53\xff\x10\x01\x67" + data
    assert len(body) == 257
    wrapped = b"\x68\x01\x01\x68" + body + bytes([checks.checksum(body), 0x16])
    (message,), rest = listen(wrapped)
    assert message.apdus == (data,)
    assert rest is None


def test_p1_text_with_and_without_crc():
    text = b"/AMI5METER\r\n\r\n1-0:1.8.1(000123.456*kWh)\r\n!"
    checked = text + b"%04X\r\n" % checks.crc16_arc(text)

    (first, second), rest = listen(b"\xff\xff" + checked, text + b"\r\n")
    assert (first.framing, first.apdus, first.noise) == (Framing.P1, (checked,), 2)
    assert second.apdus == (text + b"\r\n",)
    assert rest is None

    wrong = unframe(text + b"0000\r\n", Framing.P1)
    assert isinstance(failure(wrong), FrameCheckFailed)
    assert unframe(text + b"0000\r\n", Framing.P1, lenient=True).complete


def test_crc_of_the_published_algorithms():
    """Check values of CRC-16/IBM-SDLC and CRC-16/ARC for `123456789`."""
    assert checks.fcs16(b"123456789") == b"\x6e\x90"
    assert checks.crc16_arc(b"123456789") == 0xBB3D


def test_the_rest_of_a_cut_off_frame_is_incomplete_noise_is_malformed():
    frame = wrapper.encode(NOTIFICATION, 1, 1)

    _, rest = listen(frame[:-1])
    assert isinstance(failure(rest), FrameIncomplete)
    assert isinstance(failure(unframe(b"\xff" * 9, Framing.HDLC)), FrameMalformed)


def test_a_fake_start_before_the_last_frame_of_a_link_does_not_hide_it():
    frame = ui(LLC + NOTIFICATION)

    for fake in (b"\x68\xff\xff\x68", b"\x00\x01\x00\x01\x00\x01\xff\xff\x0f", b"\x7e\xa7\xff\x03\x21\x13"):
        messages, rest = listen(fake + frame)
        assert [*messages, *([rest] if rest else [])][0].apdus == (NOTIFICATION,)


def test_hdlc_frames_round_trip():
    for destination in (hdlc.address(1), hdlc.address(1, 17), hdlc.address(1, 1000), hdlc.address(16, 17, size=4)):
        for information in (b"", b"\x7e" * 2030):
            frame = hdlc.HdlcFrame(destination, CLIENT, 0x54, information, segmented=bool(information))
            assert hdlc.decode(frame.to_bytes()) == frame
    with pytest.raises(UsageError):
        hdlc.HdlcFrame(CLIENT, METER, 0x13, bytes(2048)).to_bytes()
    with pytest.raises(FrameCheckFailed):
        hdlc.decode(spoilt(ui(b"12345")))
    with pytest.raises(FrameMalformed):
        hdlc.decode(ui(b"12345")[:-1])


def test_addresses():
    assert hdlc.address(16) == b"\x21"
    assert hdlc.address(1, 17) == b"\x02\x23"
    assert hdlc.address(1, 1000) == b"\x00\x02\x0e\xd1"
    assert hdlc.address_value(b"\x02\x23") == 1 << 7 | 17
    for wrong in ((128, None, 1), (1, 1 << 14, None), (1, 5, 1), (-1, None, None)):
        with pytest.raises(UsageError):
            hdlc.address(wrong[0], wrong[1], size=wrong[2])


def test_octets_without_framing_are_one_apdu_whatever_they_look_like():
    frame_like = hdlc.HdlcFrame(CLIENT, METER, 0x13, LLC + NOTIFICATION).to_bytes()[1:]

    assert unframe(frame_like, Framing.NONE).apdus == (frame_like,)
    assert not unframe(frame_like, Framing.WRAPPER).apdus
    assert unframe(frame_like, Framing.HDLC).apdus == (NOTIFICATION,)
    messages, rest = listen(LLC, NOTIFICATION, framing=Framing.NONE)
    assert (messages, rest.apdus, rest.complete) == ([], (NOTIFICATION,), True)


@pytest.mark.parametrize("first", [0, 2, 7])
def test_numbered_segments_follow_a_first_one_without_a_number(first):
    """Gurux: a UI frame, then I-frames that are numbered on from push to push; 06 and 16 happen to begin APDUs too."""
    body = NOTIFICATION[:20] + b"\x06" + bytes(20) + b"\x16" + NOTIFICATION[20:]
    push = (
        ui(LLC + body[:20], segmented=True)
        + numbered(first, body[20:41], segmented=True)
        + numbered((first + 1) % 8, body[41:])
    )

    messages, rest = listen(push, push)

    assert [(message.complete, message.apdus) for message in messages] == [(True, (body,))] * 2
    assert rest is None
