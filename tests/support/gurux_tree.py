"""APDUs as the trees that simulator/gurux/codec.py speaks: [name, text] or [name, [tree, …]]."""

import struct

from ami_dlms import apdu as apdus
from ami_dlms.apdu import DataAccessResult, InitiateRequest, InitiateResponse
from ami_dlms.axdr import Data, Tag

DATA = {
    Tag.NULL: "null-data", Tag.ARRAY: "array", Tag.STRUCTURE: "structure", Tag.BOOLEAN: "boolean",
    Tag.BIT_STRING: "bit-string", Tag.INT32: "double-long", Tag.UINT32: "double-long-unsigned",
    Tag.OCTET_STRING: "octet-string", Tag.VISIBLE_STRING: "visible-string", Tag.UTF8_STRING: "utf8-string",
    Tag.BCD: "bcd", Tag.INT8: "integer", Tag.INT16: "long", Tag.UINT8: "unsigned", Tag.UINT16: "long-unsigned",
    Tag.INT64: "long64", Tag.UINT64: "long64-unsigned", Tag.ENUM: "enum", Tag.FLOAT32: "float32",
    Tag.FLOAT64: "float64", Tag.DATE_TIME: "date-time", Tag.DATE: "date", Tag.TIME: "time",
}  # fmt: skip
WIDTH = {
    Tag.INT8: 1, Tag.INT16: 2, Tag.INT32: 4, Tag.INT64: 8, Tag.UINT8: 1, Tag.UINT16: 2, Tag.UINT32: 4, Tag.UINT64: 8,
    Tag.ENUM: 1, Tag.BCD: 1,
}  # fmt: skip
RESULTS = {
    0: "Success", 1: "HardwareFault", 2: "TemporaryFailure", 3: "ReadWriteDenied", 4: "UndefinedObject",
    9: "InconsistentClass", 11: "UnavailableObject", 12: "UnmatchedType", 13: "AccessViolated",
    14: "DataBlockUnavailable", 15: "LongGetOrReadAborted", 16: "NoLongGetOrReadInProgress",
    17: "LongSetOrWriteAborted", 18: "NoLongSetOrWriteInProgress", 19: "DataBlockNumberInvalid", 250: "OtherReason",
}  # fmt: skip
MECHANISMS = ("None", "Low", "High", "HighMd5", "HighSha1", "HighGmac", "HighSha256", "HighEcdsa")
CONTEXTS = ("", "LN", "SN", "LN_WITH_CIPHERING", "SN_WITH_CIPHERING")
STATE_ERRORS = ("", "ServiceNotAllowed", "ServiceUnknown")
SERVICE_ERRORS = ("", "OperationNotPossible", "ServiceNotSupported", "OtherReason")
INITIATE_ERRORS = ("Other", "DlmsVersionTooLow", "IncompatibleConformance", "PduSizeTooShort", "RefusedByTheVDEHandler")
REASONS = {
    "Rlrq": {0: "Normal", 1: "Urgent", 30: "UserDefined"},
    "Rlre": {0: "Normal", 1: "NotFinished", 30: "UserDefined"},
}


def data(value: Data):
    """A value."""
    tag, inner = value
    name = DATA.get(Tag(tag), f"tag {tag}")
    if tag in (Tag.ARRAY, Tag.STRUCTURE):
        return [name, [data(item) for item in inner]]
    if tag == Tag.BOOLEAN:
        return [name, str(inner)]
    if tag == Tag.BIT_STRING:
        bits = f"{int.from_bytes(inner.octets, 'big'):0{len(inner.octets) * 8}b}" if inner.octets else ""
        return [name, bits[: inner.length]]
    if tag in WIDTH:
        return [name, f"{inner & (1 << WIDTH[tag] * 8) - 1:0{WIDTH[tag] * 2}X}"]
    if tag in (Tag.FLOAT32, Tag.FLOAT64):
        return [name, struct.pack(">f" if tag == Tag.FLOAT32 else ">d", inner).hex().upper()]
    if tag in (Tag.VISIBLE_STRING, Tag.UTF8_STRING):
        return [name, text(inner.encode("latin-1" if tag == Tag.VISIBLE_STRING else "utf-8"))]
    return [name, inner.hex().upper()] if isinstance(inner, bytes) else [name, []]


def text(octets: bytes):
    """Text where every octet is printable ASCII, else the octets in hex."""
    return octets.decode() if all(0x20 <= octet < 0x7F for octet in octets) else octets.hex(" ").upper()


def tree(apdu):
    """An APDU."""
    return _TREES[type(apdu).__name__](apdu)


def _number(name, value, octets):
    return [name, f"{value:0{octets * 2}X}"]


def _invoke(apdu):
    return _number("InvokeIdAndPriority", apdu.invoke_id_and_priority, 1)


