"""OBIS codes: six value groups A to F (IEC 62056-6-1), kept as six octets."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from ami_dlms.errors import UsageError

_TEXT: Final = re.compile(r"(\d{1,3})[-.](\d{1,3})[:.](\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?(?:[.*&](\d{1,3}))?")


@lru_cache(maxsize=4096)
def format_obis(code: bytes) -> str:
    """Write six octets as `A.B.C.D.E.F`, for example `1.0.1.8.0.255`."""
    if len(code) != 6:
        raise UsageError(f"an OBIS code has six octets, not {len(code)}")
    return ".".join(map(str, code))


@lru_cache(maxsize=4096)
def parse_obis(text: str) -> bytes:
    """Read `1.0.1.8.0.255`, `1-0:1.8.0*255` or `1-0:1.8.0`; E and F default to 255."""
    match = _TEXT.fullmatch(text.strip())
    groups = [int(group) if group is not None else 255 for group in match.groups()] if match else [256]
    if max(groups) > 255:
        raise UsageError(f"'{text}' is no OBIS code; write A.B.C.D.E.F like 1.0.1.8.0.255")
    return bytes(groups)
