"""What is confirmed: notifications that ask for it, blocks that hand the turn over, and the frames of a link."""

import pytest

from ami_dlms import axdr
from ami_dlms.apdu import DataNotification, DataNotificationConfirm, GeneralBlockTransfer, decode
from ami_dlms.framing import Assembler, hdlc, wrapper
from ami_dlms.link import HdlcLinkClient, Transmit
from ami_ingest.push.confirm import BlockConfirmer, HdlcConfirmer, confirmation

pytestmark = pytest.mark.unit

CONFIRMED, UNCONFIRMED = 0x40000007, 0x00000007


def received(apdu, framing=wrapper.encode):
    (message,) = Assembler().receive(framing(apdu, 1, 16))
    return message


def notification(invoke):
    return DataNotification(invoke, b"", axdr.structure(axdr.uint32(1))).to_bytes()


def test_a_confirmed_notification_is_confirmed_by_its_invoke_id():
    answer = confirmation(received(notification(CONFIRMED)))

    assert decode(answer[8:]) == DataNotificationConfirm(CONFIRMED)
    assert wrapper.HEADER.unpack_from(answer) == (1, 16, 1, len(answer) - 8)


@pytest.mark.parametrize(
    "apdu", [notification(UNCONFIRMED), b"\xdb\x08" + b"T" * 8 + b"\x06\x30" + bytes(5), b"\x0f\x40"]
)
def test_what_does_not_ask_is_not_confirmed(apdu):
    assert confirmation(received(apdu)) is None


def blocks(data, size, window, streaming):
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return [
        wrapper.encode(
            GeneralBlockTransfer(number == len(pieces), streaming(number), window, number, 0, piece).to_bytes(), 1, 16
        )
        for number, piece in enumerate(pieces, start=1)
    ]


def answers(frames):
    confirmer, taken = BlockConfirmer(), []
    link = Assembler(on_block=taken.append)
    sent, messages = [], []
    for frame in frames:
        messages += link.receive(frame)
        sent.append([answer for one in taken if (answer := confirmer.answer(one))])
        taken.clear()
    return sent, messages


def test_a_block_that_hands_the_turn_over_is_confirmed():
    frames = blocks(notification(UNCONFIRMED) * 3, 8, 2, lambda number: number % 2 == 1)
    sent, messages = answers(frames)

    assert [len(one) for one in sent] == [number % 2 for number in range(len(frames))]
    confirms = [decode(one[0][8:]) for one in sent if one]
    assert [one.block_number_ack for one in confirms] == list(range(2, len(frames) + 1, 2))
    assert [one.block_number for one in confirms] == list(range(1, len(confirms) + 1))
    assert {(one.last, one.streaming, one.data) for one in confirms} == {(True, False, b"")}
    assert messages[0].apdus == (notification(UNCONFIRMED) * 3,)


def test_a_lost_block_is_told_by_how_far_they_are_there():
    frames = blocks(bytes(range(40)), 8, 4, lambda number: number < 4)
    sent, _ = answers([frames[0], frames[2], frames[3]])
    (confirm,) = [decode(one[0][8:]) for one in sent if one]
    assert confirm.block_number_ack == 1

    sent, messages = answers([frames[0], frames[2], frames[3], *frames[1:]])
    assert [decode(one[0][8:]).block_number_ack for one in sent if one][-1] == 5
    assert [message.apdus for message in messages] == [(bytes(range(40)),)]


@pytest.mark.parametrize("window", [0])
def test_who_has_no_window_only_streams(window):
    sent, _ = answers(blocks(bytes(40), 8, window, lambda number: number < 5))

    assert [one for one in sent if one] == []


def test_a_station_that_sets_the_link_up_gets_its_acknowledgements():
    meter, ours = HdlcLinkClient(1, 16), HdlcConfirmer()
    snrm = meter.connect()
    assert HdlcConfirmer.is_called(snrm)
    meter.receive(ours.answer(snrm))
    apdu, link, got = notification(UNCONFIRMED) * 40, Assembler(), []
    frames = meter.send(apdu)
    while frames:
        got += link.receive(frames)
        events = meter.receive(ours.answer(frames))
        frames = b"".join(event.data for event in events if isinstance(event, Transmit))

    assert got[-1].apdus == (apdu,)
    assert b"".join(message.raw for message in got)[-1:] == b"\x7e"
    assert meter.receive(ours.answer(meter.disconnect()))


def test_frames_outside_a_link_are_not_answered():
    ours = HdlcConfirmer()
    push = hdlc.HdlcFrame(b"\x03", b"\x02\x21", hdlc.UI | hdlc.POLL_FINAL, b"\xe6\xe7\x00" + notification(UNCONFIRMED))

    assert not HdlcConfirmer.is_called(push.to_bytes())
    for _ in range(100):
        assert ours.answer(push.to_bytes()) == b""
    assert len(ours._server._reader._buffer) < 200, "nothing of them is kept"
