"""Application associations (LN referencing): settings, events, state tables and the parts client and server share."""

from __future__ import annotations

from ami_dlms.association.events import Answer, Associated, Event, Failed, Refused, Released, Result, Send, Unsolicited
from ami_dlms.association.settings import Authentication, ClientSettings, ServerSettings

__all__ = [
    "Answer",
    "Associated",
    "Authentication",
    "ClientSettings",
    "Event",
    "Failed",
    "Refused",
    "Released",
    "Result",
    "Send",
    "ServerSettings",
    "Unsolicited",
]
