from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MeterState(_message.Message):
    __slots__ = ("next", "system_title", "presence", "clock", "profiles", "registers", "balances", "failures")
    NEXT_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_TITLE_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    CLOCK_FIELD_NUMBER: _ClassVar[int]
    PROFILES_FIELD_NUMBER: _ClassVar[int]
    REGISTERS_FIELD_NUMBER: _ClassVar[int]
    BALANCES_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    next: Offsets
    system_title: bytes
    presence: Presence
    clock: Clock
    profiles: _containers.RepeatedCompositeFieldContainer[Profile]
    registers: _containers.RepeatedCompositeFieldContainer[Register]
    balances: _containers.RepeatedCompositeFieldContainer[Balance]
    failures: _containers.RepeatedCompositeFieldContainer[Failures]
    def __init__(self, next: _Optional[_Union[Offsets, _Mapping]] = ..., system_title: _Optional[bytes] = ..., presence: _Optional[_Union[Presence, _Mapping]] = ..., clock: _Optional[_Union[Clock, _Mapping]] = ..., profiles: _Optional[_Iterable[_Union[Profile, _Mapping]]] = ..., registers: _Optional[_Iterable[_Union[Register, _Mapping]]] = ..., balances: _Optional[_Iterable[_Union[Balance, _Mapping]]] = ..., failures: _Optional[_Iterable[_Union[Failures, _Mapping]]] = ...) -> None: ...

class Offsets(_message.Message):
    __slots__ = ("readings", "events", "dead_letters")
    READINGS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    DEAD_LETTERS_FIELD_NUMBER: _ClassVar[int]
    readings: int
    events: int
    dead_letters: int
    def __init__(self, readings: _Optional[int] = ..., events: _Optional[int] = ..., dead_letters: _Optional[int] = ...) -> None: ...

class Presence(_message.Message):
    __slots__ = ("first_us", "last_us", "messages", "usual_s", "learned", "hour", "in_hour", "silent")
    FIRST_US_FIELD_NUMBER: _ClassVar[int]
    LAST_US_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    USUAL_S_FIELD_NUMBER: _ClassVar[int]
    LEARNED_FIELD_NUMBER: _ClassVar[int]
    HOUR_FIELD_NUMBER: _ClassVar[int]
    IN_HOUR_FIELD_NUMBER: _ClassVar[int]
    SILENT_FIELD_NUMBER: _ClassVar[int]
    first_us: int
    last_us: int
    messages: int
    usual_s: float
    learned: int
    hour: int
    in_hour: int
    silent: bool
    def __init__(self, first_us: _Optional[int] = ..., last_us: _Optional[int] = ..., messages: _Optional[int] = ..., usual_s: _Optional[float] = ..., learned: _Optional[int] = ..., hour: _Optional[int] = ..., in_hour: _Optional[int] = ..., silent: _Optional[bool] = ...) -> None: ...

class Clock(_message.Message):
    __slots__ = ("recent_us", "offset_us", "at_us", "drifting_since_us", "level", "anchor_us", "anchor_offset_us", "trend_told")
    RECENT_US_FIELD_NUMBER: _ClassVar[int]
    OFFSET_US_FIELD_NUMBER: _ClassVar[int]
    AT_US_FIELD_NUMBER: _ClassVar[int]
    DRIFTING_SINCE_US_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    ANCHOR_US_FIELD_NUMBER: _ClassVar[int]
    ANCHOR_OFFSET_US_FIELD_NUMBER: _ClassVar[int]
    TREND_TOLD_FIELD_NUMBER: _ClassVar[int]
    recent_us: _containers.RepeatedScalarFieldContainer[int]
    offset_us: int
    at_us: int
    drifting_since_us: int
    level: int
    anchor_us: int
    anchor_offset_us: int
    trend_told: bool
    def __init__(self, recent_us: _Optional[_Iterable[int]] = ..., offset_us: _Optional[int] = ..., at_us: _Optional[int] = ..., drifting_since_us: _Optional[int] = ..., level: _Optional[int] = ..., anchor_us: _Optional[int] = ..., anchor_offset_us: _Optional[int] = ..., trend_told: _Optional[bool] = ...) -> None: ...

