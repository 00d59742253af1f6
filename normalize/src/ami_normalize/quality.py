"""Quality codes, by the names of `ami.readings.v1.Quality` without their prefix."""

from __future__ import annotations

from enum import Enum


class Quality(str, Enum):
    """What a consumer must know about a value."""

    SCALER_UNKNOWN = "SCALER_UNKNOWN"
    MISSING = "MISSING"
    NO_VALUE = "NO_VALUE"
    TIME_RECEPTION = "TIME_RECEPTION"
    ZONE_ASSUMED = "ZONE_ASSUMED"
    TIME_AMBIGUOUS = "TIME_AMBIGUOUS"
    CLOCK_INVALID = "CLOCK_INVALID"
    CLOCK_DOUBTFUL = "CLOCK_DOUBTFUL"
    FRAME_CHECK_FAILED = "FRAME_CHECK_FAILED"
    UNVERIFIED_TAG = "UNVERIFIED_TAG"
    UNIT_CONTRADICTS_OBIS = "UNIT_CONTRADICTS_OBIS"
    UNIT_UNKNOWN = "UNIT_UNKNOWN"
    TRUNCATED = "TRUNCATED"
    """The list of values ends early: read only because asked to be lenient, so never on Kafka."""
    POWER_IMPLAUSIBLE = "POWER_IMPLAUSIBLE"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    TIME_IMPOSSIBLE = "TIME_IMPOSSIBLE"
    COUNTER_AT_END = "COUNTER_AT_END"
    MANUFACTURER_SPECIFIC = "MANUFACTURER_SPECIFIC"
    POWER_DOWN = "POWER_DOWN"
    DATA_INVALID = "DATA_INVALID"
    CLOCK_ADJUSTED = "CLOCK_ADJUSTED"
    CRITICAL_ERROR = "CRITICAL_ERROR"
