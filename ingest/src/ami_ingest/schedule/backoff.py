"""How long to wait before another try: exponential, with full jitter, so that who failed together comes back apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

BASE_S: Final = 2.0
LONGEST_S: Final = 120.0


def pause(failures: int, dice: Callable[[], float]) -> float:
    """Return seconds to wait after so many failures in a row (1 or more); `dice` gives 0 to below 1."""
    return dice() * min(LONGEST_S, BASE_S * (1 << min(failures - 1, 16)))
