from ami.readings.v1 import meter_readings_pb2 as _meter_readings_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MeterEvents(_message.Message):
    __slots__ = ("meter", "events", "provenance")
    METER_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    meter: _meter_readings_pb2.Meter
    events: _containers.RepeatedCompositeFieldContainer[Event]
    provenance: _meter_readings_pb2.Provenance
    def __init__(self, meter: _Optional[_Union[_meter_readings_pb2.Meter, _Mapping]] = ..., events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ..., provenance: _Optional[_Union[_meter_readings_pb2.Provenance, _Mapping]] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("kind", "obis", "attribute", "at_us", "time_origin", "code", "text", "event_type", "octets")
    KIND_FIELD_NUMBER: _ClassVar[int]
    OBIS_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    AT_US_FIELD_NUMBER: _ClassVar[int]
    TIME_ORIGIN_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    OCTETS_FIELD_NUMBER: _ClassVar[int]
    kind: str
    obis: str
    attribute: int
    at_us: int
    time_origin: _meter_readings_pb2.TimeOrigin
    code: int
    text: str
    event_type: str
    octets: bytes
    def __init__(self, kind: _Optional[str] = ..., obis: _Optional[str] = ..., attribute: _Optional[int] = ..., at_us: _Optional[int] = ..., time_origin: _Optional[_Union[_meter_readings_pb2.TimeOrigin, str]] = ..., code: _Optional[int] = ..., text: _Optional[str] = ..., event_type: _Optional[str] = ..., octets: _Optional[bytes] = ...) -> None: ...
