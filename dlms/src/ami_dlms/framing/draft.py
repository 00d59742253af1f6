"""The message in the making: what its frames carried so far, and what was counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ami_dlms.framing.blocks import Block, Blocks, BlockTaken, read_block
from ami_dlms.framing.message import Framing, Message
from ami_dlms.framing.scan import Found
from ami_dlms.framing.segments import Segments
from ami_dlms.framing.units import GENERAL_BLOCK_TRANSFER, split


class Mark(NamedTuple):
    """Where the payload in the making began: index in the buffer, and the counts up to there."""

    at: int = 0
    noise: int = 0
    errors: int = 0


class Payload(NamedTuple):
    """A whole payload, cut into APDUs; a block is set beside each APDU that is one of a general block transfer."""

    units: list[bytes]
    blocks: list[Block | None]
    intact: bool
    broken: bool


class Draft:
    """One message in the making; `lenient`, `exchange`, `join_blocks` and `on_block` as in the Assembler."""

    def __init__(
        self,
        *,
        lenient: bool,
        exchange: bool,
        join_blocks: bool = True,
        on_block: Callable[[BlockTaken], None] | None = None,
    ) -> None:
        self._lenient = lenient
        self._on_block = on_block
        self._join_blocks = join_blocks
        self._exchange = exchange
        self.noise = 0
        self.errors = 0
        self.source: int | None = None
        self.destination: int | None = None
        self.segments = Segments(exchange=exchange)
        self.mark = Mark()
        self._blocks = Blocks()
        self._apdus: list[bytes] = []
        self._bad = False

    @property
    def started(self) -> bool:
        """A frame that carries something is in it."""
        return bool(self.segments or self._blocks or self._apdus)

    @property
    def whole(self) -> bool:
        """It is a complete message."""
        return not self._bad and bool(self._apdus) and not self._blocks and not self.segments

    @property
    def open(self) -> bool:
        """A block transfer goes on."""
        return bool(self._blocks)

    def count(self, found: Found) -> None:
        """Note a frame's check and addresses."""
        self.errors += not found.intact
        if found.payload is not None or self.source is None:
            self.source, self.destination = found.source, found.destination

    def end_segments(self) -> Payload:
        """Take the joined segments out as a payload."""
        segments, self.segments = self.segments, Segments(exchange=self._exchange)
        units = split(segments.payload)
        blocks = [read_block(unit) if self._join_blocks else None for unit in units]
        return Payload(units, blocks, intact=not segments.damaged, broken=segments.broken)

    def continues(self, payload: Payload) -> bool:
        """Tell whether the payload can follow what is here: any if no block transfer goes on, else only its blocks."""
        if not self._blocks:
            return True
        return all(block and self._blocks.belongs(block, intact=payload.intact) for block in payload.blocks)

    def add(self, payload: Payload) -> None:
        """Take a payload's APDUs, joining blocks."""
        self._bad = self._bad or payload.broken or not payload.units
        for unit, block in zip(payload.units, payload.blocks, strict=True):
            if block:
                self._blocks.add(block, intact=payload.intact)
                if self._on_block is not None:
                    self._on_block(BlockTaken(block, self._blocks.without_gap, self.source, self.destination))
                if self._blocks.ended and not (self._exchange and not self._blocks.sound):
                    self.end_blocks()
            else:
                cut_off = unit[0] == GENERAL_BLOCK_TRANSFER and self._join_blocks
                self._bad = self._bad or cut_off or not (payload.intact or self._lenient)
                self._apdus.append(unit)

    def end_blocks(self) -> None:
        """Join the block transfer, if its last block is there."""
        if not self._blocks.ended:
            return
        blocks, self._blocks = self._blocks, Blocks()
        apdu = blocks.joined
        self._bad = self._bad or not apdu or not blocks.gapless or (blocks.damaged and not self._lenient)
        if apdu:
            self._apdus.append(apdu)

    def split_counts(self) -> Draft:
        """Hand the counts since the mark, and the addresses, to a new draft."""
        rest = Draft(
            lenient=self._lenient, exchange=self._exchange, join_blocks=self._join_blocks, on_block=self._on_block
        )
        rest.noise, self.noise = self.noise - self.mark.noise, self.mark.noise
        rest.errors, self.errors = self.errors - self.mark.errors, self.mark.errors
        rest.source, rest.destination = self.source, self.destination
        return rest

    def message(self, raw: bytes, framing: Framing, *, complete: bool) -> Message:
        """Return the message of these octets."""
        apdus = tuple(self._apdus) if complete else ()
        return Message(raw, framing, apdus, complete, self.noise, self.errors, self.source, self.destination)
