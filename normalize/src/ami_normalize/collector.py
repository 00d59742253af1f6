"""Python's cyclic garbage collector, set for a process that works on a stream.

A message leaves no cycles behind, but its tuples count as garbage to look for, and each look at the oldest generation
visits every key, plan and window that is kept. So what is there at the start is never visited again, and later looks
come rarely.
"""

from __future__ import annotations

import gc
from typing import Final

_YOUNG: Final = 50_000
"""Objects made, less those gone, before the youngest generation is looked at: some thousand messages."""
_OLDER: Final = 20


def settle() -> None:
    """Free what is unused now, and keep the rest out of the collector's way."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _OLDER, _OLDER)