def _form(service, form):
    """An APDU with an invoke id and fields that `form` lists."""
    return lambda name, fields: lambda apdu: [service, [[form + name, [_invoke(apdu), *fields(apdu)]]]]


def _object(name, index, class_id, obis, number):
    return [name, [_number("ClassId", class_id, 2), ["InstanceId", obis.hex().upper()], _number(index, number, 1)]]


def _attribute(what):
    return _object("AttributeDescriptor", "AttributeId", what.class_id, what.obis, what.attribute)


def _method(what):
    return _object("MethodDescriptor", "MethodId", what.class_id, what.obis, what.method)


def _access(part):
    if part is None:
        return []
    return [
        [
            "AccessSelection",
            [_number("AccessSelector", part.selector, 1), ["AccessParameters", [data(part.parameters)]]],
        ]
    ]


def _result(result):
    return ["DataAccessError", RESULTS[result]] if isinstance(result, DataAccessResult) else ["Data", [data(result)]]


def _block(apdu):
    return [["LastBlock", f"{apdu.last:02X}"], _number("BlockNumber", apdu.block_number, 4)]


def _raw(octets):
    return ["RawData", octets.hex().upper()]


def _datablock(apdu):
    refused = isinstance(apdu.result, DataAccessResult)
    return ["DataAccessResult", RESULTS[apdu.result]] if refused else _raw(apdu.result)


def _selected(pair):
    return ["AttributeDescriptorWithSelection", [_attribute(pair[0]), *_access(pair[1])]]


def _returned(apdu):
    return [] if apdu.data is None else [["ReturnParameters", [_result(apdu.data)]]]


def _conformance(name, conformance):
    set_bits = [bit.name for bit in type(conformance) if bit in conformance]
    return [name, [["ConformanceBit", "".join(map(str.capitalize, bit.split("_")))] for bit in set_bits]]


def _proposal(apdu: InitiateRequest):
    key = [] if apdu.dedicated_key is None else [["DedicatedKey", apdu.dedicated_key.hex().upper()]]
    allowed = [] if apdu.response_allowed else [["ResponseAllowed", "00"]]
    quality = (
        []
        if apdu.quality_of_service is None
        else [_number("ProposedQualityOfService", apdu.quality_of_service & 0xFF, 1)]
    )
    version = _number("ProposedDlmsVersionNumber", apdu.dlms_version, 1)
    size = _number("ProposedMaxPduSize", apdu.client_max_receive_pdu_size, 2)
    return [
        "InitiateRequest",
        [*key, *allowed, *quality, version, _conformance("ProposedConformance", apdu.conformance), size],
    ]


def _agreement(apdu: InitiateResponse):
    quality = (
        [] if apdu.quality_of_service is None else [_number("NegotiatedQualityOfService", apdu.quality_of_service, 1)]
    )
    version = _number("NegotiatedDlmsVersionNumber", apdu.dlms_version, 1)
    size = _number("NegotiatedMaxPduSize", apdu.server_max_receive_pdu_size, 2)
    bits = _conformance("NegotiatedConformance", apdu.conformance)
    return ["InitiateResponse", [*quality, version, bits, size, _number("VaaName", apdu.vaa_name, 2)]]


def _service_error(apdu):
    return ["ConfirmedServiceError", [["Service", "01"], ["ServiceError", [["Initiate", INITIATE_ERRORS[apdu.value]]]]]]


def _user_information(octets):
    return [tree(apdus.decode(octets))] if octets else []


def _optional(name, octets):
    return [] if octets is None else [[name, octets.hex().upper()]]


def _mechanism(apdu, requirement):
    return [] if apdu.mechanism is None else [[requirement, "1"], ["MechanismName", MECHANISMS[apdu.mechanism]]]


def _aarq(apdu):
    return ["AssociationRequest", [
        ["ApplicationContextName", CONTEXTS[apdu.application_context]],
        *_optional("CallingAPTitle", apdu.calling_ap_title),
        *_mechanism(apdu, "SenderACSERequirements"),
        *_optional("CallingAuthentication", apdu.calling_authentication),
        *_user_information(apdu.user_information),
    ]]  # fmt: skip


def _aare(apdu):
    return ["AssociationResponse", [
        ["ApplicationContextName", CONTEXTS[apdu.application_context]],
        _number("AssociationResult", apdu.result, 1),
        ["ResultSourceDiagnostic", [_number("ACSEServiceUser", apdu.diagnostic, 1)]],
        *_optional("RespondingAPTitle", apdu.responding_ap_title),
        *_mechanism(apdu, "ResponderACSERequirement"),
        *_optional("RespondingAuthentication", apdu.responding_authentication),
        *_user_information(apdu.user_information),
    ]]  # fmt: skip


