"""The configuration as the agent works with it: complete, checked, immutable. `load` makes it of what people write."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

from ami_dlms.client import Authentication
from ami_dlms.security import Protection
from ami_ingest.config.credentials import Credentials
from ami_ingest.config.endpoint import DEFAULT_PORT, Endpoint
from ami_ingest.config.target import Target

PUBLIC_CLIENT: Final = 16
"""The client SAP that every meter answers without authentication (Green Book)."""
CONTROL: Final = "control.sock"
"""Name of the control socket in the state directory."""


@dataclass(frozen=True, slots=True)
class LinkProfile:
    """How patient to be on a kind of link, and how much to ask of it at once."""

    name: str = "ethernet"
    connect_timeout_s: float = 10.0
    request_timeout_s: float = 10.0
    """Bounds each wait for progress."""
    retries: int = 2
    """How often a poll that failed on the way is tried again within its deadline."""
    max_pdu_size: int = 65535
    """Longest APDU to accept, octets."""
    hdlc_frame: int | None = None
    """Longest HDLC information field to propose, octets; None proposes nothing."""
    hdlc_window: int = 1
    block_window: int = 16
    """Blocks of a general block transfer taken without confirming, 1 to 63."""
    keep_open_s: float = 0.0
    """How long an association is kept for the next request; 0 releases it at once."""
    cell_concurrency: int | None = None
    """How many meters of one cell, concentrator or line should be read at a time; None: no bottleneck is typical."""


@dataclass(frozen=True, slots=True)
class Network:
    """Meters that share a bottleneck: a cell, a PLC concentrator, a serial line."""

    name: str
    concurrency: int = 100_000
    connections_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile to poll: at first its `last` rows by time, then what came since the last row Kafka acknowledged."""

    obis: bytes
    last: int = 86400
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is read, how often, and until when it must have succeeded."""

    name: str
    every_s: float
    jitter_s: float = 0.0
    """Each meter has its own constant place within this span after the turn begins."""
    deadline_s: float | None = None
    """After the turn began; None: until the next turn."""
    read: tuple[Target, ...] = ()
    profiles: tuple[Profile, ...] = ()
    active: bool = True


@dataclass(frozen=True, slots=True)
class ClockPolicy:
    """What to do about a meter's clock."""

    warn_over_s: float = 60.0
    set_over_s: float | None = None
    """Set the clock where it is off by more; None never sets it."""


@dataclass(frozen=True, slots=True)
class SignalPolicy:
    """What to say about a meter's signal."""

    warn_under: int = -105
    """dBm."""


@dataclass(frozen=True, slots=True)
class Meter:
    """One meter of the inventory, with everything its group and the defaults say."""

    id: str
    address: Endpoint
    group: str = "default"
    client_address: int = PUBLIC_CLIENT
    logical_device_id: int = 1
    physical_device_id: int | None = None
    authentication: Authentication = Authentication.NONE
    security_suite: int = 0
    security_policy: Protection | None = None
    """Protection of requests and answers; None: what the authentication implies."""
    dedicated_key: bool = False
    """Whether each association has a key of its own in place of the global encryption key."""
    credentials: Credentials = field(default_factory=Credentials)
    system_title: bytes | None = None
    push_from: str | None = None
    """The address it pushes from, where that identifies it."""
    zone: ZoneInfo | None = None
    link: LinkProfile = LinkProfile()
    network: Network | None = None
    schedules: tuple[Schedule, ...] = ()
    clock: ClockPolicy = ClockPolicy()
    signal: SignalPolicy = SignalPolicy()
    tls: Tls | None = None
    """Of an address with tls; None: the system's authorities, and no certificate of ours."""
    logical_device_name: str | None = None
    """What object 0.0.42.0.0.255 says, where that identifies a meter that calls in."""


@dataclass(frozen=True, slots=True)
class Tls:
    """The files of an X.509 identity (PEM); TLS 1.3 only."""

    certificate: Path | None = None
    private_key: Path | None = None
    trust: Path | None = None
    """Certificates of those who may answer or connect."""
    server_name: str | None = None
    """The name that who answers must have in its certificate; None: the host of its address."""


@dataclass(frozen=True, slots=True)
class Listen:
    """One socket that meters reach us at."""

    transport: Literal["tcp", "udp"]
    host: str = "0.0.0.0"
    port: int = DEFAULT_PORT
    tls: Tls | None = None
    role: Literal["push", "call-in"] = "push"
    """Whether who connects pushes, or wants to be read (a meter behind NAT)."""


@dataclass(frozen=True, slots=True)
class Push:
    """Bounds and policies of the push listener."""

    idle_timeout_s: float = 30.0
    """Then what is unfinished becomes an incomplete record."""
    max_connections: int = 15_000
    max_connections_per_peer: int = 15_000
    unknown: Literal["accept", "refuse"] = "accept"
    """Whether a sender that the inventory does not know may push."""
    max_bytes_per_s_per_peer: float | None = None
    """Octets a second that one address may push for long; TCP is then read slower, datagrams are dropped. None: any."""


@dataclass(frozen=True, slots=True)
class Spool:
    """The bounds of the spool on disk."""

    max_mb: int = 1024
    max_age_s: float | None = None
    """Older records are dropped, loudly; None keeps them for ever."""
    when_full: Literal["wait", "drop-oldest"] = "wait"


@dataclass(frozen=True, slots=True)
class Poll:
    """Bounds of polling, over all meters."""

    concurrency: int = 64
    connections_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Kafka:
    """Where raw records go."""

    bootstrap: str
    compression: Literal["none", "lz4", "zstd"] = "zstd"


@dataclass(frozen=True, slots=True)
class Logs:
    """Where the log goes beside stderr."""

    folder: Path | None = None
    """`ingest.log` and `error.log` are written there; None: stderr only."""
    max_mb: int = 50
    keep: int = 10
    """Rotated files kept of each."""
    format: Literal["text", "json"] = "text"
    """Of the files."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """What is less important is not logged."""


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """All of it. Paths are absolute."""

    agent: str
    kafka: Kafka
    state_dir: Path
    listen: tuple[Listen, ...] = (Listen("tcp"), Listen("udp"))
    push: Push = Push()
    spool: Spool = Spool()
    poll: Poll = Poll()
    logs: Logs = Logs()
    observe: str | None = None
    """Where metrics and health are served: `PORT`, `HOST:PORT` or `unix:PATH`."""
    control: Path | None = None
    """The control socket; None: `CONTROL` in the state directory."""
    key_store: Path | None = None
    """The file of key encryption keys that wraps dedicated keys; None: no meter has one."""
    control_group: str | None = None
    """A group whose members may use the control socket; None: only the agent's own user."""
    meters: tuple[Meter, ...] = ()

    @property
    def control_socket(self) -> Path:
        """Where the control socket is."""
        return self.control or self.state_dir / CONTROL

    @property
    def most_connections(self) -> int:
        """How many connections may come in: `push.max_connections` of meters that push, and of those that call in."""
        return self.push.max_connections * len({one.role for one in self.listen if one.transport == "tcp"})
