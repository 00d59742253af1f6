"""The way to a meter: straight to it, or through the agent that runs, which has the connections and the keys."""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from ami_cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    import structlog

    from ami_ingest.config.file import Loaded
    from ami_ingest.config.model import AgentConfig, Meter
    from ami_ingest.config.target import Target
    from ami_ingest.control.protocol import Failure
    from ami_ingest.meters.access import MeterAccess
    from ami_ingest.meters.ping import Pinged
    from ami_ingest.meters.read import ProfileRange
    from ami_ingest.meters.reading import Reading

LOG_DIR: Final = "AMI_LOG_DIR"
_USUAL: Final = (Path("/run/ami-gateway"), Path("/var/lib/ami-gateway"))
"""Where the socket of an agent that was installed is."""
_GRACE_S: Final = 5.0
"""A meter's own timeout says more than ours, so it comes first."""
_CODES: Final = {
    "usage": ExitCode.USAGE,
    "missing": ExitCode.MISSING,
    "meter": ExitCode.METER,
    "refused": ExitCode.REFUSED,
    "data": ExitCode.DATA,
    "defect": ExitCode.DEFECT,
}


class Way(Protocol):
    """How a meter is asked. Errors are the command's, or those of the ingest room."""

    @property
    def meter(self) -> str:
        """What the person wrote."""

    @property
    def told(self) -> str:
        """The way, for a person."""

    @property
    def access(self) -> MeterAccess | None:
        """Where its answers are opened by us."""

    def ping(self) -> Pinged:
        """See whether it answers."""

    def read(self, targets: Sequence[Target], profile: ProfileRange | None) -> list[Reading]:
        """Read it."""


@dataclass(frozen=True, slots=True)
class Straight:
    """Over a connection of our own. What is read stands in the log, as with an agent."""

    meter: str
    access: MeterAccess
    state_dir: Path
    timeout_s: float
    log: structlog.typing.FilteringBoundLogger

    @property
    def told(self) -> str:
        """The way, for a person."""
        return f"at {self.access.endpoint}"

    def ping(self) -> Pinged:
        """See whether it answers. Raises IngestError."""
        from ami_ingest.errors import SessionError
        from ami_ingest.meters.obis_line import pinged_line
        from ami_ingest.meters.ping import ping_meter

        work = ping_meter(
            self.access, state_dir=self.state_dir, deadline_s=self.timeout_s + _GRACE_S, log=self._bound()
        )
        try:
            pinged = asyncio.run(work)
        except SessionError as error:
            self._failed(error)
            raise
        self._bound().info(pinged_line(pinged))
        return pinged

    def read(self, targets: Sequence[Target], profile: ProfileRange | None) -> list[Reading]:
        """Read it. Raises IngestError."""
        from ami_ingest.errors import SessionError
        from ami_ingest.meters.obis_line import reading_line
        from ami_ingest.meters.read import read_meter

        work = read_meter(
            self.access, targets, profile, state_dir=self.state_dir, deadline_s=self.timeout_s, log=self._bound()
        )
        try:
            readings = asyncio.run(work)
        except SessionError as error:
            self._failed(error)
            raise
        for reading in readings:
            self._bound().info(reading_line(reading))
        return readings

    def _bound(self) -> structlog.typing.FilteringBoundLogger:
        return self.log.bind(meter=self.access.name, by=f"uid {os.getuid()}")

    def _failed(self, error: Exception) -> None:
        cause, remedy = getattr(error, "cause", None) or None, getattr(error, "remedy", "")
        self._bound().warning(str(error), cause=cause, remedy=remedy)


@dataclass(frozen=True, slots=True)
class ThroughAgent:
    """Through a running agent: its connection, its keys, its log."""

    meter: str
    socket: Path
    timeout_s: float
    access: None = None

    @property
    def told(self) -> str:
        """The way, for a person."""
        return f"through the agent at {self.socket}"

    def ping(self) -> Pinged:
        """See whether it answers. Raises AgentUnreachable or CommandError."""
        from ami_ingest.control.client import Agent
        from ami_ingest.control.errors import AgentRefused

        try:
            with Agent(self.socket, self.timeout_s) as agent:
                return agent.ping(self.meter)
        except AgentRefused as refused:
            raise AgentSaid(refused.failure) from None

    def read(self, targets: Sequence[Target], profile: ProfileRange | None) -> list[Reading]:
        """Read it. Raises AgentUnreachable or CommandError."""
        from ami_ingest.control.client import Agent
        from ami_ingest.control.errors import AgentRefused

        try:
            with Agent(self.socket, self.timeout_s) as agent:
                return agent.read(self.meter, targets, profile)
        except AgentRefused as refused:
            raise AgentSaid(refused.failure) from None


