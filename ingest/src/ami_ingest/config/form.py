"""The form of the configuration file: every key, its default, what it means; JSON Schema and docs are made of it.

What is valid here may still name things that are not there; `resolve` finds that.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ami_ingest.config.endpoint import DEFAULT_PORT
from ami_ingest.config.model import PUBLIC_CLIENT
from ami_ingest.config.values import Address, Name, Obis, Place, Read, Span, Title, Zone

Level = Literal["none", "lls", "hls"]
Mechanism = Literal["md5", "sha1", "gmac", "sha256", "ecdsa"]
Policy = Literal["none", "authenticated", "encrypted", "authenticated-encrypted"]
Path = Annotated[str, Field(min_length=1)]
Rate = Annotated[float, Field(gt=0, le=100_000, strict=False)]
Many = Annotated[int, Field(ge=1, le=1_000_000)]


class Section(BaseModel):
    """A mapping of the file: unknown keys are refused, values are taken as written."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class KafkaForm(Section):
    """Where raw records go."""

    bootstrap: str = Field(min_length=1)
    """Brokers to ask first, `HOST:PORT`, several separated by commas. `KAFKA_BOOTSTRAP` goes before it."""
    compression: Literal["none", "lz4", "zstd"] = "zstd"
    """How batches are compressed on the way to Kafka."""


class LogsForm(Section):
    """The log files, beside what goes to stderr."""

    folder: Path | None = None
    """Where `ingest.log` and `error.log` are written; without it only stderr is."""
    max_mb: int = Field(default=50, ge=1, le=100_000)
    """A file is rotated when it has so many MiB."""
    keep: int = Field(default=10, ge=0, le=1000)
    """Rotated files kept of each."""
    format: Literal["text", "json"] = "text"
    """What the files are written in."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """What is less important is not logged."""


class TlsForm(Section):
    """An X.509 identity for TLS 1.3; PEM files."""

    certificate: Path | None = None
    """The certificate we show, with its chain; a listening socket needs one."""
    private_key: Path | None = None
    """Its key; mode 600 or stricter."""
    trust: Path | None = None
    """Certificates of those who may answer or connect; without it the system's, and who connects shows none."""
    server_name: str | None = Field(default=None, min_length=1)
    """The name that who answers must have in its certificate; without it the host of its address."""

    @model_validator(mode="after")
    def _pair(self) -> TlsForm:
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("certificate and private_key belong together; give both or neither")
        return self


class ListenForm(Section):
    """A socket that meters reach us at."""

    transport: Literal["tcp", "udp"]
    """What carries the bytes; framing is detected."""
    host: str = Field(default="0.0.0.0", min_length=1)
    """The address to listen on."""
    port: int = Field(default=DEFAULT_PORT, ge=0, le=0xFFFF)
    """The port; 0 takes a free one."""
    role: Literal["push", "call-in"] = "push"
    """Whether who connects pushes, or calls in to be read (a meter behind NAT; TCP only)."""
    tls: TlsForm | None = None
    """TLS on this socket (TCP only)."""

    @model_validator(mode="after")
    def _streams_only(self) -> ListenForm:
        if self.transport == "udp" and self.role != "push":
            raise ValueError("meters call in over tcp only; write transport: tcp or role: push")
        if self.transport == "udp" and self.tls is not None:
            raise ValueError("TLS needs transport: tcp; remove tls, or change the transport")
        if self.tls is not None and (self.tls.certificate is None or self.tls.server_name is not None):
            raise ValueError("who listens shows a certificate and asks for no name; give tls just its files")
        return self


class PushForm(Section):
    """Bounds and policies of the push listener."""

    idle_timeout: Annotated[float, Span("1ms", "1d")] = Field(default="30s", validate_default=True)
    """Then what is unfinished becomes an incomplete record."""
    max_connections: Many = 15_000
    """Open connections over all sockets, of meters that push and of meters that call in each."""
    max_connections_per_peer: Many = 15_000
    """Open connections of one address."""
    unknown: Literal["accept", "refuse"] = "accept"
    """Whether a sender that the inventory does not know may push."""
    max_bytes_per_s_per_peer: Annotated[float, Field(ge=100, le=1e9, strict=False)] | None = None
    """Octets a second that one address may send for long; who sends more waits (TCP) or loses datagrams, counted."""


class SpoolForm(Section):
    """The bounds of the spool on disk."""

    max_mb: int = Field(default=1024, ge=1, le=10_000_000)
    """Its size, in MiB."""
    max_age: Annotated[float, Span("1m", "3660d")] | None = None
    """Older records are dropped, loudly; without it none is."""
    when_full: Literal["wait", "drop-oldest"] = "wait"
    """Whether meters wait until Kafka takes records, or the oldest records are dropped, loudly."""


class PollForm(Section):
    """Bounds of polling, over all meters."""

    concurrency: int = Field(default=64, ge=1, le=100_000)
    """Meters read at the same time."""
    connections_per_s: Rate | None = None
    """New connections a second; without it as many as there are turns."""


