"""A message explained, as one object: frames, layers of protection, every element, and the values' origins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ami_dlms import apdu as apdus
from ami_dlms import framing
from ami_dlms.annotate import Annotation, Element, annotate, annotate_data
from ami_dlms.apdu import DataNotification, GetResponseWithDatablock
from ami_dlms.axdr import Data
from ami_dlms.errors import ReceivedError, UsageError
from ami_dlms.obis import format_obis, parse_obis
from ami_keys.errors import KeysUnreadable
from ami_normalize import render
from ami_normalize.deviations import DEVIATIONS
from ami_normalize.explanation.frames import frames
from ami_normalize.explanation.origins import origins, places_of
from ami_normalize.explanation.security import opened
from ami_normalize.explanation.words import elements
from ami_normalize.model import Statement
from ami_normalize.offline import decode_record, to_record, with_keys
from ami_normalize.pipeline import Context, RawRecord, Refused
from ami_normalize.pipeline.decode import Answer, Decoded, Said, decode
from ami_normalize.pipeline.decrypt import decrypt
from ami_normalize.pipeline.identify import Identified, identify
from ami_normalize.pipeline.interpret import interpret, objects_of, valued_entries
from ami_normalize.pipeline.unframe import Unframed
from ami_normalize.quality import Quality
from ami_normalize.shapes.telegram import Telegram

Page = dict[str, Any]

_DATABLOCK: Final = b"\xc4\x02"


def explain(message: Mapping[str, Any], context: Context | None = None) -> Page:
    """Explain one message, `{"id", "hex", "transport", "keys", "request_hex"}` as `ami decode` takes it.

    The outcome is that of `ami decode`; what is refused is shown as far as it can be told. Raises ValueError for what
    is no message at all.
    """
    context = context or Context()
    try:
        record, own = to_record(message), with_keys(message.get("keys"), context)
    except (TypeError, KeysUnreadable) as error:
        raise ValueError(f"{error}") from error
    identity = message.get("id")
    return explain_record(record, own, identity if isinstance(identity, (str, int, float)) else None)


def explain_record(record: RawRecord, context: Context, identity: str | float | None = None) -> Page:
    """Explain one raw record by what is in force in `context`, its keys among it; `identity` is the page's `id`.

    What becomes of it is told as if it came alone: no ledger is asked whether it came before.
    """
    answer = decode_record(record, context, identity)
    try:
        origin = identify(record, context)
    except Refused:
        return {
            **_said(answer),
            "mapping": context.mapping_hash,
            "decoder": context.decoder_version,
            **_no_frame(record),
        }
    whole = framing.unframe(record.value, origin.framing, lenient=True)
    return {
        **_said(answer),
        "mapping": context.mapping_hash,
        "decoder": context.decoder_version,
        "frame": {
            "framing": origin.framing.value,
            "length": len(record.value),
            "complete": whole.complete,
            "frames": frames(record.value, origin.framing),
        },
        "apdus": [*(_apdu(octets, whole, origin, context) for octets in whole.apdus), *_joined(whole, origin, context)],
        "intervals": answer["intervals"],
        "events": answer["events"],
    }


def _said(answer: Mapping[str, Any]) -> Page:
    return {name: answer[name] for name in ("id", "outcome", "reason", "message", "meter_time", "protection")}


def _no_frame(record: RawRecord) -> Page:
    """Tell of a record whose headers do not even say what carries it."""
    kind = {"offset": 0, "length": len(record.value), "kind": "unknown"}
    frame = {"framing": "unknown", "length": len(record.value), "complete": False, "frames": [kind]}
    return {"frame": frame, "apdus": [], "intervals": [], "events": []}


def _apdu(octets: bytes, whole: framing.Message, origin: Identified, context: Context) -> Page:
    begin = whole.raw.find(octets)
    layers, plain = opened(octets, origin, context)
    told: Page = {"offset": begin if begin >= 0 else None, "length": len(octets), "security": layers}
    decrypted = decrypt(Unframed(origin, (octets,), _quality(whole)), context)
    (part,) = decrypted.parts
    if isinstance(part, Refused):
        return {**told, **_content(plain), **_refusal(part)}
    if part.octets.startswith(_DATABLOCK):
        return {**told, **_content(part.octets)}
    decoded = decode(decrypted, context)
    (said,) = decoded.parts
    if isinstance(said, Refused):
        return {**told, **_content(part.octets), **_refusal(said)}
    return {**told, **_meaning(said, decoded, context, part.octets)}


def _joined(whole: framing.Message, origin: Identified, context: Context) -> Iterator[Page]:
    """Yield the answer that the blocks of a record come to, where there are blocks."""
    decrypted = decrypt(Unframed(origin, whole.apdus, _quality(whole)), context)
    pieces: list[bytes] = []
    for part in decrypted.parts:
        if not isinstance(part, Refused) and part.octets.startswith(_DATABLOCK):
            try:
                block = apdus.decode(part.octets)
            except ReceivedError:
                continue
            if isinstance(block, GetResponseWithDatablock) and isinstance(block.result, bytes):
                pieces.append(block.result)
    if not pieces:
        return
    octets = b"".join(pieces)
    told: Page = {"offset": None, "length": len(octets), "security": [], "joined": len(pieces)}
    annotation = annotate_data(octets)
    for said in decode(decrypted, context).parts:
        if isinstance(said, Refused):
            yield {**told, **_content(octets, annotation), **_refusal(said)}
        elif said.plain.octets.startswith(_DATABLOCK):
            yield {**told, **_meaning(said, Decoded(decrypted.origin, (said,)), context, octets, annotation)}


def _quality(whole: framing.Message) -> tuple[Quality, ...]:
    return (Quality.FRAME_CHECK_FAILED,) if whole.check_errors else ()


def _content(plain: bytes | None, annotation: Annotation | None = None, deviation: str = "") -> Page:
    """Tell the plain APDU in elements."""
    if not plain:
        return {"apdu": None, "elements": [], "readings": []}
    annotation = annotation or annotate(plain)
    error = annotation.error
    return {
        "apdu": annotation.name,
        "deviation": deviation or None,
        "plain": plain.hex(),
        "elements": elements(plain, annotation.elements),
        "error": {"reason": error.reason, "message": f"{error}", "offset": error.offset} if error else None,
        "readings": [],
    }


def _refusal(refused: Refused) -> Page:
    told = {"reason": refused.reason.value, "stage": refused.stage, "message": refused.message}
    return {"refused": {**told, **({"fingerprint": refused.fingerprint} if refused.fingerprint else {})}}


def _meaning(
    said: Said, decoded: Decoded, context: Context, plain: bytes, annotation: Annotation | None = None
) -> Page:
    """Tell what the APDU means: each value with the element and the rule it comes from."""
    for deviation in DEVIATIONS:
        if deviation.name == said.deviation:
            plain = deviation.repair(plain) or plain
    annotation = annotation or annotate(plain)
    told = _content(plain, annotation, said.deviation)
    (understood,) = interpret(decoded, context).parts
    if isinstance(understood, Refused):
        return {**told, **_refusal(understood)}
    statement = understood.statement
    time = statement.meter_time
    readings = [render.reading(one, statement.quality) for one in statement.readings]
    for one, (path, rule) in zip(readings, _origins(said, decoded, annotation, statement, context), strict=True):
        one.update(path=path, rule=rule)
    return {
        **told,
        "dialect": statement.dialect or None,
        "time_origin": time.origin.value if time and time.origin else None,
        "readings": readings,
    }


def _origins(
    said: Said, decoded: Decoded, annotation: Annotation, statement: Statement, context: Context
) -> Iterator[tuple[str | None, str]]:
    content = said.content
    if isinstance(content, Telegram):
        yield from _lines(annotation.elements, statement)
    elif isinstance(content, (DataNotification, Answer)):
        found = objects_of(said, content, decoded.origin, context)
        places = _places(content, annotation.elements)
        polled = isinstance(content, Answer)
        yield from origins(found, valued_entries(found), places, polled=polled)


def _places(content: DataNotification | Answer, found: Sequence[Element]) -> dict[int, str]:
    """Return the paths of the values inside a message."""
    if isinstance(content, DataNotification):
        return places_of(content.body, [element for element in found if _is_inside(element, "body")])
    places: dict[int, str] = {}
    for number, value in enumerate(content.values):
        single = "data" if found and found[0].path == "data" else "result"
        root = single if len(content.values) == 1 else f"result[{number}]"
        if isinstance(value, Data):
            places.update(places_of(value, [element for element in found if _is_inside(element, root)]))
    return places


def _is_inside(element: Element, root: str) -> bool:
    return element.path == root or element.path.startswith(f"{root}[")


def _lines(found: Sequence[Element], statement: Statement) -> Iterator[tuple[str | None, str]]:
    """Find each value's line of a telegram by its code."""
    lines: dict[str, str] = {}
    for element in found:
        try:
            code = format_obis(parse_obis(str(element.value).partition("(")[0]))
        except UsageError:
            continue
        lines.setdefault(code, element.path)
    for reading in statement.readings:
        yield lines.get(reading.obis), "as the line states"
