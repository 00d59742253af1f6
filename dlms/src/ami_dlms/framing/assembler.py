"""The incremental assembler: octets of one link in, messages out."""

from __future__ import annotations

from ami_dlms.framing.message import Framing, Message


class Assembler:
    """Cuts the octets of one link into messages."""

    def __init__(
        self, framing: Framing | None = None, *, lenient: bool = False, max_message: int = 1 << 20
    ) -> None:
        raise NotImplementedError

    def receive(self, data: bytes) -> list[Message]:
        """Take octets; return the messages they complete."""
        raise NotImplementedError

    def flush(self) -> Message | None:
        """Return what is unfinished."""
        raise NotImplementedError

    @property
    def pending(self) -> int:
        """Octets received that no message holds yet."""
        raise NotImplementedError


def unframe(value: bytes, framing: Framing, *, lenient: bool = False) -> Message:
    """Read a whole raw record."""
    raise NotImplementedError
