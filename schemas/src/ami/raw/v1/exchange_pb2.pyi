from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Exchange(_message.Message):
    __slots__ = ("request", "class_id", "class_version", "obis", "attribute", "scaler_unit", "capture_objects", "capture_period_s", "logical_device_name")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    CLASS_ID_FIELD_NUMBER: _ClassVar[int]
    CLASS_VERSION_FIELD_NUMBER: _ClassVar[int]
    OBIS_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    SCALER_UNIT_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_OBJECTS_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_PERIOD_S_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_DEVICE_NAME_FIELD_NUMBER: _ClassVar[int]
    request: bytes
    class_id: int
    class_version: int
    obis: bytes
    attribute: int
    scaler_unit: ScalerUnit
    capture_objects: _containers.RepeatedCompositeFieldContainer[CaptureObject]
    capture_period_s: int
    logical_device_name: bytes
    def __init__(self, request: _Optional[bytes] = ..., class_id: _Optional[int] = ..., class_version: _Optional[int] = ..., obis: _Optional[bytes] = ..., attribute: _Optional[int] = ..., scaler_unit: _Optional[_Union[ScalerUnit, _Mapping]] = ..., capture_objects: _Optional[_Iterable[_Union[CaptureObject, _Mapping]]] = ..., capture_period_s: _Optional[int] = ..., logical_device_name: _Optional[bytes] = ...) -> None: ...

class ScalerUnit(_message.Message):
    __slots__ = ("scaler", "unit")
    SCALER_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    scaler: int
    unit: int
    def __init__(self, scaler: _Optional[int] = ..., unit: _Optional[int] = ...) -> None: ...

class CaptureObject(_message.Message):
    __slots__ = ("class_id", "obis", "attribute", "data_index", "scaler_unit")
    CLASS_ID_FIELD_NUMBER: _ClassVar[int]
    OBIS_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    DATA_INDEX_FIELD_NUMBER: _ClassVar[int]
    SCALER_UNIT_FIELD_NUMBER: _ClassVar[int]
    class_id: int
    obis: bytes
    attribute: int
    data_index: int
    scaler_unit: ScalerUnit
    def __init__(self, class_id: _Optional[int] = ..., obis: _Optional[bytes] = ..., attribute: _Optional[int] = ..., data_index: _Optional[int] = ..., scaler_unit: _Optional[_Union[ScalerUnit, _Mapping]] = ...) -> None: ...
