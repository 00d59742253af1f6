"""SAP assignment (class 17): the logical devices of a physical one."""

from __future__ import annotations

from collections.abc import Mapping

from ami_dlms import axdr
from ami_dlms.cosem.objects import CosemObject

SAP_ASSIGNMENT = bytes((0, 0, 41, 0, 0, 255))


class SapAssignment(CosemObject):
    """Names of logical devices by server SAP."""

    class_id = 17
    methods = (1,)

    def __init__(self, devices: Mapping[int, bytes], logical_name: bytes = SAP_ASSIGNMENT) -> None:
        entries = (axdr.structure(axdr.uint16(sap), axdr.octets(name)) for sap, name in devices.items())
        super().__init__(logical_name, {2: axdr.array(*entries)})
