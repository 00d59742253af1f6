"""The configuration of the local broker's nodes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Node(NamedTuple):
    """One node: broker and controller in one process."""

    number: int
    port: int
    controller_port: int
    front_port: int | None = None
    """Where it listens for clients that come through something in between, such as a proxy; None: nowhere."""
    front_advertised: int | None = None
    """The port of what is in between, which the node names to these clients as its own."""


def server_properties(node: Node, nodes: Sequence[Node], data: Path) -> str:
    """Give the text of `server.properties` for a node of a cluster on the loopback interface."""
    copies = min(3, len(nodes))
    in_sync = max(1, copies - 1)
    listeners = [f"PLAINTEXT://127.0.0.1:{node.port}"]
    advertised = list(listeners)
    if node.front_port is not None:
        listeners.append(f"FRONT://127.0.0.1:{node.front_port}")
        advertised.append(f"FRONT://127.0.0.1:{node.front_advertised}")
    settings = {
        "process.roles": "broker,controller",
        "node.id": node.number,
        "controller.quorum.voters": ",".join(f"{n.number}@127.0.0.1:{n.controller_port}" for n in nodes),
        "listeners": ",".join([*listeners, f"CONTROLLER://127.0.0.1:{node.controller_port}"]),
        "advertised.listeners": ",".join(advertised),
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,FRONT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": 8,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": 8,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
        "group.initial.rebalance.delay.ms": 0,
        # An open transaction of a dead client ends soon after its timeout, not up to ten seconds later.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
        "log.cleaner.dedupe.buffer.size": 16 << 20,
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())
