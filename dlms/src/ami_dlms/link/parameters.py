"""Link parameters negotiated in the information fields of SNRM and UA (IEC 62056-46, 6.4.4.4.3.2)."""

from __future__ import annotations

from typing import NamedTuple


class LinkParameters(NamedTuple):
    """Limits of one station; what the peer does not state has the standard's default (128 octets, window 1)."""

    max_transmit: int = 128
    """Longest information field this station sends, in octets."""
    max_receive: int = 128
    """Longest information field this station takes, in octets."""
    window_transmit: int = 1
    """I-frames sent without an acknowledgement, 1 to 7."""
    window_receive: int = 1
    """I-frames taken without an acknowledgement, 1 to 7."""
