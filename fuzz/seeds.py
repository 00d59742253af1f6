"""What fuzzing starts from: APDUs of our own; frames of real meters where the corpus is at hand (never kept here)."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ami_dlms import apdu, axdr
from ami_dlms.framing import Framing, unframe, wrapper
from ami_dlms.security import Protection, protect
from fuzz.targets import CLIENT_TITLE, ENERGY, KEYS, METER_TITLE, PROFILE, STAMP, pair

CORPUS = Path(os.environ.get("AMI_CORPUS", Path(__file__).resolve().parents[2] / "shared" / "corpus"))
FRAMING = {"hdlc": Framing.HDLC, "wrapper": Framing.WRAPPER, "mbus": Framing.MBUS, "dsmr-p1": Framing.P1}
MOST = 4096
"""Octets of a seed, and of what is made from it."""

VALUES = [
    axdr.NULL,
    axdr.structure(axdr.octets(ENERGY), axdr.uint32(4711), axdr.structure(axdr.int8(-1), axdr.Data(axdr.Tag.ENUM, 30))),
    axdr.array(axdr.structure(axdr.octets(STAMP), axdr.uint8(0), axdr.uint32(1)), axdr.structure(axdr.NULL)),
    axdr.decode_exact(bytes.fromhex("13 02 02 12 01 0002 0F 08 0001 0102 0002 0304")),
    axdr.decode_exact(bytes.fromhex("0202 0A034B464D 0C02C3A9")),
    axdr.decode_exact(bytes.fromhex("0203 040AFFC0 173F800000 1907E4021D06173B3B63FFC400")),
]
HOSTILE = [
    bytes.fromhex(text)
    for text in ("0203110111", "0182ffff0182ffff", "0184ffffffff", "1301ffff000101", "02010201" * 20)
]

TELEGRAM = b"/AMI5METER\r\n\r\n1-0:1.8.1(000123.456*kWh)\r\n0-0:1.0.0(260301120000W)\r\n!\r\n"


def apdus() -> Iterator[bytes]:
    """APDUs of every service, and ciphered ones."""
    what = apdu.CosemAttribute(3, ENERGY, 2)
    agreed = apdu.InitiateResponse(apdu.Conformance.GET, 128).to_bytes()
    proposed = apdu.InitiateRequest(apdu.Conformance.GET, 128, bytes(16), quality_of_service=1).to_bytes()
    plain: Sequence[apdu.Apdu] = [
        apdu.GetRequestNormal(0xC1, what, apdu.SelectiveAccess(2, VALUES[1])),
        apdu.GetRequestWithList(0xC1, ((what, None), (what, apdu.SelectiveAccess(1, VALUES[2])))),
        apdu.GetRequestNext(0xC1, 1),
        apdu.GetResponseWithDatablock(0xC1, last=True, block_number=1, result=b"\x06\x00\x00\x00\x01"),
        apdu.GetResponseWithList(0xC1, (VALUES[1], apdu.DataAccessResult(3))),
        apdu.SetRequestNormal(0xC1, what, None, VALUES[1]),
        apdu.ActionRequestNormal(0xC1, apdu.CosemMethod(15, bytes((0, 0, 40, 0, 0, 255)), 1), axdr.octets(bytes(17))),
        apdu.ActionResponseNormal(0xC1, apdu.ActionResult(0), VALUES[1]),
        apdu.GetRequestNormal(0xC1, apdu.CosemAttribute(7, PROFILE, 2)),
        apdu.ExceptionResponse(1, 6, 77),
        apdu.ConfirmedServiceError(1, 6, 1),
        apdu.Aarq(3, CLIENT_TITLE, b"certificate", 5, bytes(16), proposed),
        apdu.Aare(0, 14, False, 3, METER_TITLE, b"certificate", 5, bytes(16), agreed),  # noqa: FBT003
        apdu.Rlrq(0, proposed),
        apdu.Rlre(0, agreed),
        apdu.GeneralBlockTransfer(True, True, 3, 1, 0, agreed),  # noqa: FBT003
        apdu.EventNotification(STAMP, 3, ENERGY, 2, VALUES[1]),
        *(apdu.GetResponseNormal(0xC1, value) for value in VALUES),
        *(apdu.DataNotification(1, STAMP, value) for value in VALUES),
    ]
    for one in plain:
        yield one.to_bytes()
    for protection in Protection:
        yield protect(
            plain[-1].to_bytes(), keys=KEYS, system_title=METER_TITLE, invocation_counter=1, protection=protection
        )
    yield proposed
    yield agreed


def frames() -> Iterator[tuple[int, bytes]]:
    """Framed messages and the number of their framing."""
    for octets in apdus():
        yield list(Framing).index(Framing.WRAPPER), wrapper.encode(octets, 1, 1)
    ours, theirs = pair(4)
    yield list(Framing).index(Framing.HDLC), ours.associate() + theirs.receive(pair(4)[0].associate())
    yield list(Framing).index(Framing.P1), TELEGRAM
    vectors = CORPUS / "vectors.jsonl"
    if vectors.is_file():
        for line in vectors.read_text().splitlines():
            vector = json.loads(line)
            framing = FRAMING.get(vector.get("transport"))
            if framing and len(vector["hex"]) <= 2 * MOST:
                yield list(Framing).index(framing), bytes.fromhex(vector["hex"])


def of(target: str) -> Iterator[bytes]:
    """The seeds of a target, in the form it takes."""
    real = [found for number, octets in frames() for found in unframe(octets, list(Framing)[number]).apdus]
    if target == "data":
        yield from map(axdr.encode, VALUES)
        yield from HOSTILE
        for octets in real:
            if octets[0] == 0x0F and len(octets) > 18:
                yield octets[18:] if octets[5] else octets[6:]
    elif target == "framing":
        for number, octets in frames():
            yield bytes((number, 7)) + octets
            yield b"\x06\x1f" + octets
            yield b"\x1e\x1f" + octets + octets
    elif target == "association":
        yield from (bytes((octets[0] & 3,)) + octets[2:] for octets in apdus() if 0x60 <= octets[0] <= 0x63)
    elif target == "shapes":
        for octets in (*apdus(), *real):
            near = octets[:-1] + bytes((octets[-1] ^ 1,))
            if len(octets) < 127:
                yield bytes((len(octets),)) + octets + near
    elif target in {"apdu", "annotate"}:
        yield from apdus()
        yield from real
    elif target == "pipeline":
        for octets in real:
            yield b"\x00" + octets
            yield b"\x02" + octets
        for number, octets in frames():
            yield bytes((1 | number << 4,)) + octets
        yield from (b"\x04" + axdr.encode(value) for value in VALUES)
    else:
        for choice in (0x08, 0x69, 0x0B, 0xA9):
            yield from (bytes((choice, min(len(octets), 255))) + octets for octets in apdus() if len(octets) < 256)
        for choice in (0, 4, 0x24, 0x65):
            for number, octets in frames():
                if number == list(Framing).index(Framing.HDLC if choice & 4 else Framing.WRAPPER):
                    yield bytes((choice, min(len(octets), 255))) + octets
