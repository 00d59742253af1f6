"""How good a line is: the frames that came over it, and those whose check sequence was wrong."""

from __future__ import annotations

from dataclasses import dataclass

from ami_dlms.framing.counts import LineCounts


@dataclass(slots=True)
class Line:
    """One line: a serial port, one address, or a meter that calls in; all meters behind it count together."""

    name: str
    frames: int = 0
    damaged: int = 0

    def add(self, before: LineCounts, now: LineCounts) -> None:
        """Add what came since the counts were `before`."""
        self.frames += now.frames - before.frames
        self.damaged += now.damaged - before.damaged

    def __str__(self) -> str:
        return f"{self.damaged} of {self.frames} frames on {self.name}"
