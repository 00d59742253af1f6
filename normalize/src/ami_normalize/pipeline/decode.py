"""Step 4, decode: plain APDUs to what was said: a notification, an event, a telegram, or the answer to a request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ami_dlms import apdu as apdus
from ami_dlms import axdr
from ami_dlms.apdu import (
    DataAccessResult,
    DataNotification,
    EventNotification,
    GetResponseNormal,
    GetResponseWithDatablock,
    GetResponseWithList,
)
from ami_dlms.axdr import Data
from ami_dlms.errors import ReceivedError
from ami_normalize.deviations import DEVIATIONS, ends_early
from ami_normalize.pipeline.context import Context
from ami_normalize.pipeline.decrypt import Decrypted, Plain
from ami_normalize.pipeline.identify import Identified
from ami_normalize.pipeline.outcome import Refused
from ami_normalize.quality import Quality
from ami_normalize.shapes import telegram
from ami_normalize.shapes.telegram import Telegram
from ami_schemas.reasons import Reason

STAGE = "decode"
_P1_START = 0x2F


@dataclass(frozen=True, slots=True)
class Answer:
    """What a meter answered: one value an attribute asked for."""

    values: tuple[Data | DataAccessResult, ...]


Content = DataNotification | EventNotification | Telegram | Answer


@dataclass(frozen=True, slots=True)
class Said:
    """One thing a meter said."""

    plain: Plain
    content: Content
    deviation: str = ""
    quality: tuple[Quality, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Decoded:
    """All that a record says, or why it says nothing."""

    origin: Identified
    parts: tuple[Said | Refused, ...]


def decode(decrypted: Decrypted, context: Context) -> Decoded:
    """Decode every APDU; the blocks of one answer are joined."""
    return Decoded(
        decrypted.origin, tuple(_joined([_part(part, context) for part in decrypted.parts], decrypted.origin))
    )


_Block = tuple[Plain, GetResponseWithDatablock]


def _part(part: Plain | Refused, context: Context) -> Said | Refused | _Block:
    if isinstance(part, Refused):
        return part
    try:
        return _said(part, context)
    except Refused as refusal:
        return refusal


def _said(plain: Plain, context: Context) -> Said | _Block:
    if plain.octets[0] == _P1_START:
        return _telegram(plain, plain.octets, context)
    deviation = ""
    quality: tuple[Quality, ...] = ()
    try:
        said = apdus.decode(plain.octets)
    except ReceivedError as error:
        said, deviation, quality = _deviating(plain, error, context)
    if isinstance(said, DataNotification) and (text := telegram.enveloped(said.body)) is not None:
        return _telegram(plain, text, context)
    if isinstance(said, (DataNotification, EventNotification)):
        return Said(plain, said, deviation, (*plain.quality, *quality))
    if isinstance(said, GetResponseNormal):
        return Said(plain, Answer((said.result,)), "", plain.quality)
    if isinstance(said, GetResponseWithList):
        return Said(plain, Answer(tuple(said.results)), "", plain.quality)
    if isinstance(said, GetResponseWithDatablock):
        return plain, said
    raise Refused(Reason.NO_METER_DATA, STAGE, f"{type(said).__name__} carries no meter data")


def _deviating(plain: Plain, error: ReceivedError, context: Context) -> tuple[apdus.Apdu, str, tuple[Quality, ...]]:
    """Read what breaks the rules in a way some maker is known for; raises Refused otherwise."""
    for deviation in DEVIATIONS:
        legal = deviation.repair(plain.octets)
        if legal is not None:
            try:
                return apdus.decode(legal), deviation.name, ()
            except ReceivedError:
                continue
    if plain.guessed:
        reason = Reason.TAG_MISMATCH if plain.mismatched else Reason.KEY_WRONG
        raise Refused(reason, "decrypt", f"the key of {(plain.system_title or b'').hex()} yields no well-formed APDU")
    if context.lenient and (cut := ends_early(plain.octets)) is not None:
        try:
            return apdus.decode(cut), "", (Quality.TRUNCATED,)
        except ReceivedError:
            pass
    raise Refused.by(error, STAGE)


def _telegram(plain: Plain, text: bytes, context: Context) -> Said:
    holds = telegram.crc_holds(text)
    if holds is False and not context.lenient:
        raise Refused(Reason.P1_MALFORMED, STAGE, "the CRC of the telegram is wrong")
    said = telegram.read(text)
    if said is None or not said.readings:
        raise Refused(Reason.P1_MALFORMED, STAGE, "the text is no telegram, or none of its lines is a value")
    quality = (Quality.FRAME_CHECK_FAILED,) if holds is False else ()
    return Said(plain, said, "", tuple(dict.fromkeys((*plain.quality, *quality))))


def _joined(parts: Sequence[Said | Refused | _Block], origin: Identified) -> Iterator[Said | Refused]:
    """Join blocks that follow each other; the last one of an answer ends it."""
    open_blocks: list[_Block] = []
    for part in parts:
        if not isinstance(part, tuple):
            yield part
            continue
        open_blocks.append(part)
        if part[1].last:
            yield _attempt(open_blocks, origin)
            open_blocks = []
    if open_blocks:
        yield _attempt(open_blocks, origin)


def _attempt(blocks: Sequence[_Block], origin: Identified) -> Said | Refused:
    try:
        return _join(blocks, origin)
    except Refused as refusal:
        return refusal


def _join(blocks: Sequence[_Block], origin: Identified) -> Said:
    plain, first = blocks[0]
    octets: list[bytes] = []
    for _, block in blocks:
        if isinstance(block.result, DataAccessResult):
            return Said(plain, Answer((block.result,)), "", plain.quality)
        octets.append(block.result)
    numbers = [block.block_number for _, block in blocks]
    whole = blocks[-1][1].last and numbers == list(range(numbers[0], numbers[0] + len(numbers))) and numbers[0] <= 1
    if not whole:
        if origin.exchange is None:
            raise Refused(
                Reason.CONTEXT_MISSING, STAGE, f"block {first.block_number} of an answer to an unknown request"
            )
        raise Refused(Reason.FRAME_INCOMPLETE, STAGE, "blocks of the answer are missing")
    try:
        return Said(plain, Answer((axdr.decode_exact(b"".join(octets)),)), "", plain.quality)
    except ReceivedError as error:
        if plain.guessed:
            raise Refused(Reason.KEY_WRONG, "decrypt", "the key yields no well-formed answer") from None
        raise Refused.by(error, STAGE) from None
