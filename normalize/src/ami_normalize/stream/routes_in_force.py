"""The routes in force: a changed file is taken over once its topics are there; until then the old ones stay in force.

A batch with a record for a topic that does not exist would fail for ever, so no route comes into force before Kafka has
its topic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from structlog.typing import FilteringBoundLogger

from ami_kafka.check import check_alike
from ami_kafka.errors import KafkaRoomError
from ami_normalize.errors import RoutesInvalid
from ami_normalize.instants import zone_of
from ami_normalize.routes.outputs import Routes
from ami_normalize.routes.watched import RouteFile
from ami_normalize.stream.settings import Settings
from ami_schemas import topics


class RoutesInForce:
    """The routes of the settings' file."""

    def __init__(self, settings: Settings, log: FilteringBoundLogger) -> None:
        """Read the file; raises RoutesInvalid. That its topics exist is the loop's to see, at its start."""
        self._log = log
        zone = zone_of(settings.default_zone)
        self._file = RouteFile(settings.routes, zone) if settings.routes else None
        self._exist: Callable[[Iterable[str]], None] = lambda names: check_alike(settings.bootstrap, topics.RAW, names)
        self._waiting: Routes | None = None
        self._told = False
        self.routes = self._file.routes if self._file else Routes()

    def refresh(self) -> None:
        """Take a changed file over. Asks Kafka where one waits for its topics: not for the thread that works."""
        if self._file is None:
            return
        try:
            if self._file.refresh():
                self._waiting, self._told = self._file.routes, False
        except RoutesInvalid as error:
            self._waiting = None
            self._log.warning("routes refused, the old ones stay in force", error=f"{error}")
        if self._waiting is not None:
            self._take(self._waiting)

    def _take(self, routes: Routes) -> None:
        try:
            self._exist(routes.topics)
        except KafkaRoomError as error:
            if not self._told:
                self._log.warning("routes wait for their topics, the old ones stay in force", error=f"{error}")
            self._told = True
            return
        self.routes, self._waiting = routes, None
        self._log.info("routes in force", topics=list(routes.topics))
