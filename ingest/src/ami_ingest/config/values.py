"""How single values are written in configuration and inventory: spans, zones, titles, addresses, objects.

Each is an annotation of a field: it reads the text, says in one sentence what is wrong with it, and tells the JSON
Schema what an editor may accept.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from ami_ingest.config.endpoint import Endpoint
from ami_ingest.config.target import Target

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SPAN: Final = r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h|d)"
_TITLE: Final = r"^[0-9A-Fa-f]{16}$"

YEAR: Final = "366d"


def span(text: str) -> float:
    """Return the seconds of `500ms`, `10s`, `5m`, `24h` or `7d`. Raises ValueError."""
    match = re.fullmatch(_SPAN, text)
    if match is None:
        raise ValueError(f"'{text}' is no time span; write for example 500ms, 10s, 5m, 24h or 7d")
    return float(match[1]) * _UNITS[match[2]]


def shown(value: object) -> str:
    """Return a value as a message shows it, or just its kind where that says more."""
    if isinstance(value, str):
        return f"'{value[:60]}…'" if len(value) > 60 else f"'{value}'"
    if isinstance(value, bool):
        return "'true'" if value else "'false'"
    if isinstance(value, int | float):
        return f"'{value}'"
    return {dict: "a mapping", list: "a list", type(None): "nothing"}.get(type(value), f"a {type(value).__name__}")


class _Written:
    """An annotation that reads what is written."""

    def read(self, value: object) -> Any:
        """Return the value meant. Raises ValueError with the sentence."""
        raise NotImplementedError

    def schema(self) -> JsonSchemaValue:
        """Return what the JSON Schema says."""
        raise NotImplementedError

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read,
            serialization=core_schema.to_string_ser_schema(),
        )

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return self.schema()


@dataclass(frozen=True, slots=True)
class Span(_Written):
    """Seconds, written `500ms`, `10s`, `5m`, `24h` or `7d`, within bounds written likewise."""

    least: str
    most: str = YEAR

    def read(self, value: object) -> float:
        """Return the seconds."""
        if not isinstance(value, str):
            raise ValueError(f"{shown(value)} is no time span; write for example 500ms, 10s, 5m, 24h or 7d")  # noqa: TRY004  pydantic's
        seconds = span(value)
        if not span(self.least) <= seconds <= span(self.most):
            raise ValueError(f"'{value}' is out of range; write {self.least} to {self.most}")
        return seconds

    def schema(self) -> JsonSchemaValue:
        """Return the pattern."""
        return {"type": "string", "pattern": f"^{_SPAN}$", "examples": ["500ms", "10s", "5m", "24h", "7d"]}


@dataclass(frozen=True, slots=True)
class Written(_Written):
    """Text that a function reads; what the function says of a mistake is the message."""

    parse: Callable[[str], Any]
    example: str
    pattern: str | None = None

    def read(self, value: object) -> Any:
        """Return what the text means."""
        if not isinstance(value, str):
            raise ValueError(f"{shown(value)} is no text; write it in quotes, like '{self.example}'")  # noqa: TRY004  pydantic's
        return self.parse(value)

    def schema(self) -> JsonSchemaValue:
        """Return text, with the pattern where there is one."""
        of_pattern = {} if self.pattern is None else {"pattern": self.pattern}
        return {"type": "string", **of_pattern, "examples": [self.example]}


@lru_cache(maxsize=1024)
def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ValueError, OSError, KeyError):
        raise ValueError(f"{shown(text)} is no time zone; write a name like Europe/Vienna") from None


def _title(text: str) -> bytes:
    if re.fullmatch(_TITLE, text) is None:
        raise ValueError(f"{shown(text)} is no system title; write 16 hexadecimal digits in quotes")
    return bytes.fromhex(text)


def _place(text: str) -> str:
    port = re.fullmatch(r"(?:\S+:)?([0-9]{1,5})", text)
    if re.fullmatch(r"unix:/.+", text) is None and (port is None or int(port[1]) > 0xFFFF):
        raise ValueError(f"{shown(text)} is no place to serve at; write PORT, HOST:PORT or unix:/PATH")
    return text


Zone = Annotated[ZoneInfo, Written(_zone, "Europe/Vienna")]
Title = Annotated[bytes, Written(_title, "414d490000000001", _TITLE)]
Address = Annotated[Endpoint, Written(Endpoint.parse, "tcp://10.0.0.7:4059")]
Read = Annotated[Target, Written(Target.parse, "3:1.0.1.8.0.255")]
Obis = Annotated[bytes, Written(lambda text: Target.parse(text).obis, "1.0.99.1.0.255")]
Place = Annotated[str, Written(_place, "127.0.0.1:9465")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$")]
"""A name of an agent, a meter or a part of the configuration: it becomes part of keys, headers and file names."""