class NetworkForm(Section):
    """Meters that share a bottleneck: a cell, a PLC concentrator, a serial line."""

    link: Name | None = None
    """The kind of link of its meters, where they do not say it."""
    concurrency: int | None = Field(default=None, ge=1, le=100_000)
    """Meters of this network read at the same time; without it what its link says, else no bound."""
    connections_per_s: Rate | None = None
    """New connections a second to meters of this network."""


class LinkForm(Section):
    """A kind of link: what it does not say is as in the one it is like."""

    like: Literal["ethernet", "cellular", "g3-plc", "prime", "wisun", "serial"] = "ethernet"
    """The built-in kind of link to begin with."""
    connect_timeout: Annotated[float, Span("10ms", "10m")] | None = None
    """How long a connection may take to come about."""
    request_timeout: Annotated[float, Span("10ms", "10m")] | None = None
    """How long to wait for progress of an answer."""
    retries: int | None = Field(default=None, ge=0, le=100)
    """How often a poll that failed on the way is tried again within its deadline."""
    max_pdu_size: int | None = Field(default=None, ge=64, le=0xFFFF)
    """Longest APDU to accept, octets."""
    hdlc_frame: int | None = Field(default=None, ge=32, le=2030)
    """Longest HDLC information field to propose, octets."""
    hdlc_window: int | None = Field(default=None, ge=1, le=7)
    """HDLC frames sent without waiting."""
    block_window: int | None = Field(default=None, ge=1, le=63)
    """Blocks of a general block transfer taken without confirming."""
    keep_open: Annotated[float, Span("0s", "1d")] | None = None
    """How long an association is kept for the next request; 0s releases it at once."""
    cell_concurrency: int | None = Field(default=None, ge=1, le=100_000)
    """How many meters of one cell, concentrator or line are read at a time."""


class ProfileForm(Section):
    """A profile to read: at first its last rows, then what came since the last row that Kafka acknowledged."""

    obis: Obis
    """The OBIS code of the profile."""
    last: Annotated[float, Span("1m")] = Field(default="24h", validate_default=True)
    """How far back the first read goes."""


class ScheduleForm(Section):
    """What is read, how often, and until when it must have succeeded."""

    every: Annotated[float, Span("1s")]
    """A turn begins each time this has passed."""
    jitter: Annotated[float, Span("0s")] = Field(default="0s", validate_default=True)
    """Each meter has its own constant place within this span after a turn begins."""
    deadline: Annotated[float, Span("1s")] | None = None
    """A read must have succeeded so long after its turn began; without it until the next turn."""
    active: bool = True
    """Whether it is followed at present."""
    read: tuple[Read, ...] = Field(default=(), strict=False)
    """Objects: `OBIS`, `CLASS:OBIS` or `CLASS:OBIS:ATTRIBUTE`."""
    profiles: tuple[ProfileForm, ...] = Field(default=(), strict=False)
    """Profiles."""

    @model_validator(mode="after")
    def _possible(self) -> ScheduleForm:
        if not self.read and not self.profiles:
            raise ValueError("it reads nothing; give it `read` or `profiles`")
        deadline = self.every if self.deadline is None else self.deadline
        if deadline > self.every:
            raise ValueError("the deadline lies after the next turn; write at most what `every` says")
        if self.jitter >= deadline:
            raise ValueError("the jitter leaves no time before the deadline; write less than the deadline")
        return self


class ClockForm(Section):
    """What to do about a meter's clock."""

    warn_over: Annotated[float, Span("1s")] = Field(default="60s", validate_default=True)
    """A clock that is off by more is warned about."""
    set_over: Annotated[float, Span("1s")] | None = None
    """A clock that is off by more is set; without it none ever is."""


class SignalForm(Section):
    """What to say about a meter's signal, where a schedule reads it (`47:0.0.25.6.0.255:6`)."""

    warn_under: int = Field(default=-105, ge=-113, le=-51)
    """A weaker signal is warned about, dBm; -113 warns about none."""


class SettingsForm(Section):
    """How to talk to a meter. What a meter does not say its group does, and what that does not say `defaults` do."""

    client_address: int = Field(default=PUBLIC_CLIENT, ge=1, le=0xFFFF)
    """Our address (client SAP)."""
    logical_device_id: int = Field(default=1, ge=0, le=0xFFFF)
    """The meter's logical device (server SAP)."""
    physical_device_id: int | None = Field(default=None, ge=0, le=0x3FFF)
    """The meter's physical address; HDLC only."""
    authentication_level: Level = "none"
    """How the two sides prove who they are."""
    mechanism: Mechanism = "gmac"
    """The mechanism of level hls."""
    security_suite: Literal[0, 1, 2] = 0
    """The security suite: 0 and 1 have keys of 16 octets, 2 has keys of 32."""
    security_policy: Policy | None = None
    """Protection of requests and answers; without it what the mechanism implies (all of it with gmac and ecdsa)."""
    dedicated_key: bool = False
    """Whether each association has a key of its own, drawn by us, in place of the global encryption key; it travels
    with the records, wrapped by `key_store`."""
    secrets: Path | None = None
    """The secrets file; `{id}` in it is the meter's id."""
    client_system_title: Title | None = None
    """Our own system title, where the secrets file does not say it: 16 hexadecimal digits."""
    zone: Zone | None = None
    """The time zone of the meter's clock, where the clock has no offset."""
    request_timeout: Annotated[float, Span("10ms", "10m")] | None = None
    """How long to wait for progress of an answer; without it what the link says."""
    retries: int | None = Field(default=None, ge=0, le=100)
    """How often a failed poll is tried again; without it what the link says."""
    link: Name | None = None
    """The kind of link: one of `links`, or built in; without it what the network says, else `serial` on a serial
    line and `ethernet` elsewhere."""
    network: Name | None = None
    """The network of `networks` it is part of."""
    schedules: tuple[Name, ...] = Field(default=(), strict=False)
    """The schedules of `schedules` it is read by."""
    clock: ClockForm = ClockForm()
    """What to do about its clock."""
    signal: SignalForm = SignalForm()
    """What to say about its signal."""
    tls: TlsForm | None = None
    """Of an address with tls: who we are, and whom we trust."""


