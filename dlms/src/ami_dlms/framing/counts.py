"""What a receiving side has counted on its line: frames, damage, and the beginning of a frame that is not whole."""

from __future__ import annotations

from typing import NamedTuple


class LineCounts(NamedTuple):
    """Counts since the link was made. What is not whole is counted as it stands now."""

    frames: int = 0
    """Frames whose end was found, damaged ones included."""
    damaged: int = 0
    """Of them, those with a wrong check sequence (HDLC); a wrapper has none."""
    have: int = 0
    """Octets of a frame that has begun and is not whole."""
    need: int = 0
    """Octets that frame will have, as far as what came of it tells; 0 where none has begun."""
    noise: int = 0
    """Octets that belong to no frame."""
