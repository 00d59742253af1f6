"""The COSEM objects of a server: interface classes as small Python classes, and the logical device that holds them."""

from __future__ import annotations

from ami_dlms.cosem.clock import Clock
from ami_dlms.cosem.data import DataObject, ExtendedRegister, Register
from ami_dlms.cosem.device import InvocationCounters, LogicalDevice
from ami_dlms.cosem.objects import CosemObject, Value
from ami_dlms.cosem.profile import ProfileGeneric, Row, SortMethod
from ami_dlms.cosem.push import PushSetup
from ami_dlms.cosem.sap import SapAssignment
from ami_dlms.cosem.security import SecuritySetup

__all__ = [
    "Clock",
    "CosemObject",
    "DataObject",
    "ExtendedRegister",
    "InvocationCounters",
    "LogicalDevice",
    "ProfileGeneric",
    "PushSetup",
    "Register",
    "Row",
    "SapAssignment",
    "SecuritySetup",
    "SortMethod",
    "Value",
]
