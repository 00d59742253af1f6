"""What is fuzzed: functions that take any octets and fail only where our code is wrong.

Each target lets the documented outcomes pass and asserts what must hold beside: what was decoded is written and read
again as the same, every octet is accounted for, work stays within its limits.
"""

from collections.abc import Callable, Iterator
from typing import Any

from ami_dlms import apdu, axdr, security
from ami_dlms.annotate import annotate, annotate_data
from ami_dlms.apdu import Aare, Aarq, Apdu, CosemAttribute, Rlre, Rlrq
from ami_dlms.client import Authentication, Client, ClientSettings, Send
from ami_dlms.cosem import DataObject, LogicalDevice, ProfileGeneric, Register
from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.errors import DlmsError, LimitExceeded, NeedKey, ReceivedError
from ami_dlms.framing import Assembler, Framing, failure, unframe
from ami_dlms.obis import parse_obis
from ami_dlms.security import Keys, MemoryCounter, protect
from ami_dlms.selective import CLOCK_TIME, CaptureObject
from ami_dlms.server import Server, ServerSettings
from ami_dlms.shapes import Decoded, Shapes
from ami_normalize.keys import KeyRing, meter_keys
from ami_normalize.pipeline import Context, RawRecord, Refused, understand
from ami_normalize.pipeline.encode import encode

FRAMINGS = tuple(Framing)
KEYS = Keys(bytes(range(16)), bytes(range(16, 32)))
OTHER_KEYS = Keys(bytes(16), bytes(16))
CLIENT_TITLE, METER_TITLE = b"AMI\x00\x00\x00\x00\x01", b"AMV\x00\x00\x00\x00\x02"
ENERGY, PROFILE = parse_obis("1.0.1.8.0.255"), parse_obis("1.0.99.1.0.255")
STAMP = CosemDateTime(2026, 3, 1, 7, 0, 0, 0, 0, -60, 0).to_bytes()
RING = KeyRing(any_title=meter_keys({"guek": KEYS.encryption.hex(), "gak": bytes(range(16, 32)).hex()}, "fuzz"))
CONTEXT = Context(keys=RING, unidentified="accept")


def data(octets: bytes) -> None:
    """A-XDR: a value within the limits that is written and read again as the same."""
    try:
        value, end = axdr.decode(octets)
    except ReceivedError:
        return
    assert end <= len(octets)
    assert elements(value) <= axdr.LIMITS.elements + 1
    again = axdr.encode(value)
    try:
        same = axdr.encode(axdr.decode_exact(again))
    except LimitExceeded:
        return  # what a message may stand for goes by its octets, and the canonical form has fewer
    assert same == again


def any_apdu(octets: bytes) -> None:
    """APDUs, and what is inside ciphered ones."""
    for lenient in (False, True):
        try:
            found = apdu.decode(octets, lenient=lenient)
        except ReceivedError:
            continue
        written_again(found, lenient=lenient)
        if isinstance(found, (apdu.GeneralGloCiphering, apdu.GeneralCiphering, apdu.ServiceCiphered)):
            for verify in (True, False):
                unprotected(found, verify=verify)


def association(octets: bytes) -> None:
    """ACSE in BER: any fields behind a right tag and length."""
    tag = 0x60 | (octets[0] & 3 if octets else 0)
    fields = octets[1:]
    try:
        found = apdu.decode(bytes((tag,)) + axdr.write_length(len(fields)) + fields)
    except ReceivedError:
        return
    assert isinstance(found, (Aarq, Aare, Rlrq, Rlre))
    written_again(found, lenient=False)


