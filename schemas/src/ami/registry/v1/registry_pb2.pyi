from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MinProtection(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MIN_PROTECTION_UNSPECIFIED: _ClassVar[MinProtection]
    MIN_PROTECTION_NONE: _ClassVar[MinProtection]
    MIN_PROTECTION_AUTHENTICATED: _ClassVar[MinProtection]
    MIN_PROTECTION_ENCRYPTED: _ClassVar[MinProtection]
    MIN_PROTECTION_AUTHENTICATED_ENCRYPTED: _ClassVar[MinProtection]

class KeyKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KEY_KIND_UNSPECIFIED: _ClassVar[KeyKind]
    KEY_KIND_GUEK: _ClassVar[KeyKind]
    KEY_KIND_GAK: _ClassVar[KeyKind]
    KEY_KIND_GBEK: _ClassVar[KeyKind]
    KEY_KIND_KEK: _ClassVar[KeyKind]
    KEY_KIND_SIGNATURE: _ClassVar[KeyKind]
MIN_PROTECTION_UNSPECIFIED: MinProtection
MIN_PROTECTION_NONE: MinProtection
MIN_PROTECTION_AUTHENTICATED: MinProtection
MIN_PROTECTION_ENCRYPTED: MinProtection
MIN_PROTECTION_AUTHENTICATED_ENCRYPTED: MinProtection
KEY_KIND_UNSPECIFIED: KeyKind
KEY_KIND_GUEK: KeyKind
KEY_KIND_GAK: KeyKind
KEY_KIND_GBEK: KeyKind
KEY_KIND_KEK: KeyKind
KEY_KIND_SIGNATURE: KeyKind

class Meter(_message.Message):
    __slots__ = ("system_title", "logical_device_name", "serial", "inventory_id", "aliases", "traits", "access")
    SYSTEM_TITLE_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_DEVICE_NAME_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    INVENTORY_ID_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    TRAITS_FIELD_NUMBER: _ClassVar[int]
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    system_title: bytes
    logical_device_name: str
    serial: str
    inventory_id: str
    aliases: _containers.RepeatedScalarFieldContainer[str]
    traits: Traits
    access: Access
    def __init__(self, system_title: _Optional[bytes] = ..., logical_device_name: _Optional[str] = ..., serial: _Optional[str] = ..., inventory_id: _Optional[str] = ..., aliases: _Optional[_Iterable[str]] = ..., traits: _Optional[_Union[Traits, _Mapping]] = ..., access: _Optional[_Union[Access, _Mapping]] = ...) -> None: ...

class Access(_message.Message):
    __slots__ = ("address", "agent", "client_address", "logical_device_id", "physical_device_id", "authentication_level", "mechanism", "security_suite", "security_policy", "secrets", "network", "link", "schedules")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    PHYSICAL_DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHENTICATION_LEVEL_FIELD_NUMBER: _ClassVar[int]
    MECHANISM_FIELD_NUMBER: _ClassVar[int]
    SECURITY_SUITE_FIELD_NUMBER: _ClassVar[int]
    SECURITY_POLICY_FIELD_NUMBER: _ClassVar[int]
    SECRETS_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    SCHEDULES_FIELD_NUMBER: _ClassVar[int]
    address: str
    agent: str
    client_address: int
    logical_device_id: int
    physical_device_id: int
    authentication_level: str
    mechanism: str
    security_suite: int
    security_policy: str
    secrets: str
    network: str
    link: str
    schedules: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, address: _Optional[str] = ..., agent: _Optional[str] = ..., client_address: _Optional[int] = ..., logical_device_id: _Optional[int] = ..., physical_device_id: _Optional[int] = ..., authentication_level: _Optional[str] = ..., mechanism: _Optional[str] = ..., security_suite: _Optional[int] = ..., security_policy: _Optional[str] = ..., secrets: _Optional[str] = ..., network: _Optional[str] = ..., link: _Optional[str] = ..., schedules: _Optional[_Iterable[str]] = ...) -> None: ...