class Profile(_message.Message):
    __slots__ = ("obis", "period_s", "candidate_s", "last_end_us", "gaps")
    OBIS_FIELD_NUMBER: _ClassVar[int]
    PERIOD_S_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_S_FIELD_NUMBER: _ClassVar[int]
    LAST_END_US_FIELD_NUMBER: _ClassVar[int]
    GAPS_FIELD_NUMBER: _ClassVar[int]
    obis: bytes
    period_s: int
    candidate_s: int
    last_end_us: int
    gaps: _containers.RepeatedCompositeFieldContainer[Gap]
    def __init__(self, obis: _Optional[bytes] = ..., period_s: _Optional[int] = ..., candidate_s: _Optional[int] = ..., last_end_us: _Optional[int] = ..., gaps: _Optional[_Iterable[_Union[Gap, _Mapping]]] = ...) -> None: ...

class Gap(_message.Message):
    __slots__ = ("first_end_us", "period_s", "count", "missing")
    FIRST_END_US_FIELD_NUMBER: _ClassVar[int]
    PERIOD_S_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    first_end_us: int
    period_s: int
    count: int
    missing: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, first_end_us: _Optional[int] = ..., period_s: _Optional[int] = ..., count: _Optional[int] = ..., missing: _Optional[_Iterable[int]] = ...) -> None: ...

class Register(_message.Message):
    __slots__ = ("obis", "unit", "at_us", "mantissa", "scale")
    OBIS_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    AT_US_FIELD_NUMBER: _ClassVar[int]
    MANTISSA_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    obis: bytes
    unit: int
    at_us: int
    mantissa: int
    scale: int
    def __init__(self, obis: _Optional[bytes] = ..., unit: _Optional[int] = ..., at_us: _Optional[int] = ..., mantissa: _Optional[int] = ..., scale: _Optional[int] = ...) -> None: ...

class Balance(_message.Message):
    __slots__ = ("obis", "unit", "begin", "end", "sum", "scale", "count", "summed_to_us", "period_s")
    OBIS_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    SUM_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SUMMED_TO_US_FIELD_NUMBER: _ClassVar[int]
    PERIOD_S_FIELD_NUMBER: _ClassVar[int]
    obis: bytes
    unit: int
    begin: Snapshot
    end: Snapshot
    sum: int
    scale: int
    count: int
    summed_to_us: int
    period_s: int
    def __init__(self, obis: _Optional[bytes] = ..., unit: _Optional[int] = ..., begin: _Optional[_Union[Snapshot, _Mapping]] = ..., end: _Optional[_Union[Snapshot, _Mapping]] = ..., sum: _Optional[int] = ..., scale: _Optional[int] = ..., count: _Optional[int] = ..., summed_to_us: _Optional[int] = ..., period_s: _Optional[int] = ...) -> None: ...

class Snapshot(_message.Message):
    __slots__ = ("at_us", "mantissa", "scale")
    AT_US_FIELD_NUMBER: _ClassVar[int]
    MANTISSA_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    at_us: int
    mantissa: int
    scale: int
    def __init__(self, at_us: _Optional[int] = ..., mantissa: _Optional[int] = ..., scale: _Optional[int] = ...) -> None: ...

class Failures(_message.Message):
    __slots__ = ("reason", "total", "last_us", "window_us", "in_window")
    REASON_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    LAST_US_FIELD_NUMBER: _ClassVar[int]
    WINDOW_US_FIELD_NUMBER: _ClassVar[int]
    IN_WINDOW_FIELD_NUMBER: _ClassVar[int]
    reason: str
    total: int
    last_us: int
    window_us: int
    in_window: int
    def __init__(self, reason: _Optional[str] = ..., total: _Optional[int] = ..., last_us: _Optional[int] = ..., window_us: _Optional[int] = ..., in_window: _Optional[int] = ...) -> None: ...
