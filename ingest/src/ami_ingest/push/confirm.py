"""What a listener without keys can say back to a meter that waits for it.

- A plain DataNotification whose service class is confirmed: a DataNotificationConfirm with its invoke id (Green Book,
  9.3.10), once the push is on disk.
- A block of a general block transfer that hands the turn over, by a sender that has a window: an empty block that
  says how far the blocks are there (Green Book, 9.4.6.13). Blocks carry ciphered APDUs too; they are plain themselves.
- An HDLC station that sets the link up itself (SNRM): UA, and RR for its I-frames (IEC 62056-46, 6.4).

What a ciphered APDU asks for inside cannot be seen, and could not be answered: the keys are not here.
"""

from __future__ import annotations

from typing import Final

from ami_dlms.apdu import DataNotificationConfirm, GeneralBlockTransfer
from ami_dlms.framing import BlockTaken, Framing, Message, wrapper
from ami_dlms.link import Delivered, Disconnected, HdlcLinkServer, Transmit
from ami_dlms.link.parameters import LONG_FRAMES

_DATA_NOTIFICATION: Final = 0x0F
_CONFIRMED: Final = 0x40
"""Bit 30 of the long invoke id and priority: the service class."""
_HEAD: Final = 5
_WINDOW: Final = 63
_SNRM: Final = b"\x93"


def confirmation(message: Message) -> bytes | None:
    """Return the wrapped DataNotificationConfirm that a message asks for."""
    if len(message.apdus) != 1 or message.framing is not Framing.WRAPPER:
        return None
    apdu = message.apdus[0]
    if len(apdu) < _HEAD or apdu[0] != _DATA_NOTIFICATION or not apdu[1] & _CONFIRMED:
        return None
    confirm = DataNotificationConfirm(int.from_bytes(apdu[1:_HEAD], "big"))
    return wrapper.encode(confirm.to_bytes(), message.destination or 0, message.source or 0)


class BlockConfirmer:
    """Confirms the blocks of one wrapped link. Blocks of our own are numbered from 1 in each transfer."""

    __slots__ = ("_number",)

    def __init__(self) -> None:
        self._number = 0

    def answer(self, taken: BlockTaken) -> bytes | None:
        """Return the wrapped block that confirms, where one is asked for."""
        block = taken.block
        if block.number == 1:
            self._number = 0
        if not block.asks:
            return None
        self._number = self._number % 0xFFFF + 1
        confirm = GeneralBlockTransfer(
            last=True,
            streaming=False,
            window=_WINDOW,
            block_number=self._number,
            block_number_ack=taken.without_gap,
            data=b"",
        )
        return wrapper.encode(confirm.to_bytes(), taken.destination or 0, taken.source or 0)


class HdlcConfirmer:
    """The secondary station that a pushing meter connects to."""

    __slots__ = ("_server",)

    def __init__(self) -> None:
        self._server = HdlcLinkServer(None, offer=LONG_FRAMES)

    @staticmethod
    def is_called(data: bytes) -> bool:
        """Tell whether octets can hold an SNRM: nothing else begins a link."""
        return data[:1] == b"\x7e" and _SNRM in data

    def answer(self, data: bytes) -> bytes:
        """Return the frames to send for octets received; none before the link was set up."""
        was_connected = self._server.connected
        frames: list[bytes] = []
        for event in self._server.receive(data):
            if isinstance(event, Transmit):
                frames.append(event.data)
            elif isinstance(event, Delivered):
                frames.append(self._server.acknowledge())
            elif isinstance(event, Disconnected):
                was_connected = True
        return b"".join(frames) if was_connected or self._server.connected else b""
