"""The APDUs that have shapes: those in which meters send data. Each is traced attribute by attribute, in its order."""

from __future__ import annotations

from dataclasses import fields
from typing import Final, Union

from ami_dlms.apdu import Apdu, DataNotification, EventNotification, GetResponseNormal, GetResponseWithList
from ami_dlms.axdr import Data
from ami_dlms.shapes.skeleton import Fixed, Group, Node
from ami_dlms.shapes.trace import Trace, Untraceable

Shaped = Union[DataNotification, EventNotification, GetResponseNormal, GetResponseWithList]
"""An APDU that has a shape."""
SHAPED: Final = frozenset({DataNotification, EventNotification, GetResponseNormal, GetResponseWithList})


def trace(apdu: Apdu, buf: bytes) -> tuple[Trace, type[Shaped], tuple[Node, ...]]:
    """Trace a decoded APDU; return its class, and its attributes as nodes. Raises Untraceable."""
    walk = Trace(buf)
    if isinstance(apdu, DataNotification):
        attributes = _data_notification(walk, apdu)
    elif isinstance(apdu, EventNotification):
        attributes = _event_notification(walk, apdu)
    elif isinstance(apdu, GetResponseNormal) and isinstance(apdu.result, Data):
        attributes = _get_response(walk, apdu.result)
    elif isinstance(apdu, GetResponseWithList):
        attributes = _get_response_with_list(walk, apdu)
    else:
        raise Untraceable
    if walk.at != len(buf):
        raise Untraceable
    return walk, type(apdu), attributes


def attributes_of(kind: type[Shaped]) -> tuple[str, ...]:
    """Return the names of an APDU's attributes, in the order of its constructor."""
    return tuple(field.name for field in fields(kind))


def _data_notification(walk: Trace, apdu: DataNotification) -> tuple[Node, ...]:
    walk.at = 1
    invoke = walk.slot(None, "I", 4)
    if apdu.tagged_date_time:
        walk.at += 1
    return invoke, walk.octets(), walk.data(apdu.body), Fixed(apdu.tagged_date_time)


def _event_notification(walk: Trace, apdu: EventNotification) -> tuple[Node, ...]:
    walk.at = 2  # the flag in front of the time, or the time's tag
    time = Fixed(None) if apdu.time is None else walk.octets()
    head = walk.constant(2, apdu.class_id), walk.constant(6, apdu.obis), walk.constant(1, apdu.attribute)
    return time, *head, walk.data(apdu.value), Fixed(apdu.unflagged_time)


def _get_response(walk: Trace, result: Data) -> tuple[Node, ...]:
    walk.at = 2
    invoke = walk.slot(None, "B", 1)
    walk.at += 1  # choice: data
    return invoke, walk.data(result)


def _get_response_with_list(walk: Trace, apdu: GetResponseWithList) -> tuple[Node, ...]:
    walk.at = 2
    invoke = walk.slot(None, "B", 1)
    walk.length()
    results: list[Node] = []
    for result in apdu.results:
        walk.at += 1  # choice: data or the reason
        results.append(walk.data(result) if isinstance(result, Data) else walk.constant(1, result))
    return invoke, Group(None, tuple(results))
