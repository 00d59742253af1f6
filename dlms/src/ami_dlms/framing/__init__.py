"""Framing: wrapper, HDLC, M-Bus and P1 octets to APDUs, incrementally, with every octet accounted for."""

from __future__ import annotations

from ami_dlms.framing.assembler import Assembler
from ami_dlms.framing.blocks import BlockTaken
from ami_dlms.framing.message import Framing, Message
from ami_dlms.framing.record import failure, unframe

__all__ = ["Assembler", "BlockTaken", "Framing", "Message", "failure", "unframe"]
