"""The services of an association on the server's side: get, with blocks, set, and action, on the objects it may see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Union

from ami_dlms.apdu import (
    ActionRequestNormal,
    ActionResponseNormal,
    ActionResult,
    Conformance,
    CosemAttribute,
    DataAccessResult,
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithDatablock,
    GetResponseWithList,
    SelectiveAccess,
    SetRequestNormal,
    SetResponseNormal,
)
from ami_dlms.association.blocks import BlockSender
from ami_dlms.axdr import Data
from ami_dlms.cosem.objects import CosemObject

Request = Union[GetRequestNormal, GetRequestNext, GetRequestWithList, SetRequestNormal, ActionRequestNormal]
NO_LIMIT = 0
BLOCK_OVERHEAD = 14
"""Octets of a get-response-with-datablock beside its block, at most."""
LIST_HEADER = 3
"""Octets of a get-response-with-list before its list."""


class Services:
    """Answers requests on a set of objects. It keeps one thing between requests: a block transfer under way."""

    def __init__(self, objects: Mapping[bytes, CosemObject], conformance: Conformance, max_response: int) -> None:
        """`max_response` is the longest plain response in octets, 0 for any."""
        self._objects = objects
        self._conformance = conformance
        self._max_response = max_response
        self._blocks: BlockSender | None = None

    def answer(self, request: Request) -> bytes:
        """Return the plain response APDU."""
        if isinstance(request, GetRequestNext):
            return self._next_block(request)
        self._blocks = None  # any other request ends a block transfer
        if isinstance(request, GetRequestNormal):
            return self._get(request)
        if isinstance(request, GetRequestWithList):
            return self._get_list(request)
        if isinstance(request, SetRequestNormal):
            return SetResponseNormal(request.invoke_id_and_priority, self._set(request)).to_bytes()
        return self._act(request).to_bytes()

    def _get(self, request: GetRequestNormal) -> bytes:
        result = self._read(request.attribute, request.access)
        response = GetResponseNormal(request.invoke_id_and_priority, result).to_bytes()
        if self._fits(response):
            return response
        # Blocks carry the data itself, without the choice before it.
        return self._first_block(request.invoke_id_and_priority, response[4:])

    def _get_list(self, request: GetRequestWithList) -> bytes:
        results = tuple(self._read(attribute, access) for attribute, access in request.attributes)
        response = GetResponseWithList(request.invoke_id_and_priority, results).to_bytes()
        if self._fits(response):
            return response
        return self._first_block(request.invoke_id_and_priority, response[LIST_HEADER:])

    def _fits(self, response: bytes) -> bool:
        return self._max_response == NO_LIMIT or len(response) <= self._max_response

    def _first_block(self, invoke: int, octets: bytes) -> bytes:
        if not self._conformance & Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ:
            return GetResponseNormal(invoke, DataAccessResult.OTHER_REASON).to_bytes()
        self._blocks = BlockSender(octets, self._max_response - BLOCK_OVERHEAD)
        return self._blocks.next(invoke).to_bytes()

    def _next_block(self, request: GetRequestNext) -> bytes:
        invoke, blocks = request.invoke_id_and_priority, self._blocks
        if blocks is None or blocks.finished:
            result = DataAccessResult.NO_LONG_GET_IN_PROGRESS
        elif request.block_number != blocks.sent:
            result = DataAccessResult.DATA_BLOCK_NUMBER_INVALID
        else:
            return blocks.next(invoke).to_bytes()
        self._blocks = None
        return GetResponseWithDatablock(invoke, True, request.block_number, result).to_bytes()  # noqa: FBT003

    def _read(self, target: CosemAttribute, access: SelectiveAccess | None) -> Data | DataAccessResult:
        found = self._find(target.class_id, target.obis)
        return found if isinstance(found, DataAccessResult) else found.read(target.attribute, access)

    def _set(self, request: SetRequestNormal) -> DataAccessResult:
        found = self._find(request.attribute.class_id, request.attribute.obis)
        if isinstance(found, DataAccessResult):
            return found
        if request.access is not None:
            return DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
        return found.write(request.attribute.attribute, request.value)

    def _act(self, request: ActionRequestNormal) -> ActionResponseNormal:
        found = self._find(request.method.class_id, request.method.obis)
        result = (
            ActionResult(int(found))
            if isinstance(found, DataAccessResult)
            else found.invoke(request.method.method, request.parameter)
        )
        return ActionResponseNormal(request.invoke_id_and_priority, result)

    def _find(self, class_id: int, obis: bytes) -> CosemObject | DataAccessResult:
        found = self._objects.get(obis)
        if found is None:
            return DataAccessResult.OBJECT_UNDEFINED
        return found if found.class_id == class_id else DataAccessResult.OBJECT_CLASS_INCONSISTENT
