"""A real Kafka on this machine: the server's own jars on any Java, no Docker.

    with LocalBroker(folder) as broker:      # lives as long as the block, or the process
        use(broker.bootstrap)

    LocalBroker(folder, port=9092).start()   # lives on; another LocalBroker(folder) shows or stops it

Data, logs, configuration and pid files lie in the folder; starting again finds the data again. `nodes=3` gives a
cluster with three copies of each record, of which two must be written.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple

from ami_kafka import jars, java, process
from ami_kafka.check import broker_count
from ami_kafka.errors import BrokerFailed, KafkaUnavailable, PortTaken
from ami_kafka.properties import Node, server_properties
from ami_kafka.state import state_dir as default_state_dir

Progress = Callable[[str, float], None]
"""Told the phase (`java`, `jars`, `format`, `start`, `ready`) and the fraction of it that is done, 0 to 1."""

_READY_WITHIN_S = 180.0


class NodeStatus(NamedTuple):
    """One node as it is now."""

    number: int
    port: int
    pid: int | None
    """None when it does not run."""
    log: Path


class BrokerStatus(NamedTuple):
    """The local broker as it is now."""

    running: bool
    """True when each node runs."""
    bootstrap: str
    nodes: tuple[NodeStatus, ...]
    state_dir: Path
    kafka_version: str


class LocalBroker:
    """A Kafka of one node or three on the loopback interface, kept in a folder."""

    def __init__(
        self,
        state_dir: Path | None = None,
        *,
        nodes: int = 1,
        port: int | None = None,
        advertised: Sequence[int] = (),
        jar_cache: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Describe it; nothing starts yet.

        `state_dir` defaults to `kafka` in the state directory. `port` is the first node's, the others follow it; None
        takes free ones. What an earlier start chose for the folder (nodes, ports) stays, unless `port` says otherwise.
        `advertised` gives a port a node, of something between clients and brokers (a proxy): each node then listens
        once more (`fronts`), and sends whoever comes that way back to the advertised ports.
        """
        self.state_dir = (state_dir or default_state_dir() / "kafka").absolute()
        self._wanted_nodes = nodes
        self._wanted_port = port
        self._advertised = tuple(advertised)
        self._jar_cache = jar_cache
        self._tell = progress or (lambda _phase, _fraction: None)
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """The bootstrap address, `host:port,…`; of the last start if it does not run."""
        return ",".join(f"127.0.0.1:{node.port}" for node in self._nodes())

    @property
    def fronts(self) -> tuple[int, ...]:
        """The ports where the nodes listen for what comes through `advertised`; empty where nothing is in between."""
        return tuple(node.front_port for node in self._nodes() if node.front_port is not None)

    def start(self) -> None:
        """Start it and return when every node answers; nothing happens where it runs already.

        Raises `JavaMissing`, `JarsUnavailable`, `PortTaken` or `BrokerFailed`.
        """
        if self.status().running:
            self._tell("ready", 1.0)
            return
        self.stop()
        self._tell("java", 0.0)
        runtime = java.find()
        self._tell("java", 1.0)
        libraries = jars.ensure(self._jar_cache, lambda part: self._tell("jars", part))
        nodes = self._choose_nodes()
        self._format(runtime, libraries, nodes)
        for node in nodes:
            self._launch(runtime, libraries, node, len(nodes))
        try:
            self._await_ready(nodes)
        except BaseException:
            self.stop()
            raise

    def start_node(self, number: int) -> None:
        """Start one node again after `kill_node`, without waiting for it."""
        nodes = self._nodes()
        libraries = jars.ensure(self._jar_cache)
        self._launch(java.find(), libraries, nodes[number - 1], len(nodes))

    def kill_node(self, number: int) -> None:
        """Kill one node (numbered from 1) without warning, for tests of faults."""
        pid = process.running(self._pid_file(number), self._word)
        if pid is not None:
            process.send(pid, signal.SIGKILL)
        process.end([self._pid_file(number)], self._word)

    def stop(self) -> None:
        """Stop every node; data and logs stay."""
        process.end(sorted(self.state_dir.glob("node-*.pid")), self._word)

    def status(self) -> BrokerStatus:
        """Look which nodes run."""
        nodes = tuple(
            NodeStatus(
                node.number, node.port, process.running(self._pid_file(node.number), self._word), self._log(node)
            )
            for node in self._nodes()
        )
        return BrokerStatus(
            running=bool(nodes) and all(node.pid is not None for node in nodes),
            bootstrap=self.bootstrap,
            nodes=nodes,
            state_dir=self.state_dir,
            kafka_version=jars.KAFKA_VERSION,
        )

    def __enter__(self) -> LocalBroker:
        """Start it for the time of a block; it also ends when this process ends in any way."""
        self.start()
        pid_files = [str(self._pid_file(node.number)) for node in self._nodes()]
        self._guard = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "ami_kafka.guard", self._word, *pid_files],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()
        if self._guard is not None:
            pipe: IO[bytes] | None = self._guard.stdin
            if pipe is not None:
                pipe.close()
            self._guard.wait()
            self._guard = None

    @property
    def _word(self) -> str:
        """What only our nodes have in their command line."""
        return str(self.state_dir / "node-")

    @property
    def _record(self) -> Path:
        return self.state_dir / "cluster.json"

    def _pid_file(self, number: int) -> Path:
        return self.state_dir / f"node-{number}.pid"

    def _properties(self, number: int) -> Path:
        return self.state_dir / f"node-{number}.properties"

    def _log(self, node: Node) -> Path:
        return self.state_dir / f"node-{node.number}.log"

    def _nodes(self) -> list[Node]:
        try:
            return [Node(*node) for node in json.loads(self._record.read_text())["nodes"]]
        except FileNotFoundError:
            return []

    def _choose_nodes(self) -> list[Node]:
        """Take the ports of the last start where they are still free, and write the configuration."""
        known = self._nodes()
        count = len(known) or self._wanted_nodes
        if self._wanted_port is not None:
            ports = [self._wanted_port + index for index in range(count)]
        else:
            ports = [node.port for node in known]
        for port in ports:
            if not _free(port):
                raise PortTaken(
                    f"port {port} of 127.0.0.1 is in use by another program, so the local Kafka cannot listen there",
                    "stop that program, or choose another port with --port",
                )
        spare = _free_ports(3 * count)
        ports = ports or spare[:count]
        controllers = [node.controller_port for node in known if _free(node.controller_port)]
        if len(controllers) != count:
            controllers = spare[count : 2 * count]
        nodes = [Node(i + 1, ports[i], controllers[i]) for i in range(count)]
        if self._advertised:
            fronts = self.fronts or spare[2 * count :]
            nodes = [
                node._replace(front_port=front, front_advertised=port)
                for node, front, port in zip(nodes, fronts, self._advertised, strict=True)
            ]
        self.state_dir.mkdir(parents=True, exist_ok=True)
        self._record.write_text(json.dumps({"nodes": nodes, "cluster": self._cluster_id()}))
        for node in nodes:
            data = self.state_dir / f"data-{node.number}"
            self._properties(node.number).write_text(server_properties(node, nodes, data))
        return nodes

    def _cluster_id(self) -> str:
        try:
            return str(json.loads(self._record.read_text())["cluster"])
        except FileNotFoundError:
            identity = b"A" + urlsafe_b64encode(uuid.uuid4().bytes)[1:22]  # a leading "-" would be taken for an option
            return identity.decode()

    def _format(self, runtime: java.Java, libraries: Path, nodes: list[Node]) -> None:
        """Prepare the data folders that are not yet."""
        cluster = self._cluster_id()
        for done, node in enumerate(nodes):
            self._tell("format", done / len(nodes))
            if (self.state_dir / f"data-{node.number}" / "meta.properties").is_file():
                continue
            command = [str(runtime.path), *runtime.options, "-Xshare:auto", "-XX:TieredStopAtLevel=1"]
            command += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{libraries}/*"]
            command += ["kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster]
            command += ["-c", str(self._properties(node.number))]
            formatted = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
            if formatted.returncode:
                raise BrokerFailed(
                    f"the local Kafka's data folder could not be prepared: {_last_line(formatted.stderr)}",
                    f"look at {self.state_dir}; removing it starts afresh, without the data",
                )
        self._tell("format", 1.0)

    def _launch(self, runtime: java.Java, libraries: Path, node: Node, count: int) -> None:
        heap = "512m" if count == 1 else "256m"
        process.launch(
            [
                str(runtime.path),
                *runtime.options,
                f"-Xmx{heap}",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                "-Dorg.slf4j.simpleLogger.showDateTime=true",
                "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
                "-cp",
                f"{libraries}/*",
                "kafka.Kafka",
                str(self._properties(node.number)),
            ],
            pid_file=self._pid_file(node.number),
            log=self._log(node),
        )

    def _await_ready(self, nodes: list[Node]) -> None:
        """Wait until each node is known to the cluster and answers."""
        begun = time.monotonic()
        while True:
            waited = time.monotonic() - begun
            self._tell("start", min(0.95, waited / (5.0 + 2.0 * len(nodes))))
            for node in nodes:
                if process.running(self._pid_file(node.number), self._word) is None:
                    raise BrokerFailed(
                        f"the local Kafka ended while it started: {_last_line(self._log(node).read_text())}",
                        f"look at {self._log(node)}",
                    )
            try:
                if broker_count(self.bootstrap, timeout_s=2.0) == len(nodes):
                    break
            except KafkaUnavailable:
                pass
            if waited > _READY_WITHIN_S:
                raise BrokerFailed(
                    f"the local Kafka does not answer after {_READY_WITHIN_S:.0f} s", f"look at {self._log(nodes[0])}"
                )
            time.sleep(0.1)
        self._tell("start", 1.0)
        self._tell("ready", 1.0)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on; held together, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"