class Traits(_message.Message):
    __slots__ = ("group", "utility", "zone", "dialect", "min_protection", "limits", "profiles")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    UTILITY_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    DIALECT_FIELD_NUMBER: _ClassVar[int]
    MIN_PROTECTION_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    PROFILES_FIELD_NUMBER: _ClassVar[int]
    group: str
    utility: str
    zone: str
    dialect: str
    min_protection: MinProtection
    limits: Limits
    profiles: _containers.RepeatedCompositeFieldContainer[Profile]
    def __init__(self, group: _Optional[str] = ..., utility: _Optional[str] = ..., zone: _Optional[str] = ..., dialect: _Optional[str] = ..., min_protection: _Optional[_Union[MinProtection, str]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., profiles: _Optional[_Iterable[_Union[Profile, _Mapping]]] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("fuse_a", "ct_primary_a", "phases", "nominal_v")
    FUSE_A_FIELD_NUMBER: _ClassVar[int]
    CT_PRIMARY_A_FIELD_NUMBER: _ClassVar[int]
    PHASES_FIELD_NUMBER: _ClassVar[int]
    NOMINAL_V_FIELD_NUMBER: _ClassVar[int]
    fuse_a: float
    ct_primary_a: float
    phases: int
    nominal_v: float
    def __init__(self, fuse_a: _Optional[float] = ..., ct_primary_a: _Optional[float] = ..., phases: _Optional[int] = ..., nominal_v: _Optional[float] = ...) -> None: ...

class Profile(_message.Message):
    __slots__ = ("obis", "period_s", "columns")
    OBIS_FIELD_NUMBER: _ClassVar[int]
    PERIOD_S_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    obis: bytes
    period_s: int
    columns: _containers.RepeatedCompositeFieldContainer[Column]
    def __init__(self, obis: _Optional[bytes] = ..., period_s: _Optional[int] = ..., columns: _Optional[_Iterable[_Union[Column, _Mapping]]] = ...) -> None: ...

class Column(_message.Message):
    __slots__ = ("class_id", "obis", "attribute", "data_index", "scaler", "unit")
    CLASS_ID_FIELD_NUMBER: _ClassVar[int]
    OBIS_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    DATA_INDEX_FIELD_NUMBER: _ClassVar[int]
    SCALER_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    class_id: int
    obis: bytes
    attribute: int
    data_index: int
    scaler: int
    unit: int
    def __init__(self, class_id: _Optional[int] = ..., obis: _Optional[bytes] = ..., attribute: _Optional[int] = ..., data_index: _Optional[int] = ..., scaler: _Optional[int] = ..., unit: _Optional[int] = ...) -> None: ...

class KeyVersion(_message.Message):
    __slots__ = ("valid_from_us", "valid_until_us", "wrapped")
    VALID_FROM_US_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    WRAPPED_FIELD_NUMBER: _ClassVar[int]
    valid_from_us: int
    valid_until_us: int
    wrapped: Wrapped
    def __init__(self, valid_from_us: _Optional[int] = ..., valid_until_us: _Optional[int] = ..., wrapped: _Optional[_Union[Wrapped, _Mapping]] = ...) -> None: ...

class Wrapped(_message.Message):
    __slots__ = ("kek_id", "nonce", "ciphertext")
    KEK_ID_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    CIPHERTEXT_FIELD_NUMBER: _ClassVar[int]
    kek_id: str
    nonce: bytes
    ciphertext: bytes
    def __init__(self, kek_id: _Optional[str] = ..., nonce: _Optional[bytes] = ..., ciphertext: _Optional[bytes] = ...) -> None: ...

class Mapping(_message.Message):
    __slots__ = ("files",)
    FILES_FIELD_NUMBER: _ClassVar[int]
    files: _containers.RepeatedCompositeFieldContainer[MappingFile]
    def __init__(self, files: _Optional[_Iterable[_Union[MappingFile, _Mapping]]] = ...) -> None: ...

class MappingFile(_message.Message):
    __slots__ = ("name", "content", "built_in")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    BUILT_IN_FIELD_NUMBER: _ClassVar[int]
    name: str
    content: bytes
    built_in: bool
    def __init__(self, name: _Optional[str] = ..., content: _Optional[bytes] = ..., built_in: _Optional[bool] = ...) -> None: ...

class Promotion(_message.Message):
    __slots__ = ("promoted_us", "text")
    PROMOTED_US_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    promoted_us: int
    text: str
    def __init__(self, promoted_us: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...
