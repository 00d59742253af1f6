"""Faust around the rules: records in, findings out, states in a table with a changelog. At least once.

A batch is taken; findings are written, then states, each awaited; then the batch counts as done, and what is done is
committed once a second. What raises is a defect or Kafka's end: it ends the process, which is started again by whoever
runs it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final, cast
from urllib.parse import quote
from uuid import uuid4

import faust
from aiokafka.errors import KafkaError
from faust.streams import Stream
from faust.types import TP, EventT, StreamT
from faust.types.web import Request, Response
from faust.web.drivers.aiohttp import Web
from mode import CrashingSupervisor
from structlog.typing import FilteringBoundLogger

from ami_normalize.watch import page
from ami_normalize.watch.health import Health
from ami_normalize.watch.missing import Missing, Place
from ami_normalize.watch.rules.fleet import Fleet, Found, Record, key_of
from ami_normalize.watch.rules.overview import CONCERNS, Overview, Survey, as_json, details
from ami_normalize.watch.settings import Settings
from ami_normalize.watch.table import MeterTable
from ami_normalize.watch.transport import Consumer, Transport
from ami_schemas import headers, topics

WATCHED: Final = (topics.READINGS, topics.EVENTS, topics.DEAD_LETTERS)

_WITHIN_S: Final = 0.2
_COMMIT_EVERY_S: Final = 1.0
_LOOK_EVERY_S: Final = 2.0
_PER_METER_S: Final = 60e-6
"""Pause between two surveys for each meter: a survey of a million meters is made once a minute."""
_SLICE: Final = 1000
"""Meters surveyed at a stretch, before others get their turn."""
_REPORT_EVERY_S: Final = 10.0


class _Web(Web):
    """Faust's web server with our pages only."""

    default_blueprints = ()
    production_blueprints = ()
    debug_blueprints = ()
    optional_blueprints = ()


class WatchApp(faust.App):
    """A Faust app that reads committed records, and serves our pages only."""

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    def _new_web(self) -> _Web:
        return _Web(self)


def make_app(settings: Settings, partitions: int, data: str) -> WatchApp:
    """Make the app; `partitions` is the count of all our topics, `data` a directory of its own.

    Its URL is only a name: the one of a static member must not change, and no two may have the same.
    """
    return WatchApp(
        settings.group,
        broker=[f"kafka://{each.strip()}" for each in settings.bootstrap.split(",")],
        processing_guarantee="at_least_once",
        agent_supervisor=CrashingSupervisor,
        datadir=data,
        store="memory://",
        autodiscover=False,
        key_serializer="raw",
        value_serializer="raw",
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=partitions,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.instance_id,
        broker_client_id="ami-watch",
        broker_session_timeout=30,
        broker_heartbeat_interval=3,
        broker_rebalance_timeout=60,
        broker_max_poll_records=settings.batch,
        producer_compression_type="zstd",
        producer_linger=0.005,
        stream_buffer_maxsize=1024,
        stream_wait_empty=False,
        stream_recovery_delay=0,
        table_standby_replicas=0,
        canonical_url=f"http://{quote(settings.instance_id or uuid4().hex, safe='')}.ami-watch.invalid",
        web_bind=settings.web.host,
        web_port=settings.web.port,
        worker_redirect_stdouts=False,
    )