def _release(name):
    def made(apdu):
        reason = [] if apdu.reason is None else [["Reason", REASONS[type(apdu).__name__][apdu.reason]]]
        return [name, [*reason, *_user_information(apdu.user_information)]]

    return made


def _event(apdu):
    descriptor = _object("AttributeDescriptor", "AttributeId", apdu.class_id, apdu.obis, apdu.attribute)
    return [
        "EventNotificationRequest",
        [*_optional("Time", apdu.time), descriptor, ["AttributeValue", [data(apdu.value)]]],
    ]


def _notification(apdu):
    return ["DataNotification", [
        _number("LongInvokeIdAndPriority", apdu.long_invoke_id_and_priority, 4),
        ["DateTime", apdu.date_time.hex().upper()],
        ["NotificationBody", [["DataValue", [data(apdu.body)]]]],
    ]]  # fmt: skip


def _general_block(apdu):
    return ["GeneralBlockTransfer", [
        ["BlockControl", f"{apdu.last << 7 | apdu.streaming << 6 | apdu.window:02X}"],
        _number("BlockNumber", apdu.block_number, 2),
        _number("BlockNumberAck", apdu.block_number_ack, 2),
        ["BlockData", apdu.data.hex().upper()],
    ]]  # fmt: skip


def _exception(apdu):
    service = SERVICE_ERRORS[apdu.service_error] if apdu.service_error < len(SERVICE_ERRORS) else ""
    return ["ExceptionResponse", [["StateError", STATE_ERRORS[apdu.state_error]], ["ServiceError", service]]]


_get_request, _get_response = _form("GetRequest", "GetRequest"), _form("GetResponse", "GetResponse")
_set_request, _set_response = _form("SetRequest", "SetRequest"), _form("SetResponse", "SetResponse")
_action_request, _action_response = _form("ActionRequest", "ActionRequest"), _form("ActionResponse", "ActionResponse")

_TREES = {
    "GetRequestNormal": _get_request("Normal", lambda a: [_attribute(a.attribute), *_access(a.access)]),
    "GetRequestNext": _get_request("ForNextDataBlock", lambda a: [_number("BlockNumber", a.block_number, 4)]),
    "GetRequestWithList": _get_request(
        "WithList", lambda a: [["AttributeDescriptorList", [_selected(pair) for pair in a.attributes]]]
    ),
    "GetResponseNormal": _get_response("Normal", lambda a: [["Result", [_result(a.result)]]]),
    "GetResponseWithDatablock": _get_response(
        "withDataBlock", lambda a: [["Result", [*_block(a), ["Result", [_datablock(a)]]]]]
    ),
    "GetResponseWithList": _get_response("WithList", lambda a: [["Result", [_result(result) for result in a.results]]]),
    "SetRequestNormal": _set_request(
        "Normal", lambda a: [_attribute(a.attribute), *_access(a.access), ["Value", [data(a.value)]]]
    ),
    "SetRequestWithFirstDatablock": _set_request(
        "FirstDataBlock",
        lambda a: [_attribute(a.attribute), *_access(a.access), ["DataBlock", [*_block(a), _raw(a.data)]]],
    ),
    "SetRequestWithDatablock": _set_request("WithDataBlock", lambda a: [["DataBlock", [*_block(a), _raw(a.data)]]]),
    "SetResponseNormal": _set_response("Normal", lambda a: [["Result", RESULTS[a.result]]]),
    "SetResponseDatablock": _set_response("DataBlock", lambda a: [_number("BlockNumber", a.block_number, 4)]),
    "SetResponseLastDatablock": _set_response(
        "WithLastDataBlock", lambda a: [["Result", RESULTS[a.result]], _number("BlockNumber", a.block_number, 4)]
    ),
    "ActionRequestNormal": _action_request(
        "Normal",
        lambda a: [
            _method(a.method),
            *([] if a.parameter is None else [["MethodInvocationParameters", [data(a.parameter)]]]),
        ],
    ),
    "ActionRequestNextPblock": _action_request("ForNextPBlock", lambda a: [_number("BlockNumber", a.block_number, 4)]),
    "ActionResponseNormal": _action_response("Normal", lambda a: [["Result", RESULTS[a.result]], *_returned(a)]),
    "ActionResponseWithPblock": _action_response("WithPBlock", lambda a: [["Pblock", [*_block(a), _raw(a.data)]]]),
    "DataNotification": _notification,
    "EventNotification": _event,
    "GeneralBlockTransfer": _general_block,
    "ExceptionResponse": _exception,
    "ConfirmedServiceError": _service_error,
    "InitiateRequest": _proposal,
    "InitiateResponse": _agreement,
    "Aarq": _aarq,
    "Aare": _aare,
    "Rlrq": _release("ReleaseRequest"),
    "Rlre": _release("ReleaseResponse"),
}
