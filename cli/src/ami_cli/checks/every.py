"""All checks in their order, from the machine up to the topics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ami_cli.asking import usual_sockets
from ami_cli.checks import agent, clock, firewall, installation, kafka, machine, serial, tls
from ami_cli.checks.finding import Finding
from ami_cli.options import bootstrap_servers

if TYPE_CHECKING:
    from ami_ingest.config.model import AgentConfig

_PORT: Final = 4059
_CONNECTIONS: Final = 15_000
"""Of an agent without a configuration: the default of push.max_connections."""


def checks(bootstrap: str | None = None, config: Path | None = None, control: Path | None = None) -> Iterator[Finding]:
    """Yield every finding. Without `bootstrap` the Kafka is the configuration's, else the usual one."""
    yield installation.python()
    yield installation.system()
    yield from installation.rooms()
    yield installation.hot_path()
    yield installation.kafka_client()
    yield installation.java()
    yield tls.openssl()
    yield from tls.ciphers()
    yield clock.clock()
    yield machine.load()
    yield from machine.pressure()
    loaded, found = agent.configuration(config)
    yield found
    folder, named_by = (machine.state_folder(), "AMI_STATE") if loaded is None else (loaded.state_dir, "state_dir")
    yield machine.disk(folder, named_by)
    yield machine.disk_speed(folder)
    yield machine.files(_connections(loaded))
    yield from machine.receive_buffer()
    yield from serial.serial_ports()
    for number in _ports(loaded):
        yield machine.port(number, "the agent's listener")
        yield firewall.reachable(number)
        yield from firewall.firewall(number)
    yield machine.port(9092, "Kafka")
    yield from agent.running(_sockets(loaded, control))
    yield from kafka.kafka(bootstrap_servers(bootstrap or (loaded.kafka.bootstrap if loaded else None)))


def _ports(loaded: AgentConfig | None) -> list[int]:
    """Return the TCP ports where meters reach us from outside."""
    if loaded is None:
        return [_PORT]
    return sorted(
        {one.port for one in loaded.listen if one.transport == "tcp" and one.port and not one.host.startswith("127.")}
    )


def _connections(loaded: AgentConfig | None) -> int:
    if loaded is None:
        return _CONNECTIONS
    return loaded.most_connections + loaded.poll.concurrency


def _sockets(loaded: AgentConfig | None, control: Path | None) -> Iterator[Path]:
    """Yield where an agent may be asked; the usual places are known by the ingest room, which may not be installed."""
    if control is not None:
        yield control
        return
    if loaded is not None:
        yield loaded.control_socket
    yield from usual_sockets()
