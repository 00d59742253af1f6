from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Replay(_message.Message):
    __slots__ = ("begun_us", "topic", "start_ms", "spans", "mapping", "decoder", "meters", "records", "written", "upheld", "complete")
    class WrittenEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    BEGUN_US_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    START_MS_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    MAPPING_FIELD_NUMBER: _ClassVar[int]
    DECODER_FIELD_NUMBER: _ClassVar[int]
    METERS_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_FIELD_NUMBER: _ClassVar[int]
    UPHELD_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    begun_us: int
    topic: str
    start_ms: int
    spans: _containers.RepeatedCompositeFieldContainer[ReplaySpan]
    mapping: str
    decoder: str
    meters: _containers.RepeatedScalarFieldContainer[str]
    records: int
    written: _containers.ScalarMap[str, int]
    upheld: int
    complete: bool
    def __init__(self, begun_us: _Optional[int] = ..., topic: _Optional[str] = ..., start_ms: _Optional[int] = ..., spans: _Optional[_Iterable[_Union[ReplaySpan, _Mapping]]] = ..., mapping: _Optional[str] = ..., decoder: _Optional[str] = ..., meters: _Optional[_Iterable[str]] = ..., records: _Optional[int] = ..., written: _Optional[_Mapping[str, int]] = ..., upheld: _Optional[int] = ..., complete: _Optional[bool] = ...) -> None: ...

class ReplaySpan(_message.Message):
    __slots__ = ("partition", "start", "end", "next")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    partition: int
    start: int
    end: int
    next: int
    def __init__(self, partition: _Optional[int] = ..., start: _Optional[int] = ..., end: _Optional[int] = ..., next: _Optional[int] = ...) -> None: ...