def framing(octets: bytes) -> None:
    """The assembler: nothing raised, nothing lost, the same messages however the octets arrive."""
    if len(octets) < 3:
        return
    choice, size, data = octets[0], octets[1], octets[2:]
    fixed = FRAMINGS[choice % 8] if choice % 8 < len(FRAMINGS) else None
    options: dict[str, Any] = {"lenient": bool(choice & 8)}
    if choice & 16:
        options["max_message"] = 1 + size
    step = 1 + size % 32
    whole = fed([data], fixed, options)
    cut = fed([data[at : at + step] for at in range(0, len(data), step)], fixed, options)
    if "max_message" in options:  # what the end of a link leaves is one message, however much had been cut before
        assert all(len(message.raw) <= 1 + size for message in (*whole[:-1], *cut[:-1]))
    else:
        assert cut == whole
    assert b"".join(message.raw for message in whole) == b"".join(message.raw for message in cut) == data
    for message in whole:
        assert message.raw
        assert all(message.apdus)
        assert (failure(message) is None) == message.complete
    if fixed:
        record = unframe(data, fixed, lenient=bool(choice & 8))
        assert record.raw == data
        assert all(record.apdus)
        assert (failure(record) is None) == record.complete


def shapes(octets: bytes) -> None:
    """The fast path: whatever was learned before, a message comes out as from the generic decoder."""
    if not octets:
        return
    at = 1 + octets[0] % len(octets)
    first, second = octets[1:at] or octets[1:], octets[at:]
    learned = Shapes()
    for message in (first, first, second, second, first):
        assert decoded(message, learned.decode) == decoded(message, apdu.decode)


def annotated(octets: bytes) -> None:
    """The explanation of octets: nothing raised, and every octet of what is right stands in it once."""
    for explained in (annotate(octets), annotate_data(octets)):
        at = 0
        for element in explained.elements:
            assert element.offset == at
            at += element.head
        assert at == len(octets) if explained.error is None else at <= len(octets)


def pipeline(octets: bytes) -> None:
    """The normalizer: a record becomes outcomes that are documented; a defect is a find.

    Octets come as a record, or as the APDU inside an intact one, plain or ciphered.
    """
    if len(octets) < 2:
        return
    choice, value = octets[0], octets[1:]
    headers = {"ce_time": b"2026-03-01T12:00:01Z", "ami-exchange": b"push", "ami-framing": b"none"}
    if choice & 1:
        headers["ami-framing"] = FRAMINGS[choice >> 4 & 7].value.encode() if choice >> 4 & 7 < len(FRAMINGS) else b"?"
    elif choice & 2:
        value = protect(value, keys=KEYS, system_title=METER_TITLE, invocation_counter=choice)
    elif choice & 4:
        value = b"\x0f\x00\x00\x00\x01\x0c" + STAMP + value
    record = RawRecord("ami.raw.v1", 0, 0, b"st-" + METER_TITLE.hex().encode(), value, headers)
    try:
        outcomes = encode(understand(record, CONTEXT), CONTEXT)
    except Refused as refusal:
        outcomes = (refusal.outcome(),)
    assert outcomes


def client(octets: bytes) -> None:
    """A client whose server answers rightly for a while, then with anything."""
    if len(octets) < 2:
        return
    choice, rest = octets[0], octets[1:]
    ours, server = pair(choice)
    try:
        answered = ours.associate()
        for _ in range(choice >> 5):
            answered = sent(ours.receive(server.receive(answered)))
        if ours.state.name == "READY":
            ours.get(CosemAttribute(7, PROFILE, 2)) if choice & 1 else ours.get(CosemAttribute(3, ENERGY, 2))
        for piece in pieces(rest):
            sent(ours.receive(framed(choice, piece)))
    except DlmsError:
        return


def server(octets: bytes) -> None:
    """A server whose client speaks rightly for a while, then says anything."""
    if len(octets) < 2:
        return
    choice, rest = octets[0], octets[1:]
    theirs, ours = pair(choice)
    said = theirs.associate()
    for _ in range(choice >> 5):
        said = sent(theirs.receive(ours.receive(said)))
    for piece in pieces(rest):
        answer = ours.receive(framed(choice, piece))
        assert isinstance(answer, bytes)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "data": data,
    "apdu": any_apdu,
    "association": association,
    "shapes": shapes,
    "annotate": annotated,
    "framing": framing,
    "pipeline": pipeline,
    "client": client,
    "server": server,
}
"""By the names of the command line."""


