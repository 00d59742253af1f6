"""Kinds of links: how patient to be on them, and how much to ask at once. `docs/transports.md` gives the reasons."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from ami_ingest.config.endpoint import Endpoint
from ami_ingest.config.model import LinkProfile

_ONE_PACKET: Final = 1200
"""Octets of an APDU that fills one IPv6 packet of a 6LoWPAN mesh and no second one.

Such links carry 1280 octets (RFC 4944): 40 are IPv6, 20 TCP, 12 its time stamps, 8 the wrapper.
"""

_PROFILES = (
    LinkProfile(
        "ethernet", connect_timeout_s=10.0, request_timeout_s=10.0, retries=2, max_pdu_size=65_535, block_window=16
    ),
    LinkProfile(
        # Paging and a new radio connection take seconds, on NB-IoT more than ten; once awake a modem is quick.
        "cellular",
        connect_timeout_s=30.0,
        request_timeout_s=30.0,
        retries=3,
        max_pdu_size=2048,
        block_window=8,
        keep_open_s=20.0,
        cell_concurrency=50,
    ),
    LinkProfile(
        # A few kbit/s for the whole cell, several hops: a second packet in flight is a collision.
        "g3-plc",
        connect_timeout_s=30.0,
        request_timeout_s=60.0,
        retries=2,
        max_pdu_size=_ONE_PACKET,
        block_window=1,
        keep_open_s=60.0,
        cell_concurrency=3,
    ),
    LinkProfile(
        # The base node polls its tree in turns and segments APDUs itself: small ones share the line better.
        "prime",
        connect_timeout_s=30.0,
        request_timeout_s=60.0,
        retries=2,
        max_pdu_size=512,
        block_window=1,
        keep_open_s=60.0,
        cell_concurrency=4,
    ),
    LinkProfile(
        # Tens of kbit/s and tenths of a second a hop; routes heal within seconds.
        "wisun",
        connect_timeout_s=20.0,
        request_timeout_s=20.0,
        retries=3,
        max_pdu_size=_ONE_PACKET,
        block_window=4,
        keep_open_s=30.0,
        cell_concurrency=10,
    ),
    LinkProfile(
        # Proposing nothing keeps HDLC's defaults, 128 octets and window 1: all meters have them, and a frame that noise
        # spoils costs 0.15 s at 9600 baud. The sign-on of mode E takes up to 5 s of the time to connect.
        "serial",
        connect_timeout_s=15.0,
        request_timeout_s=10.0,
        retries=2,
        max_pdu_size=1024,
        block_window=1,
        cell_concurrency=1,
    ),
)

BUILT_IN: Final = MappingProxyType({profile.name: profile for profile in _PROFILES})
"""By name; `ethernet` is the default."""


def default_profile(endpoint: Endpoint) -> LinkProfile:
    """Return the profile of an address that names none: `serial` on a serial line, else `ethernet`."""
    return BUILT_IN["serial" if endpoint.line is not None else "ethernet"]