class MeterForm(SettingsForm):
    """One meter of the inventory."""

    id: Name
    """Its name in logs, records and metrics."""
    address: Address
    """Where it is."""
    group: Name | None = None
    """The group of `groups` it is part of."""
    system_title: Title | None = None
    """Its system title, where it does not say it itself: 16 hexadecimal digits."""
    logical_device_name: str | None = Field(default=None, min_length=1, max_length=100)
    """What object 0.0.42.0.0.255 says, where that identifies a meter that calls in."""
    push_from: str | None = Field(default=None, min_length=1)
    """The address it pushes from, where that identifies it."""


class InventoryForm(Section):
    """Meters from elsewhere, beside those of `meters`."""

    file: Path | None = None
    """A list of meters: CSV with a heading, or YAML."""
    topic: bool = False
    """Whether meters of the registry that state an address are read as well; changes are followed."""

    @model_validator(mode="after")
    def _somewhere(self) -> InventoryForm:
        if self.file is None and not self.topic:
            raise ValueError("it names no inventory; write file: PATH, topic: true or both")
        return self


class FileForm(Section):
    """The configuration of the edge agent."""

    agent: Name
    """The name of this agent: it stands in every record."""
    kafka: KafkaForm
    """Where raw records go."""
    state_dir: Path = "/var/lib/ami-gateway"
    """Where the spool, the invocation counters and what is known of the registry are kept."""
    control: Path | None = None
    """The control socket; without it `control.sock` in `state_dir`."""
    control_group: str | None = Field(default=None, min_length=1)
    """A group whose members may use the control socket; without it only the agent's own user."""
    observe: Place | None = None
    """Where metrics and health are served: `PORT`, `HOST:PORT` or `unix:/PATH`; without it nowhere."""
    logs: LogsForm = LogsForm()
    """The log files."""
    key_store: Path | None = None
    """The file of key encryption keys, which normalizers hold too (`ami keys kek`); `dedicated_key` needs it."""
    listen: tuple[ListenForm, ...] = Field(
        default=(ListenForm(transport="tcp"), ListenForm(transport="udp")), strict=False
    )
    """The sockets that meters reach us at; `[]` opens none."""
    push: PushForm = PushForm()
    """The push listener."""
    spool: SpoolForm = SpoolForm()
    """The spool."""
    poll: PollForm = PollForm()
    """Polling."""
    networks: dict[Name, NetworkForm] = {}
    """Networks by name."""
    links: dict[Name, LinkForm] = {}
    """Kinds of links by name, beside the built-in ones."""
    schedules: dict[Name, ScheduleForm] = {}
    """Schedules by name."""
    defaults: SettingsForm = SettingsForm()
    """What holds for every meter that says nothing else."""
    groups: dict[Name, SettingsForm] = {}
    """What holds for the meters of a group, by its name."""
    inventory: InventoryForm | None = None
    """Meters from elsewhere."""
    meters: tuple[MeterForm, ...] = Field(default=(), strict=False)
    """Meters."""


def schema_text() -> str:
    """Return the JSON Schema (draft 2020-12) of the configuration file, for editors and other tools."""
    schema: dict[str, Any] = FileForm.model_json_schema(mode="validation")
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "dlms_config.yaml",
        **{key: value for key, value in schema.items() if key != "title"},
    }
    return json.dumps(_tidy(schema), indent=2) + "\n"


def _tidy(node: Any) -> Any:
    """Leave out titles that repeat a key's name and defaults that say nothing; refuse entries with other names."""
    if isinstance(node, list):
        return [_tidy(value) for value in node]
    if not isinstance(node, dict):
        return node
    tidy = {key: _tidy(value) for key, value in node.items()}
    if "title" in tidy and "$schema" not in tidy and not isinstance(tidy["title"], dict):
        del tidy["title"]
    if "patternProperties" in tidy:
        tidy["additionalProperties"] = False
    if "default" in tidy and tidy["default"] in (None, {}, []):
        del tidy["default"]
    return tidy