def elements(value: axdr.Data) -> int:
    """How many values a value is made of, itself included."""
    inner = value.value.items if value.tag == axdr.Tag.COMPACT_ARRAY else value.value
    if value.tag not in (axdr.Tag.COMPACT_ARRAY, axdr.Tag.ARRAY, axdr.Tag.STRUCTURE):
        return 1
    return 1 + sum(map(elements, inner))


def written_again(found: Apdu, *, lenient: bool) -> None:
    """What was decoded can be written, and reads as the same; NaN equals nothing, so octets are compared."""
    octets = found.to_bytes()
    assert apdu.decode(octets, lenient=lenient).to_bytes() == octets


def decoded(message: bytes, decode: Callable[[bytes], Any]) -> tuple[str, Any]:
    """What a decoder makes of a message, as octets, or why it refuses it and where."""
    try:
        found = decode(message)
        return "decoded", (found.apdu if isinstance(found, Decoded) else found).to_bytes()
    except ReceivedError as error:
        return error.reason, error.offset


def unprotected(found: apdu.Ciphered, *, verify: bool) -> None:
    """Nobody who lacks the keys gets a tag verified."""
    try:
        opened = security.unprotect(found, OTHER_KEYS, METER_TITLE, verify=verify)
    except (ReceivedError, NeedKey):
        return
    assert not opened.verified


def fed(chunks: list[bytes], fixed: Framing | None, options: dict[str, Any]) -> list[Any]:
    """All messages of a link."""
    link = Assembler(fixed, **options)
    messages = [message for chunk in chunks for message in link.receive(chunk)]
    rest = link.flush()
    assert link.pending == 0
    return [*messages, rest] if rest else messages


def pair(choice: int) -> tuple[Client, Server]:
    """A client and the server it fits."""
    authentication = (Authentication.NONE, Authentication.LLS, Authentication.HLS_GMAC, Authentication.NONE)[choice & 3]
    common: dict[str, Any] = {
        "authentication": authentication,
        "framing": Framing.HDLC if choice & 4 else Framing.WRAPPER,
        "password": b"12345678",
        "keys": KEYS,
    }
    ours = ClientSettings(client_sap=1, client_system_title=CLIENT_TITLE, max_pdu_size=128, **common)
    theirs = ServerSettings(system_title=METER_TITLE, **common)
    return Client(ours, MemoryCounter(1), bytes), Server(theirs, device(), bytes)


def device() -> LogicalDevice:
    """A meter with a register, a name and a profile."""
    columns = (CLOCK_TIME, CaptureObject(3, ENERGY))
    rows = [(axdr.octets(STAMP), axdr.uint32(index)) for index in range(24)]
    profile = ProfileGeneric(PROFILE, columns, lambda: rows, capture_period=3600, capacity=24)
    name = DataObject(parse_obis("0.0.96.1.0.255"), axdr.octets(b"serial"))
    return LogicalDevice(b"AMV0000000000001", [Register(ENERGY, axdr.uint32(4711), -1, 30), name, profile])


def sent(events: list[Any]) -> bytes:
    """What a client's events say to send."""
    return b"".join(event.data for event in events if isinstance(event, Send))


def framed(choice: int, octets: bytes) -> bytes:
    """The octets as they are, or as an APDU in a wrapper."""
    return b"\x00\x01\x00\x01\x00\x01" + len(octets).to_bytes(2, "big") + octets if choice & 12 == 8 else octets


def pieces(octets: bytes) -> Iterator[bytes]:
    """Octets cut where they themselves say: a length, and that many."""
    at = 0
    while at < len(octets):
        length = octets[at] or 256
        yield octets[at + 1 : at + 1 + length]
        at += 1 + length
