"""Whether a meter answers, and how quickly: its logical device name, read within one association."""

from __future__ import annotations

import time
from typing import NamedTuple

from ami_dlms.apdu import CosemAttribute
from ami_dlms.axdr import Data
from ami_ingest.meters.objects import DATA, LOGICAL_DEVICE_NAME
from ami_ingest.meters.session import MeterSession


class Pinged(NamedTuple):
    """What a meter answered."""

    logical_device_name: str
    """Empty where it does not tell."""
    system_title: bytes | None
    connect_s: float
    """Seconds to connect, and to associate; both 0 where an association that stood was used."""
    associate_s: float
    read_s: float
    obis: bytes = LOGICAL_DEVICE_NAME
    """What was read."""


async def ping(session: MeterSession, *, reused: bool = False) -> Pinged:
    """Read the logical device name in an open session. Raises SessionError."""
    began = time.monotonic()
    result = (await session.get(CosemAttribute(DATA, LOGICAL_DEVICE_NAME, 2))).result
    taken = time.monotonic() - began
    name = result.value if isinstance(result, Data) else ""
    return Pinged(
        name.decode("ascii", "replace") if isinstance(name, bytes) else str(name or ""),
        session.system_title,
        0.0 if reused else session.connect_s,
        0.0 if reused else session.associate_s,
        taken,
    )
