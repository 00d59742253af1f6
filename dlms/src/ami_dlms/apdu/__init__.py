"""APDUs: bytes to values and back (Green Book clause 9.5; ACSE in BER, xDLMS in A-XDR).

`decode(buf)` gives one of the classes below; each has `to_bytes()`. Ciphered APDUs come out as they are on the wire:
`ami_dlms.security` opens them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Union

from ami_dlms.apdu import (
    access,
    acse,
    action,
    block_transfer,
    ciphered,
    errors,
    get,
    initiate,
    notification,
    short_name,
    signing,
)
from ami_dlms.apdu.access import (
    AccessAction,
    AccessActionResult,
    AccessGet,
    AccessGetResult,
    AccessRequest,
    AccessResponse,
    AccessResult,
    AccessSet,
    AccessSetResult,
    AccessSpecification,
)
from ami_dlms.apdu.acse import Aare, Aarq, ApplicationContext, AssociationResult, Diagnostic, Mechanism, Rlre, Rlrq
from ami_dlms.apdu.action import (
    ActionOutcome,
    ActionRequest,
    ActionRequestNextPblock,
    ActionRequestNormal,
    ActionRequestWithFirstPblock,
    ActionRequestWithList,
    ActionRequestWithListAndFirstPblock,
    ActionRequestWithPblock,
    ActionResponse,
    ActionResponseNextPblock,
    ActionResponseNormal,
    ActionResponseWithList,
    ActionResponseWithPblock,
)
from ami_dlms.apdu.block_transfer import GeneralBlockTransfer
from ami_dlms.apdu.ciphered import GeneralCiphering, GeneralGloCiphering, ServiceCiphered
from ami_dlms.apdu.descriptors import CosemAttribute, CosemMethod, Selected, SelectiveAccess
from ami_dlms.apdu.errors import ConfirmedServiceError, ExceptionResponse
from ami_dlms.apdu.general import AgreedKey, GeneralHeader, IdentifiedKey, KeyInfo, WrappedKey
from ami_dlms.apdu.get import (
    GetRequest,
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponse,
    GetResponseNormal,
    GetResponseWithDatablock,
    GetResponseWithList,
)
from ami_dlms.apdu.initiate import Conformance, InitiateRequest, InitiateResponse
from ami_dlms.apdu.notification import DataNotification, DataNotificationConfirm, EventNotification
from ami_dlms.apdu.reader import Reader
from ami_dlms.apdu.results import ActionResult, DataAccessResult, GetDataResult
from ami_dlms.apdu.set import (
    SetRequest,
    SetRequestNormal,
    SetRequestWithDatablock,
    SetRequestWithFirstDatablock,
    SetRequestWithList,
    SetRequestWithListAndFirstDatablock,
    SetResponse,
    SetResponseDatablock,
    SetResponseLastDatablock,
    SetResponseLastDatablockWithList,
    SetResponseNormal,
    SetResponseWithList,
    read_set_request,
    read_set_response,
)
from ami_dlms.apdu.short_name import (
    BlockNumber,
    BlockNumberAccess,
    DataBlockResult,
    InformationReport,
    ParameterizedAccess,
    ReadDataBlockAccess,
    ReadRequest,
    ReadResponse,
    Variable,
    VariableName,
    WriteDataBlockAccess,
    WriteRequest,
    WriteResponse,
)
from ami_dlms.apdu.signing import GeneralSigning
from ami_dlms.errors import ApduUnknown, Truncated

Ciphered = Union[GeneralGloCiphering, GeneralCiphering, ServiceCiphered]
"""APDUs that `ami_dlms.security.unprotect` opens."""

Apdu = Union[
    Aarq, Aare, Rlrq, Rlre,
    InitiateRequest, InitiateResponse,
    GetRequest, GetResponse, SetRequest, SetResponse, ActionRequest, ActionResponse,
    AccessRequest, AccessResponse,
    ReadRequest, ReadResponse, WriteRequest, WriteResponse, InformationReport,
    DataNotification, DataNotificationConfirm, EventNotification,
    ExceptionResponse, ConfirmedServiceError,
    GeneralBlockTransfer,
    GeneralGloCiphering, GeneralCiphering, ServiceCiphered, GeneralSigning,
]  # fmt: skip
"""Any APDU."""

_READERS: Final[dict[int, Callable[[Reader], Apdu]]] = {
    0x01: initiate.read_request,
    0x05: short_name.read_read_request,
    0x06: short_name.read_write_request,
    0x08: initiate.read_response,
    0x0C: short_name.read_read_response,
    0x0D: short_name.read_write_response,
    0x0E: errors.read_confirmed_service_error,
    0x0F: notification.read_data_notification,
    0x10: notification.read_data_notification_confirm,
    0x16: short_name.read_unconfirmed_write_request,
    0x18: short_name.read_information_report,
    0x60: acse.read_aarq,
    0x61: acse.read_aare,
    0x62: acse.read_rlrq,
    0x63: acse.read_rlre,
    0xC0: get.read_get_request,
    0xC1: read_set_request,
    0xC2: notification.read_event_notification,
    0xC3: action.read_action_request,
    0xC4: get.read_get_response,
    0xC5: read_set_response,
    0xC7: action.read_action_response,
    0xD8: errors.read_exception_response,
    0xD9: access.read_access_request,
    0xDA: access.read_access_response,
    ciphered.GENERAL_CIPHERING: ciphered.read_general_ciphering,
    signing.GENERAL_SIGNING: signing.read_general_signing,
    0xE0: block_transfer.read_block,
}


def decode(buf: bytes, *, lenient: bool = False) -> Apdu:
    """Decode one whole APDU. `lenient` also takes an event-notification without the flag in front of its time.

    Raises ApduUnknown, ApduMalformed, DataMalformed, Truncated, LimitExceeded, UnsupportedSuite, or TrailingBytes where
    octets are left.
    """
    apdu, end = decode_from(buf, lenient=lenient)
    Reader(buf, end).end()
    return apdu


def decode_from(buf: bytes, *, lenient: bool = False) -> tuple[Apdu, int]:
    """Decode the APDU at the start of a buffer; return it and the offset behind it."""
    if not buf:
        raise Truncated("an APDU is missing", offset=0)
    reader = Reader(buf, 1)
    tag = buf[0]
    if lenient and tag == notification.EVENT_NOTIFICATION:
        return notification.read_event_notification(reader, lenient=True), reader.at
    read = _READERS.get(tag)
    if read is not None:
        return read(reader), reader.at
    if tag in (ciphered.GENERAL_GLO, ciphered.GENERAL_DED):
        return ciphered.read_general(reader, tag), reader.at
    if tag in ciphered.SERVICE_CIPHERED:
        return ciphered.read_service(reader, tag), reader.at
    raise ApduUnknown(f"{tag:#04x} begins no APDU", offset=0)


__all__ = [
    "Aare",
    "Aarq",
    "AccessAction",
    "AccessActionResult",
    "AccessGet",
    "AccessGetResult",
    "AccessRequest",
    "AccessResponse",
    "AccessResult",
    "AccessSet",
    "AccessSetResult",
    "AccessSpecification",
    "ActionOutcome",
    "ActionRequestNextPblock",
    "ActionRequestNormal",
    "ActionRequestWithFirstPblock",
    "ActionRequestWithList",
    "ActionRequestWithListAndFirstPblock",
    "ActionRequestWithPblock",
    "ActionResponseNextPblock",
    "ActionResponseNormal",
    "ActionResponseWithList",
    "ActionResponseWithPblock",
    "ActionResult",
    "AgreedKey",
    "Apdu",
    "ApplicationContext",
    "AssociationResult",
    "BlockNumber",
    "BlockNumberAccess",
    "Ciphered",
    "ConfirmedServiceError",
    "Conformance",
    "CosemAttribute",
    "CosemMethod",
    "DataAccessResult",
    "DataBlockResult",
    "DataNotification",
    "DataNotificationConfirm",
    "Diagnostic",
    "EventNotification",
    "ExceptionResponse",
    "GeneralBlockTransfer",
    "GeneralCiphering",
    "GeneralGloCiphering",
    "GeneralHeader",
    "GeneralSigning",
    "GetDataResult",
    "GetRequestNext",
    "GetRequestNormal",
    "GetRequestWithList",
    "GetResponseNormal",
    "GetResponseWithDatablock",
    "GetResponseWithList",
    "IdentifiedKey",
    "InformationReport",
    "InitiateRequest",
    "InitiateResponse",
    "KeyInfo",
    "Mechanism",
    "ParameterizedAccess",
    "ReadDataBlockAccess",
    "ReadRequest",
    "ReadResponse",
    "Rlre",
    "Rlrq",
    "Selected",
    "SelectiveAccess",
    "ServiceCiphered",
    "SetRequestNormal",
    "SetRequestWithDatablock",
    "SetRequestWithFirstDatablock",
    "SetRequestWithList",
    "SetRequestWithListAndFirstDatablock",
    "SetResponseDatablock",
    "SetResponseLastDatablock",
    "SetResponseLastDatablockWithList",
    "SetResponseNormal",
    "SetResponseWithList",
    "Variable",
    "VariableName",
    "WrappedKey",
    "WriteDataBlockAccess",
    "WriteRequest",
    "WriteResponse",
    "decode",
    "decode_from",
]