class AgentSaid(CommandError):
    """The agent could not do it. It exits as if we had met the same ourselves."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message, failure.remedy, _CODES[failure.kind])
        self.phase = failure.phase
        self.cause = failure.cause


def is_address(meter: str) -> bool:
    """Tell an address from the id of a meter."""
    return "://" in meter


@contextmanager
def way_to(
    meter: str,
    *,
    access: MeterAccess | None,
    control: Path | None,
    config: Path | None,
    timeout_s: float,
    verbose: bool,
) -> Iterator[Way]:
    """Give the way to a meter, whose `access` is known where it is given by its address.

    Raises CommandError where nobody knows the meter, ConfigError for the configuration.
    """
    from ami_kafka.state import state_dir

    if access is not None:
        with _log(None, verbose=verbose) as log:
            yield Straight(meter, access, state_dir(), timeout_s, log)
        return
    loaded = _loaded(config)
    socket = _socket(control, None if loaded is None else loaded.config)
    if socket is not None:
        yield ThroughAgent(meter, socket, timeout_s)
        return
    if loaded is None:
        raise CommandError(
            f"No agent runs here that could know the meter '{meter}'",
            "start it (`ami collect`), name its socket (--control) or its configuration (--config), "
            "or give the meter's address: tcp://HOST:PORT",
            ExitCode.MISSING,
        )
    from ami_ingest.meters.access import MeterAccess

    _refuse_root(loaded.config.state_dir)
    with _log(loaded.config, verbose=verbose) as log:
        known = MeterAccess.of(_of_inventory(meter, loaded))
        yield Straight(meter, known, loaded.config.state_dir, timeout_s, log)


def usual_sockets() -> tuple[Path, ...]:
    """Return where agents have their control socket."""
    from ami_ingest.config.model import CONTROL
    from ami_kafka.state import state_dir

    return tuple(folder / CONTROL for folder in (*_USUAL, state_dir()))


def _loaded(config: Path | None) -> Loaded | None:
    if config is None:
        return None
    from ami_ingest.config.file import read

    return read(config)


def _socket(control: Path | None, loaded: AgentConfig | None) -> Path | None:
    """Return the socket of an agent that runs. One that was named must have somebody behind it."""
    from ami_ingest.control.client import reachable

    if control is not None:
        return control
    if loaded is not None:
        return loaded.control_socket if reachable(loaded.control_socket) else None
    return next((path for path in usual_sockets() if reachable(path)), None)


def _of_inventory(meter: str, loaded: Loaded) -> Meter:
    """Return a meter of the configuration's inventory; of the registry that is what an agent kept on disk."""
    found = next((each for each in loaded.config.meters if each.id == meter), None)
    sentence, remedy = f"{loaded.path}: the inventory has no meter '{meter}'", "correct the id, "
    if found is None and loaded.registry:
        from ami_ingest.config.registry import KEPT, kept_meter

        kept = loaded.config.state_dir / KEPT
        found = kept_meter(kept, meter, loaded.resolver)
        sentence += f", and what an agent kept of the registry ({kept}) {_looked(kept)}"
        remedy += "start the agent (`ami collect`), which reads the registry (KAFKA_BOOTSTRAP names another Kafka), "
    if found is None:
        raise CommandError(sentence, f"{remedy}or give the meter's address: tcp://HOST:PORT", ExitCode.MISSING)
    return found


def _looked(kept: Path) -> str:
    """Say why a file does not tell the meter that was sought."""
    try:
        with kept.open("rb"):
            return "has none either"
    except OSError as error:
        return f"cannot be read ({error.strerror or type(error).__name__})"


def _refuse_root(folder: Path) -> None:
    """Refuse to be root where an agent is not: it could not go on with the counters that root would leave."""
    try:
        owner = folder.stat().st_uid
    except OSError:
        return
    if os.geteuid() == 0 and owner != 0:
        try:
            name = pwd.getpwuid(owner).pw_name
        except KeyError:
            name = f"#{owner}"
        raise CommandError(
            f"{folder} is of the user '{name}', whose agent could not go on with what root leaves there",
            f"run it as that user: sudo -u '{name}' …",
            ExitCode.USAGE,
        )


@contextmanager
def _log(loaded: AgentConfig | None, *, verbose: bool) -> Iterator[structlog.typing.FilteringBoundLogger]:
    """Give the technicians' log where there is one we may write to, and stderr where that is wished."""
    from ami_ingest.config.model import Logs
    from ami_ingest.logs import discard, logger, opened
    from ami_ingest.logs.folder import writable

    configured = Logs() if loaded is None else loaded.logs
    named = os.environ.get(LOG_DIR)
    folder = Path(named) if named else configured.folder
    if folder is None or not writable(folder):
        yield logger() if verbose else discard()
        return
    logs = Logs(folder, format=configured.format, level=configured.level)
    with opened(logs, quiet=not verbose, shared=True) as log:
        yield log