class Watch:
    """The app's agent, timers and pages over one fleet."""

    def __init__(self, app: WatchApp, settings: Settings, log: FilteringBoundLogger) -> None:
        """Attach to an app that has not started."""
        self._app = app
        self._policy = settings.policy
        self._log = log
        self._owned: frozenset[int] = frozenset()
        self._done: dict[TP, int] = {}
        self._committed: dict[TP, int] = {}
        self._missing = Missing()
        self._table = MeterTable(app, self._on_recovered)
        app.tables.add(self._table)
        self._fleet = Fleet(self._table, settings.policy)
        self._health = Health()
        self._changing = asyncio.Lock()
        self._moving = False
        self._surveyed: Overview = Survey(_now_us(), settings.policy).overview()
        self._next_survey_s = self._next_report_s = 0.0
        self._reported: dict[str, int] = {}
        self._inputs = app.topic(*WATCHED, key_type=bytes, value_type=bytes, allow_empty=True, acks=False)
        self._events = app.topic(topics.EVENTS, key_type=bytes, value_type=bytes)
        self._batch = settings.batch
        app.on_partitions_revoked.connect(self._on_revoked)
        app.agent(self._inputs, concurrency=1, name="watch")(self._observe)
        app.timer(_COMMIT_EVERY_S)(self.commit)
        app.timer(_LOOK_EVERY_S)(self._look)
        app.timer(1.0)(self._survey)
        _pages(app, self)

    async def _observe(self, stream: StreamT[bytes]) -> None:
        async for batch in cast("Stream[bytes]", stream).noack_take(self._batch, within=_WITHIN_S):
            async with self._changing:
                events = list(self._ours(batch))
                await self._keep([found for event in events for found in self._fleet.take(_record(event))])
                self._done.update((event.message.tp, event.message.offset + 1) for event in events)

    async def commit(self) -> None:
        """Commit what is done."""
        assigned = self._consumer.assignment()
        done = {tp: offset for tp, offset in self._done.items() if tp in assigned and self._committed.get(tp) != offset}
        if done and await self._consumer.commit_done(done):
            self._committed.update(done)
        await self._rewind(assigned)

    async def _rewind(self, assigned: set[TP]) -> None:
        consumer = self._consumer
        ours = {tp: consumer.undone(tp, self._done.get(tp, 0)) for tp in assigned if tp.topic in WATCHED}
        undone: dict[Place, int] = {tp: first for tp, first in ours.items() if first is not None}
        again = frozenset() if self._moving else self._missing.again(undone, time.monotonic())
        if again:
            self._fleet.counts["rewound"] += len(again)
            await consumer.rewind({tp: undone[tp] for tp in ours if tp in again})

    def trouble(self) -> str | None:
        """Say why it cannot get on without a new start, if so."""
        if not self._app.should_stop and self._consumer.left_alone():
            return "the membership in the consumer group ended"
        return None

    async def finish(self) -> None:
        """Bring what is in hand to its end, and commit it."""
        if not self._moving:
            async with self._changing:
                await self.commit()

    def _ours(self, batch: Iterable[Any]) -> Iterator[EventT[bytes]]:
        """Leave out what was handed to us before its partition went to somebody else, and what does not follow."""
        consumer, reached = self._consumer, dict(self._done)
        assigned = consumer.assignment()
        for event in batch:
            message = event.message
            if message.tp not in assigned:
                continue
            if not consumer.follows(message, reached.get(message.tp, 0)):
                self._missing.left(message.tp, time.monotonic())
                continue
            self._missing.came(message.tp)
            reached[message.tp] = message.offset + 1
            yield event

    @property
    def _consumer(self) -> Consumer:
        return cast("Consumer", self._app.consumer)

    async def _keep(self, found: Iterable[Found]) -> None:
        """Write findings, then states, and return when Kafka has both."""
        sending = [
            await self._events.send(
                key=each.meter.encode(),
                value=each.value,
                partition=each.partition,
                headers=[(headers.SOURCE, each.source.encode())],
            )
            for each in found
        ]
        await asyncio.gather(*sending)
        await self._table.write(self._fleet.changes())
        self._fleet.settle()

    async def _look(self) -> None:
        """Ask Kafka where we are."""
        consumer = self._consumer
        places = [tp for tp in consumer.assignment() if tp.topic in WATCHED]
        if not places or self._app.rebalancing:
            return
        try:
            ends = await consumer.highwaters(*places)
            positions = {tp: await consumer.position(tp) for tp in places}
        except KafkaError as error:
            self._health.fail(f"Kafka does not answer ({error})")
            return
        self._health.see(
            {(tp.topic, tp.partition): self._position(tp, positions[tp] or 0) for tp in places},
            {(tp.topic, tp.partition): ends[tp] for tp in places},
            time.monotonic(),
        )

    def _position(self, tp: TP, fetched: int) -> int:
        """Return the next offset to be done: what is fetched may wait still, and behind it there are only markers."""
        undone = self._consumer.undone(tp, self._done.get(tp, 0))
        return fetched if undone is None else undone

    async def _survey(self) -> None:
        """Look at every meter: is it silent, does it need attention; and say now and then what was done."""
        now_s = time.monotonic()
        self._report(now_s)
        if now_s < self._next_survey_s:
            return
        survey = Survey(_now_us(), self._policy)
        keys = [key for key in self._table if self._owns(key)]
        for at in range(0, len(keys), _SLICE):
            async with self._changing:
                await self._judge(keys[at : at + _SLICE], survey)
            await asyncio.sleep(0)
        self._surveyed = survey.overview()
        self._next_survey_s = time.monotonic() + len(keys) * _PER_METER_S

    async def _judge(self, keys: Iterable[bytes], survey: Survey) -> None:
        now_us, settled = _now_us(), self._health.caught_up(time.monotonic())
        found = []
        for key in keys:
            if _partition(key) in settled:
                found += self._fleet.judge(key, now_us)
            state = self._fleet.state(key)
            if state is not None:
                survey.add(key, state)
        await self._keep(found)

    def _owns(self, key: bytes) -> bool:
        return _partition(key) in self._owned

    async def _on_revoked(self, *_arguments: object, **_named: object) -> None:
        """Bring what is in hand to its end, and change nothing until the table is recovered.

        A state written meanwhile would be overwritten by the older one of the changelog, or by a stranger's.
        """
        if self._moving:
            return
        await self._changing.acquire()
        self._moving = True
        await self.commit()

    def _on_recovered(self, owned: frozenset[int]) -> None:
        self._owned = owned
        self._done, self._committed, self._missing = {}, {}, Missing()
        self._fleet.know(self._table)
        self._next_survey_s = 0.0
        if self._moving:
            self._moving = False
            self._changing.release()
        self._log.info("recovered", partitions=sorted(owned), meters=len(self._table))

    def _report(self, now_s: float) -> None:
        if now_s < self._next_report_s:
            return
        self._next_report_s = now_s + _REPORT_EVERY_S
        counts = dict(self._fleet.counts)
        done = {name: count - self._reported.get(name, 0) for name, count in counts.items()}
        if any(done.values()):
            self._log.info("watched", **{name: count for name, count in sorted(done.items()) if count})
        self._reported = counts

    @property
    def surveyed(self) -> Overview:
        """The latest survey of all meters."""
        return self._surveyed

    def health(self) -> dict[str, Any]:
        """Return what the health page shows."""
        return {**self._health.report(time.monotonic()), "counts": dict(sorted(self._fleet.counts.items()))}

    def details(self, partition: int, meter: str) -> dict[str, Any] | None:
        """Return all tables of a meter, if it is here."""
        key = key_of(partition, meter)
        state = self._fleet.state(key)
        return None if state is None else details(key, state, _now_us(), self._policy)


