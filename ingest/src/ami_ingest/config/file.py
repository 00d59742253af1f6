"""The configuration file: YAML, checked completely, made into the configuration as the agent works with it.

Relative paths in the file are relative to its folder. Secrets never stand in it: a meter names its secrets file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal, cast
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from ami_dlms.client import Authentication
from ami_ingest.config.credentials import Credentials, read_credentials
from ami_ingest.config.endpoint import DEFAULT_PORT, Endpoint
from ami_ingest.config.model import AgentConfig, Kafka, LinkProfile, Listen, Meter, Poll, Profile, Push, Schedule, Spool
from ami_ingest.config.target import Target
from ami_ingest.config.yaml_file import explain, load_yaml
from ami_ingest.errors import ConfigError

DEFAULT_PATH: Final = Path("/etc/ami-gateway/dlms_config.yaml")

AuthenticationName = Literal["none", "lls", "hls-md5", "hls-sha1", "hls-gmac", "hls-sha256", "hls-ecdsa"]

_SPANS: Final = {"m": 60, "h": 3600, "d": 86400}


def _span(value: object) -> object:
    """Turn `24h`, `30m`, `7d` into seconds."""
    match = re.fullmatch(r"([1-9][0-9]{0,4})([mhd])", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{_shown(value)} is no time span; write for example 30m, 24h or 7d")
    return int(match[1]) * _SPANS[match[2]]


def _zone(value: object) -> object:
    try:
        return ZoneInfo(value) if isinstance(value, str) else None
    except (ValueError, OSError, KeyError):
        raise ValueError(f"{_shown(value)} is no time zone; write a name like Europe/Vienna") from None


def _title(value: object) -> object:
    try:
        title = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        title = b""
    if len(title) != 8:
        raise ValueError(f"{_shown(value)} is no system title; write 16 hexadecimal digits in quotes")
    return title


def _endpoint(value: object) -> object:
    return Endpoint.parse(value if isinstance(value, str) else str(value))


def _target(value: object) -> object:
    return Target.parse(value if isinstance(value, str) else str(value))


def _profile(value: object) -> object:
    return Target.parse(value if isinstance(value, str) else str(value)).obis


def _shown(value: object) -> str:
    return f"'{value}'" if isinstance(value, str | int | float) else f"a {type(value).__name__}"


Span = Annotated[int, BeforeValidator(_span)]
"""Seconds, written `30m`, `24h` or `7d`."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$")]
"""A name of an agent or a meter: it becomes part of keys and headers."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, strict=True)


class _Kafka(_Section):
    """Where raw records go."""

    bootstrap: str = Field(min_length=1)


class _Listen(_Section):
    """One socket for pushes."""

    transport: Literal["tcp", "udp"]
    host: str = Field(default="0.0.0.0", min_length=1)
    port: int = Field(default=DEFAULT_PORT, ge=0, le=65535)


class _Profile(_Section):
    """A profile to poll: at first its `last` rows by time, then what came since the last row published."""

    obis: Annotated[bytes, BeforeValidator(_profile)]
    last: Span = Field(default=86400, le=366 * 86400)


class _Meter(_Section):
    """One meter of the inventory."""

    id: Name
    address: Annotated[Endpoint, BeforeValidator(_endpoint)]
    client_address: int = Field(default=16, ge=1, le=0xFFFF)
    logical_device_id: int = Field(default=1, ge=0, le=0xFFFF)
    physical_device_id: int | None = Field(default=None, ge=0, le=0x3FFF)
    authentication: AuthenticationName = "none"
    security_suite: int = Field(default=0, ge=0, le=2)
    secrets: Path | None = Field(default=None, strict=False)
    system_title: Annotated[bytes, BeforeValidator(_title)] | None = None
    push_from: str | None = None
    zone: Annotated[ZoneInfo, BeforeValidator(_zone)] | None = None
    request_timeout_s: float = Field(default=10.0, gt=0, le=600)
    every_s: float = Field(default=900.0, ge=1, le=366 * 86400)
    read: tuple[Annotated[Target, BeforeValidator(_target)], ...] = Field(default=(), strict=False)
    profiles: tuple[_Profile, ...] = Field(default=(), strict=False)

    def made(self, credentials: Credentials) -> Meter:
        """Return the meter as the agent works with it."""
        profiles = tuple(Profile(profile.obis, profile.last) for profile in self.profiles)
        schedules = (Schedule("own", self.every_s, read=self.read, profiles=profiles),)
        return Meter(
            id=self.id,
            address=self.address,
            client_address=self.client_address,
            logical_device_id=self.logical_device_id,
            physical_device_id=self.physical_device_id,
            authentication=Authentication(self.authentication),
            security_suite=self.security_suite,
            credentials=credentials,
            system_title=self.system_title,
            push_from=self.push_from,
            zone=self.zone,
            link=LinkProfile(connect_timeout_s=self.request_timeout_s, request_timeout_s=self.request_timeout_s),
            schedules=schedules if self.read or self.profiles else (),
        )


class _Spool(_Section):
    """The bounds of the spool on disk."""

    max_mb: int = Field(default=1024, ge=1)


class _Poll(_Section):
    """Bounds of polling."""

    concurrency: int = Field(default=64, ge=1, le=100_000)


class _File(_Section):
    """The whole file."""

    agent: Name
    kafka: _Kafka
    state_dir: Path = Field(default=Path("state"), strict=False)
    listen: tuple[_Listen, ...] = Field(
        default=(_Listen(transport="tcp"), _Listen(transport="udp")),
        strict=False,
    )
    idle_timeout_s: float = Field(default=30.0, gt=0, le=86400)
    max_connections: int = Field(default=15_000, ge=1)
    max_connections_per_peer: int = Field(default=15_000, ge=1)
    spool: _Spool = _Spool()
    poll: _Poll = _Poll()
    meters: tuple[_Meter, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _meters_are_distinct(self) -> _File:
        seen: dict[str, int] = {}
        for number, meter in enumerate(self.meters):
            first = seen.setdefault(meter.id, number)
            if first != number:
                raise ValueError(f"meters[{first}] and meters[{number}] have the same id '{meter.id}'; rename one")
        return self


def load(path: Path = DEFAULT_PATH, *, bootstrap: str | None = None) -> AgentConfig:
    """Read and check a configuration file and the secrets files it names.

    `bootstrap` takes precedence over the file's `kafka.bootstrap`. Raises ConfigError with one sentence that names
    the file, the key and the remedy.
    """
    tree = load_yaml(path)
    if bootstrap is not None:
        kafka = tree.get("kafka")
        tree = {**tree, "kafka": {**(kafka if isinstance(kafka, dict) else {}), "bootstrap": bootstrap}}
    try:
        file = _File.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(f"{path}: {explain(error, _File)}") from None
    folder = path.resolve().parent
    return AgentConfig(
        agent=file.agent,
        kafka=Kafka(file.kafka.bootstrap),
        state_dir=folder / file.state_dir,
        listen=tuple(Listen(one.transport, one.host, one.port) for one in file.listen),
        push=Push(file.idle_timeout_s, file.max_connections, file.max_connections_per_peer),
        spool=Spool(file.spool.max_mb),
        poll=Poll(file.poll.concurrency),
        meters=tuple(_made(path, folder, number, meter) for number, meter in enumerate(file.meters)),
    )


def _made(path: Path, folder: Path, number: int, meter: _Meter) -> Meter:
    credentials = Credentials() if meter.secrets is None else read_credentials(folder / meter.secrets)
    missing = missing_credentials(meter.authentication, credentials)
    if missing:
        where = "name one with `secrets:`" if meter.secrets is None else f"add it to {meter.secrets}"
        raise ConfigError(
            f"{path}: meters[{number}].authentication: '{meter.authentication}' needs {missing} "
            f"in a secrets file; {where}",
        )
    return meter.made(credentials)


def missing_credentials(authentication: str, credentials: Credentials) -> str | None:
    """Name the first secret that this authentication needs and that is not there."""
    needed: tuple[str, ...] = ()
    if authentication == "hls-gmac":
        needed = ("guek", "gak", "client_system_title")
    elif authentication == "hls-ecdsa":
        needed = ("guek", "gak", "client_system_title", "signing_key", "server_signing_key")
    elif authentication == "hls-sha256":
        needed = ("password", "client_system_title")
    elif authentication != "none":
        needed = ("password",)
    for name in needed:
        if cast("bytes | None", getattr(credentials, name)) is None:
            return name
    return None
