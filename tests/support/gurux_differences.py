"""Where gurux-dlms 1.0.203 and we disagree, rule by rule: docs/gurux-differences.md says why, with the clause.

A rule names the APDUs it concerns. A disagreement without a rule fails the differential test, and so does a rule
that no disagreement needs any more.
"""

from ami_dlms import apdu as apdus
from ami_dlms.apdu import DataAccessResult, InitiateRequest, InitiateResponse
from ami_dlms.axdr import Tag
from support.random_apdus import data_in, tags_in

DELTAS = frozenset(range(Tag.DELTA_INT8, Tag.DELTA_UINT32 + 1))


def _tags(*tags):
    return lambda apdu: any(tag in tags for value in data_in(apdu) for tag in tags_in(value))


def _is(*names):
    return lambda apdu: type(apdu).__name__ in names


def _strings(told):
    """APDUs with a string of which `told` is true."""
    return lambda apdu: any(told(text) for value in data_in(apdu) for text in _texts(value))


def _texts(value):
    if value.tag in (Tag.VISIBLE_STRING, Tag.UTF8_STRING):
        yield value.value
    elif value.tag in (Tag.ARRAY, Tag.STRUCTURE):
        for item in value.value:
            yield from _texts(item)


def _initiates(told):
    """Initiate requests and responses, alone or inside an association, of which `told` is true."""

    def applies(apdu):
        inner = getattr(apdu, "user_information", b"")
        initiate = apdus.decode(inner) if inner else apdu
        return isinstance(initiate, (InitiateRequest, InitiateResponse)) and told(initiate)

    return applies


def _listed_selection(apdu):
    return _is("GetRequestWithList")(apdu) and any(access for _, access in apdu.attributes)


def _listed_refusal(apdu):
    return _is("GetResponseWithList")(apdu) and any(isinstance(result, DataAccessResult) for result in apdu.results)


def _set_selection(apdu):
    return _is("SetRequestNormal", "SetRequestWithFirstDatablock")(apdu) and apdu.access is not None


def _printable(text):
    return all(" " <= character < "\x7f" for character in text)


def _holds_array(description):
    return description.tag == Tag.ARRAY or any(map(_holds_array, description.members))


def _times(value):
    if value.tag == Tag.TIME:
        yield value.value
    items = value.value.items if value.tag == Tag.COMPACT_ARRAY else value.value
    if value.tag in (Tag.COMPACT_ARRAY, Tag.ARRAY, Tag.STRUCTURE):
        for item in items:
            yield from _times(item)


BOTH = {
    "delta-types": _tags(*DELTAS),
    "dont-care": _tags(Tag.DONT_CARE),
    "unescaped-text": _strings(lambda text: _printable(text) and any(sign in text for sign in '"<&')),
    "action-blocks": _is("ActionRequestNextPblock", "ActionResponseWithPblock"),
    "get-list-refusal": _listed_refusal,
    "exception-codes": lambda apdu: _is("ExceptionResponse")(apdu) and apdu.service_error > 3,
}

DECODING = {
    **BOTH,
    "date": _tags(Tag.DATE),
    "get-list-selection": _listed_selection,
    "set-selection": _set_selection,
    "initiate-flags": _initiates(
        lambda initiate: initiate.quality_of_service is not None or not getattr(initiate, "response_allowed", True)
    ),
    "release-information": lambda apdu: (
        _is("Rlrq", "Rlre")(apdu) and bool(apdu.user_information) and (_is("Rlre")(apdu) or apdu.reason is None)
    ),
}
"""Our encoder, their decoder."""

ENCODING = {
    **BOTH,
    "unprintable-text": _strings(lambda text: not _printable(text)),
    "date-time": _tags(Tag.DATE_TIME, Tag.DATE, Tag.TIME),
    "notification-time": lambda apdu: bool(getattr(apdu, "time", None) or getattr(apdu, "date_time", b"")),
    "get-list-request": _is("GetRequestWithList"),
    "get-list-response": _is("GetResponseWithList"),
    "get-block-refusal": lambda apdu: (
        _is("GetResponseWithDatablock")(apdu) and isinstance(apdu.result, DataAccessResult)
    ),
    "set-last-block": _is("SetResponseLastDatablock"),
    "action-without-data": lambda apdu: _is("ActionResponseNormal")(apdu) and apdu.data is None,
    "general-block": _is("GeneralBlockTransfer"),
    "service-error": _is("ConfirmedServiceError"),
}
"""Their encoder."""

SEALED = {
    "sealed-block": _is("GeneralBlockTransfer"),
    "sealed-event": _is("EventNotification"),
    "sealed-initiate": _is("InitiateRequest", "InitiateResponse"),
}
"""Our ciphering, their translator; what DECODING lists is not asked again."""

COMPACT = {
    "delta-types": _tags(*DELTAS),
    "compact-text": _tags(Tag.UTF8_STRING),
    "compact-array": lambda apdu: apdu.result.tag == Tag.COMPACT_ARRAY and _holds_array(apdu.result.value.description),
    "time-hundredths": lambda apdu: any(time[3] not in (0, 0xFF) for time in _times(apdu.result)),
}
"""Values of compact arrays, of dates and times: our encoder, their client."""


def explained(rules, apdu):
    """The names of the rules an APDU falls under."""
    return [name for name, applies in rules.items() if applies(apdu)]
