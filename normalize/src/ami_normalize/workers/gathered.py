"""The metrics and the health of all workers as one page: each serves its own on a socket, read when somebody asks."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from ami_normalize.observe import names
from ami_normalize.workers.supervisor import Supervisor

LABEL: Final = "worker"
_TIMEOUT_S: Final = 3.0


class Gathered(Collector):
    """Answers for all workers."""

    def __init__(self, supervisor: Supervisor, sockets: Mapping[int, Path]) -> None:
        """Ask at the socket of each worker, by its number."""
        self._supervisor = supervisor
        self._sockets = sockets
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def metrics(self) -> bytes:
        """Return the metrics of all, each with the worker's number as a label."""
        return generate_latest(self._registry)

    def page(self) -> dict[str, Any]:
        """Return the health pages of all; healthy where every worker is."""
        workers = [self._worker(known) for known in self._supervisor.page()]
        ill = [f"worker {each['worker']}: {each['reason']}" for each in workers if not each["healthy"]]
        return {"healthy": not ill, "reason": "; ".join(ill) or None, "workers": workers}

    def collect(self) -> Iterator[Family]:
        """Yield what the workers say, and how they are."""
        up = GaugeMetricFamily(names.WORKER_UP.name, names.WORKER_UP.says, labels=[LABEL])
        restarts = CounterMetricFamily(names.WORKER_RESTARTS.name, names.WORKER_RESTARTS.says, labels=[LABEL])
        families: dict[str, Family] = {}
        for known in self._supervisor.page():
            number = str(known["worker"])
            text = self._ask(known["worker"], "/metrics")
            up.add_metric([number], text is not None)
            restarts.add_metric([number], known["restarts"])
            for family in text_string_to_metric_families((text or b"").decode()):
                into = families.setdefault(family.name, Family(family.name, family.documentation, family.type))
                into.samples += [sample._replace(labels={**sample.labels, LABEL: number}) for sample in family.samples]
        yield up
        yield restarts
        yield from families.values()

    def describe(self) -> Iterator[Family]:
        """Yield nothing: what there is, is known when somebody asks."""
        return iter(())

    def _worker(self, known: dict[str, Any]) -> dict[str, Any]:
        told = self._ask(known["worker"], "/health")
        silent = {"healthy": False, "reason": "it does not run" if known["pid"] is None else "it does not answer yet"}
        return {**known, **(json.loads(told) if told is not None else silent)}

    def _ask(self, number: int, path: str) -> bytes | None:
        connection = http.client.HTTPConnection("worker", timeout=_TIMEOUT_S)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.settimeout(_TIMEOUT_S)
            connection.sock.connect(str(self._sockets[number]))
            connection.request("GET", path)
            return connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
