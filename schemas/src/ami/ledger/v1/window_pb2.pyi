from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class Window(_message.Message):
    __slots__ = ("highest", "tags", "seen", "counters", "reset_suspected")
    HIGHEST_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    SEEN_FIELD_NUMBER: _ClassVar[int]
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    RESET_SUSPECTED_FIELD_NUMBER: _ClassVar[int]
    highest: int
    tags: bytes
    seen: bytes
    counters: bytes
    reset_suspected: bool
    def __init__(self, highest: _Optional[int] = ..., tags: _Optional[bytes] = ..., seen: _Optional[bytes] = ..., counters: _Optional[bytes] = ..., reset_suspected: _Optional[bool] = ...) -> None: ...
