"""What a column is taken for, how sure that is, and why."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """Of one column."""

    reason: str
    """In words: what its values do, and what that speaks for."""
    obis: str = ""
    """Empty where nothing can be said."""
    confidence: float = 0.0
    """From 0 to 1, that code, unit and scaler are right."""
    unit: str | None = None
    scaler: int = 0
    part: str = ""
    """`date` or `time`, of columns that make the clock together."""

    @property
    def is_number(self) -> bool:
        """It has a unit, or is known to have none."""
        return self.unit is not None
