"""The services of an association on the server's side: get, set, action and access on the objects it may see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ami_dlms import axdr
from ami_dlms.apdu import (
    AccessActionResult,
    AccessGet,
    AccessGetResult,
    AccessRequest,
    AccessResponse,
    AccessResult,
    AccessSet,
    AccessSetResult,
    AccessSpecification,
    ActionOutcome,
    ActionRequestNextPblock,
    ActionRequestNormal,
    ActionRequestWithFirstPblock,
    ActionRequestWithList,
    ActionRequestWithListAndFirstPblock,
    ActionRequestWithPblock,
    ActionResponseNormal,
    ActionResponseWithList,
    ActionResponseWithPblock,
    ActionResult,
    Apdu,
    Conformance,
    CosemAttribute,
    CosemMethod,
    DataAccessResult,
    ExceptionResponse,
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithDatablock,
    GetResponseWithList,
    SelectiveAccess,
    SetRequestNormal,
    SetRequestWithDatablock,
    SetRequestWithFirstDatablock,
    SetRequestWithList,
    SetRequestWithListAndFirstDatablock,
    SetResponseNormal,
    SetResponseWithList,
)
from ami_dlms.association.blocks import Block, BlockSender
from ami_dlms.association.long_requests import LongRequest, LongRequestFailed
from ami_dlms.axdr import Data
from ami_dlms.cosem.objects import CosemObject

NEEDS: Mapping[type, Conformance] = {
    GetRequestNormal: Conformance.GET,
    GetRequestNext: Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ,
    GetRequestWithList: Conformance.GET | Conformance.MULTIPLE_REFERENCES,
    SetRequestNormal: Conformance.SET,
    SetRequestWithFirstDatablock: Conformance.SET | Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE,
    SetRequestWithDatablock: Conformance.SET | Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE,
    SetRequestWithList: Conformance.SET | Conformance.MULTIPLE_REFERENCES,
    SetRequestWithListAndFirstDatablock: (
        Conformance.SET | Conformance.MULTIPLE_REFERENCES | Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE
    ),
    ActionRequestNormal: Conformance.ACTION,
    ActionRequestNextPblock: Conformance.ACTION | Conformance.BLOCK_TRANSFER_WITH_ACTION,
    ActionRequestWithList: Conformance.ACTION | Conformance.MULTIPLE_REFERENCES,
    ActionRequestWithFirstPblock: Conformance.ACTION | Conformance.BLOCK_TRANSFER_WITH_ACTION,
    ActionRequestWithListAndFirstPblock: (
        Conformance.ACTION | Conformance.MULTIPLE_REFERENCES | Conformance.BLOCK_TRANSFER_WITH_ACTION
    ),
    ActionRequestWithPblock: Conformance.ACTION | Conformance.BLOCK_TRANSFER_WITH_ACTION,
    AccessRequest: Conformance.ACCESS,
}
"""What must be agreed on for each request this server knows."""
NOT_SUPPORTED = ExceptionResponse(2, 2)
"""Service unknown, service not supported."""
PDU_TOO_LONG = ExceptionResponse(2, 4)
"""Service unknown, PDU too long."""
NO_LIMIT = 0
BLOCK_OVERHEAD = max(GetResponseWithDatablock.MAX_OVERHEAD, ActionResponseWithPblock.MAX_OVERHEAD)
"""Octets of a response beside its block, at most."""
LIST_HEADER = 3
"""Octets of a response before its list, which blocks carry: tag, form, invoke id."""


class Outgoing(NamedTuple):
    """A response under way in blocks, and how one of its blocks is written."""

    blocks: BlockSender
    write: Callable[[int, Block], bytes]


class Services:
    """Answers requests on a set of objects. Between requests it keeps a block transfer that is under way."""

    def __init__(self, objects: Mapping[bytes, CosemObject], conformance: Conformance, max_response: int) -> None:
        """`max_response` is the longest plain response in octets, 0 for any."""
        self._objects = objects
        self._conformance = conformance
        self._max_response = max_response
        self._outgoing: Outgoing | None = None
        self._incoming: LongRequest | None = None
        self.whole = False
        """Responses may have any length: the layer below transfers them in blocks."""

    def answer(self, request: Apdu) -> bytes:
        """Return the plain response APDU; to a service that is unknown or not agreed on, an exception-response."""
        needed = NEEDS.get(type(request))
        if needed is None or needed & self._conformance != needed:
            return NOT_SUPPORTED.to_bytes()
        if isinstance(request, (GetRequestNext, ActionRequestNextPblock)):
            return self._next_block(request)
        self._outgoing = None  # any other request ends a response in blocks
        if isinstance(request, (SetRequestWithDatablock, ActionRequestWithPblock)):
            if self._incoming is None:
                return LongRequestFailed.none_under_way(request).to_bytes()
            return self._on_block(self._incoming, Block(request.last, request.block_number, request.data))
        self._incoming = None
        if isinstance(
            request,
            (
                SetRequestWithFirstDatablock,
                SetRequestWithListAndFirstDatablock,
                ActionRequestWithFirstPblock,
                ActionRequestWithListAndFirstPblock,
            ),
        ):
            self._incoming = LongRequest(request)
            return self._on_block(self._incoming, Block(request.last, request.block_number, request.data))
        return self._answer(request)

    def _answer(self, request: Apdu) -> bytes:
        if isinstance(request, GetRequestNormal):
            return self._get(request)
        if isinstance(request, GetRequestWithList):
            return self._get_list(request)
        if isinstance(request, SetRequestNormal):
            return SetResponseNormal(request.invoke_id_and_priority, self._set(request)).to_bytes()
        if isinstance(request, SetRequestWithList):
            return self._set_list(request)
        if isinstance(request, ActionRequestNormal):
            outcome = self._act(request.method, request.parameter)
            response = ActionResponseNormal(request.invoke_id_and_priority, *outcome).to_bytes()
            # Blocks carry the returned data itself, without the result and the choices before it.
            return self._fitted(response, request.invoke_id_and_priority, LIST_HEADER + 3)
        if isinstance(request, ActionRequestWithList):
            return self._act_list(request)
        return self._access(request) if isinstance(request, AccessRequest) else NOT_SUPPORTED.to_bytes()

    def _on_block(self, incoming: LongRequest, block: Block) -> bytes:
        """Take a block of a long request; the last one brings the request about."""
        try:
            request = incoming.add(block)
        except LongRequestFailed as failed:
            self._incoming = None
            return failed.to_bytes()
        if request is None:
            return incoming.confirm(block.number).to_bytes()
        self._incoming = None
        if isinstance(request, SetRequestNormal):
            return incoming.written((self._set(request),), block.number).to_bytes()
        if isinstance(request, SetRequestWithList):
            return incoming.written(self._write_all(request), block.number).to_bytes()
        return self._answer(request)

    def _get(self, request: GetRequestNormal) -> bytes:
        result = self._read(request.attribute, request.access)
        response = GetResponseNormal(request.invoke_id_and_priority, result).to_bytes()
        # Blocks carry the data itself, without the choice before it.
        return self._fitted(response, request.invoke_id_and_priority, LIST_HEADER + 1)

    def _get_list(self, request: GetRequestWithList) -> bytes:
        results = tuple(self._read(attribute, access) for attribute, access in request.attributes)
        response = GetResponseWithList(request.invoke_id_and_priority, results).to_bytes()
        return self._fitted(response, request.invoke_id_and_priority)

    def _set_list(self, request: SetRequestWithList) -> bytes:
        if len(request.values) != len(request.attributes):
            return SetResponseNormal(request.invoke_id_and_priority, DataAccessResult.OTHER_REASON).to_bytes()
        return SetResponseWithList(request.invoke_id_and_priority, self._write_all(request)).to_bytes()

    def _write_all(self, request: SetRequestWithList) -> tuple[DataAccessResult, ...]:
        if len(request.values) != len(request.attributes):
            return (DataAccessResult.OTHER_REASON,) * len(request.attributes)
        pairs = zip(request.attributes, request.values, strict=True)
        return tuple(self._write(attribute, access, value) for (attribute, access), value in pairs)

    def _act_list(self, request: ActionRequestWithList) -> bytes:
        if len(request.parameters) != len(request.methods):
            return ActionResponseNormal(request.invoke_id_and_priority, ActionResult.OTHER_REASON).to_bytes()
        pairs = zip(request.methods, request.parameters, strict=True)
        outcomes = tuple(self._act(method, parameter) for method, parameter in pairs)
        response = ActionResponseWithList(request.invoke_id_and_priority, outcomes).to_bytes()
        return self._fitted(response, request.invoke_id_and_priority)

    def _access(self, request: AccessRequest) -> bytes:
        if len(request.data) != len(request.specifications):
            return NOT_SUPPORTED.to_bytes()
        pairs = zip(request.specifications, request.data, strict=True)
        answers = [self._access_one(specification, data) for specification, data in pairs]
        response = AccessResponse(
            request.long_invoke_id_and_priority,
            tuple(data for data, _ in answers),
            tuple(result for _, result in answers),
        ).to_bytes()
        cut = self._conformance & Conformance.GENERAL_BLOCK_TRANSFER
        return response if cut or self._fits(response) else PDU_TOO_LONG.to_bytes()

    def _access_one(self, wanted: AccessSpecification, data: Data) -> tuple[Data, AccessResult]:
        if isinstance(wanted, AccessGet):
            read = self._read(wanted.attribute, wanted.access)
            if isinstance(read, DataAccessResult):
                return axdr.NULL, AccessGetResult(read)
            return read, AccessGetResult(DataAccessResult.SUCCESS)
        if isinstance(wanted, AccessSet):
            return axdr.NULL, AccessSetResult(self._write(wanted.attribute, wanted.access, data))
        outcome = self._act(wanted.method, data)
        returned = outcome.data if isinstance(outcome.data, Data) else axdr.NULL
        return returned, AccessActionResult(outcome.result)

    def _fits(self, response: bytes) -> bool:
        return self.whole or self._max_response == NO_LIMIT or len(response) <= self._max_response

    def _fitted(self, response: bytes, invoke: int, header: int = LIST_HEADER) -> bytes:
        """Return the response, or its first block if it is too long."""
        if self._fits(response):
            return response
        getting = response[0] == GET_RESPONSE
        needed = Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ if getting else Conformance.BLOCK_TRANSFER_WITH_ACTION
        if not self._conformance & needed:
            if self._conformance & Conformance.GENERAL_BLOCK_TRANSFER:
                return response  # the layer below cuts it
            if getting:
                return GetResponseNormal(invoke, DataAccessResult.OTHER_REASON).to_bytes()
            return ActionResponseNormal(invoke, ActionResult.OTHER_REASON).to_bytes()
        blocks = BlockSender(response[header:], self._max_response - BLOCK_OVERHEAD)
        self._outgoing = Outgoing(blocks, _get_block if getting else _action_block)
        return self._outgoing.write(invoke, blocks.next())

    def _next_block(self, request: GetRequestNext | ActionRequestNextPblock) -> bytes:
        invoke, outgoing = request.invoke_id_and_priority, self._outgoing
        if outgoing is None or outgoing.blocks.finished:
            result = DataAccessResult.NO_LONG_GET_IN_PROGRESS
        elif request.block_number != outgoing.blocks.sent:
            result = DataAccessResult.DATA_BLOCK_NUMBER_INVALID
        else:
            return outgoing.write(invoke, outgoing.blocks.next())
        self._outgoing = None
        if isinstance(request, GetRequestNext):
            return GetResponseWithDatablock(invoke, True, request.block_number, result).to_bytes()  # noqa: FBT003
        return ActionResponseNormal(invoke, ActionResult.LONG_ACTION_ABORTED).to_bytes()

    def _read(self, target: CosemAttribute, access: SelectiveAccess | None) -> Data | DataAccessResult:
        found = self._find(target.class_id, target.obis)
        return found if isinstance(found, DataAccessResult) else found.read(target.attribute, access)

    def _set(self, request: SetRequestNormal) -> DataAccessResult:
        return self._write(request.attribute, request.access, request.value)

    def _write(self, target: CosemAttribute, access: SelectiveAccess | None, value: Data) -> DataAccessResult:
        found = self._find(target.class_id, target.obis)
        if isinstance(found, DataAccessResult):
            return found
        if access is not None:
            return DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
        return found.write(target.attribute, value)

    def _act(self, target: CosemMethod, parameter: Data | None) -> ActionOutcome:
        found = self._find(target.class_id, target.obis)
        if isinstance(found, DataAccessResult):
            return ActionOutcome(ActionResult(int(found)))
        outcome = found.invoke(target.method, parameter)
        return outcome if isinstance(outcome, ActionOutcome) else ActionOutcome(outcome)

    def _find(self, class_id: int, obis: bytes) -> CosemObject | DataAccessResult:
        found = self._objects.get(obis)
        if found is None:
            return DataAccessResult.OBJECT_UNDEFINED
        return found if found.class_id == class_id else DataAccessResult.OBJECT_CLASS_INCONSISTENT


GET_RESPONSE = 0xC4


def _get_block(invoke: int, block: Block) -> bytes:
    return GetResponseWithDatablock(invoke, *block).to_bytes()


def _action_block(invoke: int, block: Block) -> bytes:
    return ActionResponseWithPblock(invoke, *block).to_bytes()
