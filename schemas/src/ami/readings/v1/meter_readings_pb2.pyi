from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TimeOrigin(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TIME_ORIGIN_UNSPECIFIED: _ClassVar[TimeOrigin]
    TIME_ORIGIN_DEVIATION: _ClassVar[TimeOrigin]
    TIME_ORIGIN_DEVIATION_INVERTED: _ClassVar[TimeOrigin]
    TIME_ORIGIN_CONFIGURED_ZONE: _ClassVar[TimeOrigin]
    TIME_ORIGIN_DEFAULT_ZONE: _ClassVar[TimeOrigin]
    TIME_ORIGIN_UTC: _ClassVar[TimeOrigin]
    TIME_ORIGIN_RECEPTION: _ClassVar[TimeOrigin]

class Quality(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUALITY_UNSPECIFIED: _ClassVar[Quality]
    QUALITY_SCALER_UNKNOWN: _ClassVar[Quality]
    QUALITY_MISSING: _ClassVar[Quality]
    QUALITY_NO_VALUE: _ClassVar[Quality]
    QUALITY_TIME_RECEPTION: _ClassVar[Quality]
    QUALITY_ZONE_ASSUMED: _ClassVar[Quality]
    QUALITY_TIME_AMBIGUOUS: _ClassVar[Quality]
    QUALITY_CLOCK_INVALID: _ClassVar[Quality]
    QUALITY_CLOCK_DOUBTFUL: _ClassVar[Quality]
    QUALITY_FRAME_CHECK_FAILED: _ClassVar[Quality]
    QUALITY_UNVERIFIED_TAG: _ClassVar[Quality]
    QUALITY_UNIT_CONTRADICTS_OBIS: _ClassVar[Quality]
    QUALITY_UNIT_UNKNOWN: _ClassVar[Quality]
    QUALITY_TRUNCATED: _ClassVar[Quality]
    QUALITY_POWER_IMPLAUSIBLE: _ClassVar[Quality]
    QUALITY_LIMIT_EXCEEDED: _ClassVar[Quality]
    QUALITY_TIME_IMPOSSIBLE: _ClassVar[Quality]
    QUALITY_COUNTER_AT_END: _ClassVar[Quality]
    QUALITY_MANUFACTURER_SPECIFIC: _ClassVar[Quality]
    QUALITY_POWER_DOWN: _ClassVar[Quality]
    QUALITY_DATA_INVALID: _ClassVar[Quality]
    QUALITY_CLOCK_ADJUSTED: _ClassVar[Quality]
    QUALITY_CRITICAL_ERROR: _ClassVar[Quality]

class Protection(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROTECTION_UNSPECIFIED: _ClassVar[Protection]
    PROTECTION_NONE: _ClassVar[Protection]
    PROTECTION_ENCRYPTED: _ClassVar[Protection]
    PROTECTION_AUTHENTICATED: _ClassVar[Protection]
    PROTECTION_AUTHENTICATED_ENCRYPTED: _ClassVar[Protection]
TIME_ORIGIN_UNSPECIFIED: TimeOrigin
TIME_ORIGIN_DEVIATION: TimeOrigin
TIME_ORIGIN_DEVIATION_INVERTED: TimeOrigin
TIME_ORIGIN_CONFIGURED_ZONE: TimeOrigin
TIME_ORIGIN_DEFAULT_ZONE: TimeOrigin
TIME_ORIGIN_UTC: TimeOrigin
TIME_ORIGIN_RECEPTION: TimeOrigin
QUALITY_UNSPECIFIED: Quality
QUALITY_SCALER_UNKNOWN: Quality
QUALITY_MISSING: Quality
QUALITY_NO_VALUE: Quality
QUALITY_TIME_RECEPTION: Quality
QUALITY_ZONE_ASSUMED: Quality
QUALITY_TIME_AMBIGUOUS: Quality
QUALITY_CLOCK_INVALID: Quality
QUALITY_CLOCK_DOUBTFUL: Quality
QUALITY_FRAME_CHECK_FAILED: Quality
QUALITY_UNVERIFIED_TAG: Quality
QUALITY_UNIT_CONTRADICTS_OBIS: Quality
QUALITY_UNIT_UNKNOWN: Quality
QUALITY_TRUNCATED: Quality
QUALITY_POWER_IMPLAUSIBLE: Quality
QUALITY_LIMIT_EXCEEDED: Quality
QUALITY_TIME_IMPOSSIBLE: Quality
QUALITY_COUNTER_AT_END: Quality
QUALITY_MANUFACTURER_SPECIFIC: Quality
QUALITY_POWER_DOWN: Quality
QUALITY_DATA_INVALID: Quality
QUALITY_CLOCK_ADJUSTED: Quality
QUALITY_CRITICAL_ERROR: Quality
PROTECTION_UNSPECIFIED: Protection
PROTECTION_NONE: Protection
PROTECTION_ENCRYPTED: Protection
PROTECTION_AUTHENTICATED: Protection
PROTECTION_AUTHENTICATED_ENCRYPTED: Protection

class MeterReadings(_message.Message):
    __slots__ = ("meter", "time", "readings", "interval_blocks", "provenance", "revision", "retracted")
    METER_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    READINGS_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    RETRACTED_FIELD_NUMBER: _ClassVar[int]
    meter: Meter
    time: MessageTime
    readings: _containers.RepeatedCompositeFieldContainer[Reading]
    interval_blocks: _containers.RepeatedCompositeFieldContainer[IntervalBlock]
    provenance: Provenance
    revision: int
    retracted: _containers.RepeatedCompositeFieldContainer[NaturalKey]
    def __init__(self, meter: _Optional[_Union[Meter, _Mapping]] = ..., time: _Optional[_Union[MessageTime, _Mapping]] = ..., readings: _Optional[_Iterable[_Union[Reading, _Mapping]]] = ..., interval_blocks: _Optional[_Iterable[_Union[IntervalBlock, _Mapping]]] = ..., provenance: _Optional[_Union[Provenance, _Mapping]] = ..., revision: _Optional[int] = ..., retracted: _Optional[_Iterable[_Union[NaturalKey, _Mapping]]] = ...) -> None: ...

class Meter(_message.Message):
    __slots__ = ("id", "logical_device_name", "manufacturer", "system_title")
    ID_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_DEVICE_NAME_FIELD_NUMBER: _ClassVar[int]
    MANUFACTURER_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_TITLE_FIELD_NUMBER: _ClassVar[int]
    id: str
    logical_device_name: str
    manufacturer: str
    system_title: bytes
    def __init__(self, id: _Optional[str] = ..., logical_device_name: _Optional[str] = ..., manufacturer: _Optional[str] = ..., system_title: _Optional[bytes] = ...) -> None: ...

class MessageTime(_message.Message):
    __slots__ = ("meter_time_us", "meter_time_origin", "received_us")
    METER_TIME_US_FIELD_NUMBER: _ClassVar[int]
    METER_TIME_ORIGIN_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_US_FIELD_NUMBER: _ClassVar[int]
    meter_time_us: int
    meter_time_origin: TimeOrigin
    received_us: int
    def __init__(self, meter_time_us: _Optional[int] = ..., meter_time_origin: _Optional[_Union[TimeOrigin, str]] = ..., received_us: _Optional[int] = ...) -> None: ...

class Reading(_message.Message):
    __slots__ = ("obis", "attribute", "profile_obis", "occurrence", "reading_type", "unit", "measured_at_us", "time_origin", "mantissa", "big_mantissa", "real", "text", "octets", "boolean", "scale", "quality")
    OBIS_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    PROFILE_OBIS_FIELD_NUMBER: _ClassVar[int]
    OCCURRENCE_FIELD_NUMBER: _ClassVar[int]
    READING_TYPE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    MEASURED_AT_US_FIELD_NUMBER: _ClassVar[int]
    TIME_ORIGIN_FIELD_NUMBER: _ClassVar[int]
    MANTISSA_FIELD_NUMBER: _ClassVar[int]
    BIG_MANTISSA_FIELD_NUMBER: _ClassVar[int]
    REAL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    OCTETS_FIELD_NUMBER: _ClassVar[int]
    BOOLEAN_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    obis: str
    attribute: int
    profile_obis: str
    occurrence: int
    reading_type: str
    unit: int
    measured_at_us: int
    time_origin: TimeOrigin
    mantissa: int
    big_mantissa: bytes
    real: float
    text: str
    octets: bytes
    boolean: bool
    scale: int
    quality: _containers.RepeatedScalarFieldContainer[Quality]
    def __init__(self, obis: _Optional[str] = ..., attribute: _Optional[int] = ..., profile_obis: _Optional[str] = ..., occurrence: _Optional[int] = ..., reading_type: _Optional[str] = ..., unit: _Optional[int] = ..., measured_at_us: _Optional[int] = ..., time_origin: _Optional[_Union[TimeOrigin, str]] = ..., mantissa: _Optional[int] = ..., big_mantissa: _Optional[bytes] = ..., real: _Optional[float] = ..., text: _Optional[str] = ..., octets: _Optional[bytes] = ..., boolean: _Optional[bool] = ..., scale: _Optional[int] = ..., quality: _Optional[_Iterable[_Union[Quality, str]]] = ...) -> None: ...

class IntervalBlock(_message.Message):
    __slots__ = ("profile_obis", "obis", "attribute", "reading_type", "unit", "period_s", "first_interval_end_us", "time_origin", "scale", "mantissas", "reals", "texts", "statuses", "quality", "occurrence")
    PROFILE_OBIS_FIELD_NUMBER: _ClassVar[int]
    OBIS_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    READING_TYPE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    PERIOD_S_FIELD_NUMBER: _ClassVar[int]
    FIRST_INTERVAL_END_US_FIELD_NUMBER: _ClassVar[int]
    TIME_ORIGIN_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    MANTISSAS_FIELD_NUMBER: _ClassVar[int]
    REALS_FIELD_NUMBER: _ClassVar[int]
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    OCCURRENCE_FIELD_NUMBER: _ClassVar[int]
    profile_obis: str
    obis: str
    attribute: int
    reading_type: str
    unit: int
    period_s: int
    first_interval_end_us: int
    time_origin: TimeOrigin
    scale: int
    mantissas: _containers.RepeatedScalarFieldContainer[int]
    reals: _containers.RepeatedScalarFieldContainer[float]
    texts: _containers.RepeatedScalarFieldContainer[str]
    statuses: _containers.RepeatedScalarFieldContainer[int]
    quality: _containers.RepeatedCompositeFieldContainer[IntervalQuality]
    occurrence: int
    def __init__(self, profile_obis: _Optional[str] = ..., obis: _Optional[str] = ..., attribute: _Optional[int] = ..., reading_type: _Optional[str] = ..., unit: _Optional[int] = ..., period_s: _Optional[int] = ..., first_interval_end_us: _Optional[int] = ..., time_origin: _Optional[_Union[TimeOrigin, str]] = ..., scale: _Optional[int] = ..., mantissas: _Optional[_Iterable[int]] = ..., reals: _Optional[_Iterable[float]] = ..., texts: _Optional[_Iterable[str]] = ..., statuses: _Optional[_Iterable[int]] = ..., quality: _Optional[_Iterable[_Union[IntervalQuality, _Mapping]]] = ..., occurrence: _Optional[int] = ...) -> None: ...

class IntervalQuality(_message.Message):
    __slots__ = ("index", "quality")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    index: int
    quality: _containers.RepeatedScalarFieldContainer[Quality]
    def __init__(self, index: _Optional[int] = ..., quality: _Optional[_Iterable[_Union[Quality, str]]] = ...) -> None: ...

class Provenance(_message.Message):
    __slots__ = ("topic", "partition", "offset", "raw_sha256", "decoder", "mapping", "key_version", "protection", "dialect")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    RAW_SHA256_FIELD_NUMBER: _ClassVar[int]
    DECODER_FIELD_NUMBER: _ClassVar[int]
    MAPPING_FIELD_NUMBER: _ClassVar[int]
    KEY_VERSION_FIELD_NUMBER: _ClassVar[int]
    PROTECTION_FIELD_NUMBER: _ClassVar[int]
    DIALECT_FIELD_NUMBER: _ClassVar[int]
    topic: str
    partition: int
    offset: int
    raw_sha256: bytes
    decoder: str
    mapping: str
    key_version: str
    protection: Protection
    dialect: str
    def __init__(self, topic: _Optional[str] = ..., partition: _Optional[int] = ..., offset: _Optional[int] = ..., raw_sha256: _Optional[bytes] = ..., decoder: _Optional[str] = ..., mapping: _Optional[str] = ..., key_version: _Optional[str] = ..., protection: _Optional[_Union[Protection, str]] = ..., dialect: _Optional[str] = ...) -> None: ...

class NaturalKey(_message.Message):
    __slots__ = ("obis", "attribute", "profile_obis", "at_us", "occurrence")
    OBIS_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    PROFILE_OBIS_FIELD_NUMBER: _ClassVar[int]
    AT_US_FIELD_NUMBER: _ClassVar[int]
    OCCURRENCE_FIELD_NUMBER: _ClassVar[int]
    obis: str
    attribute: int
    profile_obis: str
    at_us: int
    occurrence: int
    def __init__(self, obis: _Optional[str] = ..., attribute: _Optional[int] = ..., profile_obis: _Optional[str] = ..., at_us: _Optional[int] = ..., occurrence: _Optional[int] = ...) -> None: ...
