"""What an answer is the answer to: the exchange gives its values the codes, scalers and columns they do not carry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ami.raw.v1 import exchange_pb2
from ami_dlms import apdu as apdus
from ami_dlms.apdu import CosemAttribute, DataAccessResult, GetRequestNormal, GetRequestWithList, SelectiveAccess
from ami_dlms.axdr import Data, Tag
from ami_dlms.cosem.classes import scaler_unit_attribute
from ami_dlms.errors import ReceivedError
from ami_dlms.obis import format_obis, parse_obis
from ami_dlms.selective import CaptureObject, selected_columns
from ami_normalize.meter import MeterFacts
from ami_normalize.model import VALUE_ATTRIBUTE, Entry, ScalerUnit
from ami_normalize.pipeline import buffers
from ami_normalize.pipeline.decode import Answer
from ami_normalize.pipeline.outcome import Refused
from ami_normalize.shapes import lists, objects
from ami_normalize.shapes.profile import UNNAMED, Buffer, Column
from ami_schemas.reasons import Reason

STAGE = "interpret"
_PROFILE_CLASS, _BUFFER = 7, 2

Asked = tuple[CosemAttribute, "SelectiveAccess | None"]


@dataclass(frozen=True, slots=True)
class Found:
    """The objects of an answer, and the profile buffers in it."""

    entries: list[Entry] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)


def answer_entries(answer: Answer, exchange: exchange_pb2.Exchange | None, meter: MeterFacts | None = None) -> Found:
    """Give the values of an answer their codes; what the exchange does not say of a profile, the registry may.

    Raises Refused: NO_METER_DATA where the meter refused, CONTEXT_MISSING where nothing says what was asked.
    """
    values = [value for value in answer.values if not isinstance(value, DataAccessResult)]
    if not values:
        refused = answer.values[0] if answer.values else None
        why = refused.name.lower().replace("_", "-") if isinstance(refused, DataAccessResult) else "nothing"
        raise Refused(Reason.NO_METER_DATA, STAGE, f"the meter answered {why}")
    asked = attributes_asked(exchange)
    if not asked:
        return Found(entries=_named_inside(values))
    if len(asked) != len(answer.values):
        raise Refused(
            Reason.CONTEXT_MISSING, STAGE, f"{len(asked)} attributes were asked, {len(answer.values)} answered"
        )
    found = Found()
    for target, value in zip(asked, answer.values, strict=True):
        if not isinstance(value, DataAccessResult):
            _add(found, target, value, exchange or exchange_pb2.Exchange(), meter)
    return found


def attributes_asked(exchange: exchange_pb2.Exchange | None) -> list[Asked]:
    """Return what was asked, by the request or else by the exchange's own fields."""
    if exchange is None:
        return []
    if exchange.request:
        try:
            request = apdus.decode(exchange.request)
        except ReceivedError:
            request = None
        if isinstance(request, GetRequestNormal):
            return [(request.attribute, request.access)]
        if isinstance(request, GetRequestWithList):
            return list(request.attributes)
    if len(exchange.obis) == 6 and exchange.attribute:
        return [(CosemAttribute(exchange.class_id, exchange.obis, exchange.attribute), None)]
    return []


def _named_inside(values: Sequence[Data]) -> list[Entry]:
    """Return the objects of values that name them themselves."""
    found: list[Entry] = []
    for value in values:
        entries = lists.entries(value.value) if value.tag in {Tag.ARRAY, Tag.STRUCTURE} else None
        if entries is None:
            raise Refused(
                Reason.CONTEXT_MISSING, STAGE, "an answer to an unknown request, which names no object itself"
            )
        found.extend(entries)
    return found


def _add(found: Found, asked: Asked, value: Data, exchange: exchange_pb2.Exchange, meter: MeterFacts | None) -> None:
    target, access = asked
    obis = format_obis(target.obis)
    rows = value.value.items if value.tag == Tag.COMPACT_ARRAY else value.value
    if (
        target.class_id == _PROFILE_CLASS
        and target.attribute == _BUFFER
        and value.tag in {Tag.ARRAY, Tag.COMPACT_ARRAY}
    ):
        if not rows:
            return
        facts = buffers.profiles_of(meter).get(obis)
        captured = buffers.completed(captured_of(exchange), facts) or (facts.columns if facts else ())
        if not captured:
            raise buffers.unknown_columns(obis)
        period_s = exchange.capture_period_s or (facts.period_s if facts else 0)
        found.buffers.append(Buffer(obis, rows, _selected(captured, access), period_s))
        return
    stated = None
    scaled = _is_scaled(target)
    if scaled and exchange.HasField("scaler_unit"):
        stated = ScalerUnit(exchange.scaler_unit.scaler, exchange.scaler_unit.unit)
    if scaled and value.tag in objects.COLLECTIONS:
        inside = lists.entries(value.value) if value.tag != Tag.COMPACT_ARRAY else None
        if inside:
            found.entries.extend(inside)
            return
    found.entries.append(Entry(obis, value, stated, target.attribute, target.class_id))


def _is_scaled(target: CosemAttribute) -> bool:
    """Tell whether the attribute has a scaler and unit; where no class is stated, the value may have them."""
    if not target.class_id:
        return target.attribute == VALUE_ATTRIBUTE
    return scaler_unit_attribute(target.class_id, target.attribute) is not None


def captured_of(exchange: exchange_pb2.Exchange) -> list[Column]:
    """Return the capture objects that the exchange states."""
    return [
        Column(
            column.class_id,
            format_obis(column.obis) if len(column.obis) == 6 else UNNAMED,
            column.attribute,
            column.data_index,
            ScalerUnit(column.scaler_unit.scaler, column.scaler_unit.unit) if column.HasField("scaler_unit") else None,
        )
        for column in exchange.capture_objects
    ]


def _selected(captured: Sequence[Column], access: SelectiveAccess | None) -> list[Column]:
    """Return the columns of the rows: all captured, or those the request selected."""
    names = [
        CaptureObject(column.class_id, parse_obis(column.obis), column.attribute, column.data_index)
        for column in captured
    ]
    known = dict(zip(names, captured, strict=True))
    return [
        known.get(each) or Column(each.class_id, format_obis(each.obis), each.attribute, each.data_index)
        for each in selected_columns(names, access)
    ]
