"""Every framed payload of the corpus: the same messages however it arrives, and each octet accounted for."""

import pytest

from ami_dlms.framing import Assembler, Framing, unframe

pytestmark = pytest.mark.unit

FRAMING = {
    "hdlc": Framing.HDLC,
    "wrapper": Framing.WRAPPER,
    "mbus": Framing.MBUS,
    "dsmr-p1": Framing.P1,
}
TAG = {
    "data-notification": 0x0F,
    "event-notification-request": 0xC2,
    "general-glo-ciphering": 0xDB,
    "general-ciphering": 0xDD,
    "aarq": 0x60,
    "aare": 0x61,
    "rlre": 0x63,
    "get-request-normal": 0xC0,
    "get-response-normal": 0xC4,
    "get-response-with-datablock": 0xC4,
    "set-request-normal": 0xC1,
    "set-response-normal": 0xC5,
}
LINK_FRAMES_ONLY = {
    "amshan-hdlc-noinfo",
    "pwitab-hdlc-2",
    "pwitab-hdlc-3",
    "jdlms-hdlc-1",
    "jdlms-hdlc-2",
    "jdlms-hdlc-4",
    "jdlms-fcs-0",
}
CUT_OFF = {
    "nooxnet-telegram-reader-0",
    "nooxnet-telegram-reader-1",
    "idx-spodes-segment-1",
    "idx-spodes-segment-2",
    "idx-spodes-segments-joined",
    "spodes-objectlist-block1",
}
STUFFED_WITHOUT_APDU = {"amshan-hdlc-stuffed"}
WRONG_CHECK = {"dlmsparser-hdlc-landis-gyr-zmf100", "athombv-described-list", "esphome-16942-e450-cyprus"}
NOT_WHOLE = LINK_FRAMES_ONLY | CUT_OFF | STUFFED_WITHOUT_APDU | WRONG_CHECK
SEVERAL_MESSAGES = {"aburgr-e450-stream": 4}


@pytest.fixture(scope="module")
def framed(corpus):
    return [
        (vector, bytes.fromhex(vector["hex"]), FRAMING[vector["transport"]])
        for vector in corpus
        if vector["transport"] in FRAMING
    ]


def collect(data, framing=None, *, step=None, lenient=False):
    assembler = Assembler(framing, lenient=lenient)
    messages = []
    step = step or max(len(data), 1)
    for begin in range(0, len(data), step):
        messages += assembler.receive(data[begin : begin + step])
    rest = assembler.flush()
    assert assembler.pending == 0
    return messages + ([rest] if rest else [])


def test_every_payload_comes_whole_and_is_detected(framed):
    for vector, data, framing in framed:
        messages = collect(data)

        assert b"".join(message.raw for message in messages) == data, vector["id"]
        if vector["id"] in NOT_WHOLE:
            assert not any(message.complete for message in messages), vector["id"]
            continue
        assert [message.complete for message in messages] == [True] * SEVERAL_MESSAGES.get(vector["id"], 1), vector[
            "id"
        ]
        assert {message.framing for message in messages} == {framing}, vector["id"]


def test_octet_by_octet_gives_the_same_messages(framed):
    for vector, data, framing in framed:
        assert collect(data, step=1) == collect(data), vector["id"]
        assert collect(data, framing, step=1) == collect(data, framing), vector["id"]


def test_noise_around_changes_only_the_raw_octets(framed):
    before, after = b"\x00\xff\x7e\x68\x01\x00\xa0noise", b"\xff\xff\r\n"
    for vector, data, _ in framed:
        if vector["id"] in NOT_WHOLE | set(SEVERAL_MESSAGES):
            continue
        for step in (None, 1):
            messages = collect(before + data + after, step=step)

            assert b"".join(message.raw for message in messages) == before + data + after
            whole = [message for message in messages if message.complete]
            assert [message.apdus for message in whole] == [collect(data)[0].apdus], vector["id"]
            assert whole[0].raw == before + data, vector["id"]
            assert whole[0].noise == len(before) + collect(data)[0].noise, vector["id"]
            assert not messages[-1].complete
            assert messages[-1].raw == after


def test_unframe_reads_the_record_the_assembler_made(framed):
    for vector, data, framing in framed:
        for message in collect(data):
            again = unframe(message.raw, framing)

            assert again.raw == message.raw
            assert (again.apdus, again.complete) == (message.apdus, message.complete), vector["id"]


def test_records_of_one_frame_are_read_as_by_the_assembler(framed):
    for vector, data, framing in framed:
        for lenient in (False, True):
            slow = Assembler(framing, lenient=lenient, exchange=True).receive_all(data)
            assert unframe(data, framing, lenient=lenient) == slow, vector["id"]


def test_apdus_begin_as_the_corpus_says(framed):
    checked = 0
    for vector, data, framing in framed:
        chain = [name for name in vector.get("apdu_chain") or [] if not name.startswith(">")]
        if vector["id"] in NOT_WHOLE or not chain:
            continue
        apdus = unframe(data, framing).apdus
        assert [apdu[0] for apdu in apdus] == [TAG[name] for name in chain], vector["id"]
        checked += 1
    assert checked > 70


def test_a_plain_payload_is_what_the_corpus_decrypted_or_joined(framed):
    """The ciphered APDU states its own length: it ends where the joined APDU ends."""
    for vector, data, framing in framed:
        if vector["id"] in NOT_WHOLE:
            continue
        for apdu in unframe(data, framing).apdus:
            if apdu[0] != 0xDB:
                continue
            length, begin = apdu[10], 11
            if length >= 0x80:
                begin += length & 0x7F
                length = int.from_bytes(apdu[11:begin], "big")
            assert len(apdu) == begin + length, vector["id"]


def test_wrong_check_sequences_are_read_only_leniently(framed):
    for vector, data, framing in framed:
        if vector["id"] not in WRONG_CHECK:
            continue
        strict, lenient = unframe(data, framing), unframe(data, framing, lenient=True)

        assert (strict.complete, strict.apdus, strict.check_errors) == (False, (), 1), vector["id"]
        assert (lenient.complete, lenient.check_errors) == (True, 1), vector["id"]
        assert lenient.apdus[0][0] == 0x0F
        assert [message.complete for message in collect(data, lenient=True)] == [True]


def test_unframed_payloads_lose_only_their_llc(corpus):
    for vector in corpus:
        if vector["transport"] != "raw-apdu":
            continue
        data = bytes.fromhex(vector["hex"])
        message = unframe(data, Framing.NONE)

        assert message.complete, vector["id"]
        assert b"".join(message.apdus) == data.removeprefix(b"\xe6\xe7\x00").removeprefix(b"\xe6\xe6\x00")


@pytest.mark.parametrize("step", [None, 1, 7, 100])
def test_a_day_of_han_frames(corpus_dir, step):
    lines = (corpus_dir / "streams" / "kaifa-han-20170914.hex").read_text().split()
    frames = [bytes.fromhex(line) for line in lines]

    messages = collect(b"".join(frames), step=step)

    assert [message.raw for message in messages] == frames
    assert all(message.complete and len(message.apdus) == 1 for message in messages)
    assert {message.noise + message.check_errors for message in messages} == {0}


def test_all_payloads_on_one_link(framed):
    whole = [
        (data, framing) for vector, data, framing in framed if vector["id"] not in NOT_WHOLE | set(SEVERAL_MESSAGES)
    ]

    messages = collect(b"".join(data for data, _ in whole))

    assert [message.raw for message in messages] == [data for data, _ in whole]
    assert [message.framing for message in messages] == [framing for _, framing in whole]
