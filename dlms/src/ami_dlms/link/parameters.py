"""Link parameters negotiated in the information fields of SNRM and UA (IEC 62056-46, 6.4.4.4.3.2)."""

from __future__ import annotations

from typing import NamedTuple

from ami_dlms.errors import FrameMalformed

_FORMAT_AND_GROUP = b"\x81\x80"
_MAX_TRANSMIT, _MAX_RECEIVE, _WINDOW_TRANSMIT, _WINDOW_RECEIVE = 5, 6, 7, 8
MAX_INFORMATION = 2030
"""Fits into a frame with two addresses of four octets."""


class LinkParameters(NamedTuple):
    """Limits of one station; what a station does not state has the standard's default (128 octets, window 1)."""

    max_transmit: int = 128
    """Longest information field this station sends, in octets."""
    max_receive: int = 128
    """Longest information field this station takes, in octets."""
    window_transmit: int = 1
    """I-frames sent without an acknowledgement, 1 to 7."""
    window_receive: int = 1
    """I-frames taken without an acknowledgement, 1 to 7."""

    def to_bytes(self) -> bytes:
        """Return the information field of an SNRM or UA."""
        values = b"".join(
            (
                _length(_MAX_TRANSMIT, self.max_transmit),
                _length(_MAX_RECEIVE, self.max_receive),
                bytes((_WINDOW_TRANSMIT, 4)) + self.window_transmit.to_bytes(4, "big"),
                bytes((_WINDOW_RECEIVE, 4)) + self.window_receive.to_bytes(4, "big"),
            )
        )
        return _FORMAT_AND_GROUP + bytes((len(values),)) + values

    def agreed(self, peer: LinkParameters) -> LinkParameters:
        """Return what this station may do with `peer`: nobody sends more than the other one takes."""
        return LinkParameters(
            max_transmit=min(self.max_transmit, peer.max_receive),
            max_receive=min(self.max_receive, peer.max_transmit),
            window_transmit=min(self.window_transmit, peer.window_receive),
            window_receive=min(self.window_receive, peer.window_transmit),
        )


LONG_FRAMES = LinkParameters(MAX_INFORMATION, MAX_INFORMATION, 7, 7)
"""The most a station can do."""


def _length(identifier: int, value: int) -> bytes:
    size = 1 if value < 0x100 else 2
    return bytes((identifier, size)) + value.to_bytes(size, "big")


def read_parameters(information: bytes) -> LinkParameters:
    """Read the information field of an SNRM or UA; absent parameters have their defaults.

    Values out of range are brought into it. Raises FrameMalformed if the field is cut off.
    """
    values: dict[int, int] = {}
    index = 3 if information.startswith(_FORMAT_AND_GROUP) else len(information)
    while index < len(information):
        size = information[index + 1] if index + 1 < len(information) else 0
        if size == 0 or index + 2 + size > len(information):
            raise FrameMalformed("The link parameters of an SNRM or UA are cut off.", offset=index)
        values[information[index]] = int.from_bytes(information[index + 2 : index + 2 + size], "big")
        index += 2 + size
    default = LinkParameters()
    return LinkParameters(
        max_transmit=_within(values.get(_MAX_TRANSMIT, default.max_transmit), MAX_INFORMATION),
        max_receive=_within(values.get(_MAX_RECEIVE, default.max_receive), MAX_INFORMATION),
        window_transmit=_within(values.get(_WINDOW_TRANSMIT, default.window_transmit), 7),
        window_receive=_within(values.get(_WINDOW_RECEIVE, default.window_receive), 7),
    )


def _within(value: int, limit: int) -> int:
    return max(1, min(value, limit))
