"""What of a message of readings goes to which route.

Every path that makes readings asks the same: serialized `MeterReadings` in, what to write beside them out. A route that
takes all values as protobuf gets the very same bytes; the message is parsed only where a form or a choice needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timezone, tzinfo
from typing import Final, NamedTuple

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_normalize.meter import NO_METERS, Registry
from ami_normalize.pipeline.split import part, split
from ami_normalize.routes.route import Obis, Route
from ami_schemas import json_form

_MOST_METERS: Final = 1 << 16


class Routed(NamedTuple):
    """A record for a route: to the raw record's partition number, under the meter's id."""

    topic: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


class Routes:
    """Routes in force. They never change; it remembers which of them take a meter."""

    def __init__(self, routes: Iterable[Route] = (), zone: tzinfo = timezone.utc) -> None:
        """Hold routes; `zone` is the normalizer's default zone, for local times in JSON."""
        self.routes: Final = tuple(routes)
        self._zone = zone
        self._asks = any(route.meters.asks_the_registry for route in self.routes)
        self._registry: Registry = NO_METERS
        self._taking: dict[str, tuple[Route, ...]] = {}

    def __len__(self) -> int:
        return len(self.routes)

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics they write to."""
        return tuple(route.topic for route in self.routes)

    def taking(self, meter_id: str, registry: Registry) -> tuple[Route, ...]:
        """Return the routes that take a meter. Depends on the meter and the registry, never on a message."""
        if registry is not self._registry:
            self._registry = registry
            if self._asks:
                self._taking.clear()
        known = self._taking.get(meter_id)
        if known is None:
            if len(self._taking) >= _MOST_METERS:
                self._taking.clear()
            facts = registry.by_name(meter_id) if self._asks else None
            known = self._taking[meter_id] = tuple(
                route for route in self.routes if route.meters.takes(meter_id, facts)
            )
        return known

    def outputs(self, meter_id: str, serialized: bytes, registry: Registry = NO_METERS) -> Sequence[Routed]:
        """Return what is to be written for a message; nothing where no route takes it, or none of its values."""
        if not self.routes:
            return ()
        taking = self.taking(meter_id, registry)
        if not taking:
            return ()
        message = _Message(serialized)
        return [
            Routed(route.topic, route.framing.prefix + value, route.framing.headers)
            for route in taking
            for value in self._values(route, message)
        ]

    def _values(self, route: Route, message: _Message) -> Iterator[bytes]:
        if route.obis is None and route.format == "protobuf":
            yield message.serialized
            return
        chosen = message.parsed if route.obis is None else message.only(route.obis)
        if chosen is None:
            return
        if route.format == "protobuf":
            yield message.serialized if chosen is message.parsed else chosen.SerializeToString()
            return
        for piece in split(chosen, lambda each: len(self._json(each))):
            yield self._json(piece)

    def _json(self, message: pb.MeterReadings) -> bytes:
        return json_form.text(message, self._zone).encode()


class _Message:
    """A message, parsed once, when the first route needs it."""

    def __init__(self, serialized: bytes) -> None:
        self.serialized = serialized
        self._parsed: pb.MeterReadings | None = None

    @property
    def parsed(self) -> pb.MeterReadings:
        if self._parsed is None:
            self._parsed = pb.MeterReadings.FromString(self.serialized)
        return self._parsed

    def only(self, obis: Obis) -> pb.MeterReadings | None:
        """Return the message with only the values of some codes; itself where these are all, None where none is."""
        whole = self.parsed
        readings = [each for each in whole.readings if each.obis in obis]
        blocks = [each for each in whole.interval_blocks if each.obis in obis]
        retracted = [each for each in whole.retracted if each.obis in obis]
        if not readings and not blocks and not retracted:
            return None
        counts = (len(whole.readings), len(whole.interval_blocks), len(whole.retracted))
        if (len(readings), len(blocks), len(retracted)) == counts:
            return whole
        return part(whole, readings, blocks, retracted)


NO_ROUTES: Final = Routes()
"""Readings go to `ami.readings.v1` alone."""