def _pages(app: WatchApp, watch: Watch) -> None:
    web = app.web

    def concern(request: Request) -> str | None:
        asked = request.query.get("concern")
        return asked if asked in CONCERNS else None

    def found(partition: str, meter: str) -> dict[str, Any] | None:
        return watch.details(int(partition), meter) if partition.isascii() and partition.isdigit() else None

    @app.page("/")
    async def overview(_view: Any, request: Request) -> Response:
        return web.html(page.overview(watch.surveyed, watch.health(), concern(request)), headers=dict(page.HEADERS))

    @app.page("/meters/{partition}/{meter}")
    async def meter(_view: Any, _request: Request, partition: str, meter: str) -> Response:
        known = found(partition, meter)
        if known is None:
            text = page.not_found(f"{meter} is not among the meters of this process.")
            return web.html(text, status=404, headers=dict(page.HEADERS))
        return web.html(page.meter(known), headers=dict(page.HEADERS))

    @app.page("/api/overview")
    async def api_overview(_view: Any, request: Request) -> Response:
        return web.json(as_json(watch.surveyed, concern(request)))

    @app.page("/api/meters/{partition}/{meter}")
    async def api_meter(_view: Any, _request: Request, partition: str, meter: str) -> Response:
        known = found(partition, meter)
        return web.json(known or {"error": "not here"}, status=200 if known else 404)

    @app.page("/healthz")
    async def healthz(_view: Any, _request: Request) -> Response:
        report = watch.health()
        return web.json(report, status=200 if report["status"] == "ok" else 503)


def _record(event: EventT[bytes]) -> Record:
    message = event.message
    return Record(
        message.topic,
        message.partition,
        message.offset,
        int(message.timestamp * 1000),
        message.key,
        message.value,
        dict(message.headers or ()),
    )


def _partition(key: bytes) -> int:
    return int(key.partition(b"/")[0])


def _now_us() -> int:
    return time.time_ns() // 1000
