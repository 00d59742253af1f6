"""A running agent seen from outside: what metrics, health and the control socket ask its parts."""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from importlib import metadata
from typing import Any

from ami_ingest.config.model import AgentConfig, Meter
from ami_ingest.control.errors import ControlError
from ami_ingest.observe.observer import Observer
from ami_ingest.observe.snapshot import Calls, Configured, Lines, Pushes, Snapshot, Spooled
from ami_ingest.push.listener import Listener
from ami_ingest.schedule.scheduler import Scheduler
from ami_ingest.spool.publisher import Publisher
from ami_ingest.spool.spool import Spool
from ami_ingest.transport.call_in import Callers
from ami_ingest.transport.serial_line import LineState


class AgentInside:
    """Knows where in the agent everything is; an `Inside` of the control server."""

    def __init__(
        self,
        config: AgentConfig,
        *,
        spool: Spool,
        listener: Listener,
        call_in: Callers,
        lines: Mapping[str, LineState],
        scheduler: Scheduler,
        publisher: Publisher,
        reload: Callable[[], None] | None = None,
    ) -> None:
        self._spool = spool
        self._listener = listener
        self._call_in = call_in
        self._lines = lines
        self._scheduler = scheduler
        self._publisher = publisher
        self._reload = reload
        self._config = config
        self._in_force = _in_force(config)
        self.observer = Observer(self.snapshot)

    def apply(self, config: AgentConfig) -> None:
        """Take note of a configuration that has come into force."""
        self._config = config
        self._in_force = _in_force(config)

    def snapshot(self) -> Snapshot:
        """Return how it is, from any thread."""
        listener, call_in, spool, publisher = self._listener, self._call_in, self._spool, self._publisher
        lines = dict(self._lines)  # one step: the event loop may be adding a line
        records, octets = spool.depth
        oldest_us = spool.oldest_us
        return Snapshot(
            self._scheduler.stats,
            Pushes(
                listener.connections,
                listener.received,
                listener.refused,
                listener.refused_messages,
                listener.dropped,
                listener.kernel_drops,
                listener.counters_missing,
            ),
            Spooled(
                records,
                octets,
                spool.max_bytes,
                spool.full,
                spool.failing,
                0.0 if oldest_us is None else max(0.0, time.time() - oldest_us / 1e6),
                spool.dropped_records,
                spool.damaged,
                publisher.published,
                publisher.refusals,
                publisher.away,
            ),
            self._in_force,
            Calls(call_in.connections, call_in.identified, call_in.unknown, call_in.refused),
            Lines(
                {name: line.resets for name, line in lines.items()},
                {name: line.returns for name, line in lines.items()},
            ),
        )

    def status(self) -> dict[str, Any]:
        """Return the health page, and who this is."""
        return {
            "agent": self._config.agent,
            "version": metadata.version("ami-ingest"),
            "pid": os.getpid(),
            **self.observer.page(),
        }

    def meters(self) -> Iterator[dict[str, Any]]:
        """Yield the inventory, without secrets."""
        for meter in self._config.meters:
            yield {
                "id": meter.id,
                "address": str(meter.address),
                "group": meter.group,
                "authentication": meter.authentication.value,
                "schedules": [schedule.name for schedule in meter.schedules if schedule.active],
            }

    def reload(self) -> dict[str, Any]:
        """Have the configuration read again soon; the log says what became of it. Raises ControlError."""
        if self._reload is None:
            raise ControlError("This agent does not watch a configuration; restart it to change anything")
        self._reload()
        return {"asked": True, "in_force": self._in_force.fingerprint}


def _in_force(config: AgentConfig) -> Configured:
    return Configured(fingerprint(config), time.time(), Counter(meter.group for meter in config.meters))


def fingerprint(config: AgentConfig) -> str:
    """Return twelve hexadecimal digits that change with anything but secrets, order of the inventory included."""
    digest = hashlib.sha256()
    for name in (field.name for field in fields(config) if field.name != "meters"):
        digest.update(f"{name}={getattr(config, name)!r}\n".encode())
    names = [field.name for field in fields(Meter)]
    told: dict[int, str] = {}  # by identity: meters share most of what is said of them
    for meter in config.meters:
        said = []
        for name in names:
            value = getattr(meter, name)
            text = told.get(id(value))
            if text is None:
                text = told[id(value)] = repr(value)  # no secret has one
            said.append(text)
        digest.update("\0".join(said).encode() + b"\n")
    return digest.hexdigest()[:12]
