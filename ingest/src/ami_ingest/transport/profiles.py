"""The built-in kinds of links: how patient to be, and how much to ask at once.

Starting values by what limits each medium; a configuration makes its own with `like`. None was measured in the field.
"""

from __future__ import annotations

from typing import Final

from ami_ingest.config.model import LinkProfile

BUILT_IN: Final[dict[str, LinkProfile]] = {
    link.name: link
    for link in (
        LinkProfile("ethernet"),
        # A radio module asleep needs seconds to get a channel; several meters share a cell.
        LinkProfile(
            "cellular",
            connect_timeout_s=30.0,
            request_timeout_s=30.0,
            retries=3,
            max_pdu_size=1224,
            block_window=4,
            cell_concurrency=50,
        ),
        # PLC (ITU-T G.9903): tens of kbit/s shared by all meters of a transformer, IPv6 with 1280 octets.
        LinkProfile(
            "g3-plc",
            connect_timeout_s=60.0,
            request_timeout_s=60.0,
            retries=3,
            max_pdu_size=1024,
            block_window=1,
            cell_concurrency=4,
        ),
        # PLC (ITU-T G.9904): likewise, with a service node's segments of at most 256 octets below.
        LinkProfile(
            "prime",
            connect_timeout_s=60.0,
            request_timeout_s=60.0,
            retries=3,
            max_pdu_size=512,
            block_window=1,
            cell_concurrency=2,
        ),
        # Mesh on IEEE 802.15.4g: several hops, each of which repeats.
        LinkProfile(
            "wisun",
            connect_timeout_s=45.0,
            request_timeout_s=45.0,
            retries=3,
            max_pdu_size=1024,
            block_window=2,
            cell_concurrency=8,
        ),
        # RS-485 or an optical head: one meter at a time.
        LinkProfile(
            "serial",
            request_timeout_s=5.0,
            max_pdu_size=1024,
            hdlc_frame=128,
            block_window=1,
            cell_concurrency=1,
        ),
    )
}
